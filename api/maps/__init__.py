"""Vector tiles: wards for everybody, the station's cases for its officers."""
