"""A whole TinBáo on one machine: private PostGIS, API, worker and demo story."""
