"""SRIDs and units used by everyone."""

WGS84 = 4326
"""EPSG:4326, longitude first, degrees: every stored and exchanged coordinate."""

WEB_MERCATOR = 3857
"""EPSG:3857, the plane of map tiles; its units are metres at the equator only."""
