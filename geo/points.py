"""Single points: whether latitude and longitude are swapped. Degrees, EPSG:4326."""

WEST, SOUTH, EAST, NORTH = 102.0, 6.0, 118.1, 23.5
"""A box round Vietnam with Trường Sa and its waters, in degrees: wide on purpose."""


def swapped(lon: float, lat: float) -> tuple[float, float] | None:
    """The mended pair when latitude and longitude are certainly swapped, else None.

    Certain means: no such place exists as given (a latitude beyond 90), and the reversed pair
    lies in Vietnam's box. A pair that is a place anywhere on earth is never called swapped.
    """
    if abs(lat) > 90 and WEST <= lat <= EAST and SOUTH <= lon <= NORTH:
        return lat, lon
    return None
