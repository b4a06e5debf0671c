"""SRIDs and units used by everyone."""

WGS84 = 4326
"""EPSG:4326, longitude first, degrees: every stored and exchanged coordinate."""
