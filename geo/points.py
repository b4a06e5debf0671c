"""Single points: whether a pair of coordinates can be one, and what is wrong with it if not.

Degrees, EPSG:4326, longitude first.
"""

import math

WEST, SOUTH, EAST, NORTH = 102.0, 6.0, 118.1, 23.5
"""A box round Vietnam with Trường Sa and its waters, in degrees: wide on purpose."""


def check_lon_lat(lon: float, lat: float) -> None:
    """Raise `ValueError` unless both are finite and within ±180 and ±90 degrees."""
    if not (math.isfinite(lon) and abs(lon) <= 180):
        raise ValueError("the longitude must be a finite number from -180 to 180")
    if not (math.isfinite(lat) and abs(lat) <= 90):
        raise ValueError("the latitude must be a finite number from -90 to 90")


def swapped(lon: float, lat: float) -> tuple[float, float] | None:
    """The mended pair when latitude and longitude are certainly swapped, else None.

    Certain means: no such place exists as given (a latitude beyond 90), and the reversed pair
    lies in Vietnam's box. A pair that is a place anywhere on earth is never called swapped.
    """
    if abs(lat) > 90 and WEST <= lat <= EAST and SOUTH <= lon <= NORTH:
        return lat, lon
    return None
