"""Which wards a point, or a disc round it, lies in: what any index of wards answers.

Wards are known by their position in the order of their codes, so the lowest position is the lowest
code. Polygons are closed: a point on a border belongs to every ward it borders. Degrees, EPSG:4326,
longitude first; lengths in metres on the ellipsoid.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geo.plane import Floats

NOWHERE = -1
"""The position of a point that no ward covers."""


class WardIndex(Protocol):
    """The wards of one edition, without their names. Never changes; safe in many threads."""

    def ward_at(self, lon: float, lat: float) -> int:
        """The first ward that covers the point, or -1."""

    def wards_at(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        """`ward_at` of many points at once."""

    def covering(self, lon: float, lat: float) -> list[int]:
        """Every ward that covers the point, in order: several on borders and overlaps."""

    def shares(
        self, lon: float, lat: float, radius_m: float, covering: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Which part of the disc lies in which ward, in order of the wards.

        `covering` is what the method of that name says, where it has been asked already.

        An overlap counts once, for the first ward. Radius from nothing to 100 km. The sum is less
        than 1 where the disc reaches beyond the wards.
        """

    def distance_to_border_m(
        self, ward: int, lon: float, lat: float, limit: float = 500
    ) -> float | None:
        """Metres to the border of a ward, holes included; None beyond `limit`."""

    def nearest(self, lon: float, lat: float, within_m: float) -> list[tuple[int, float]]:
        """Wards within so many metres and how far they are, nearest first; of equals the first.

        Up to 22 km. A ward that covers the point is 0 metres away.
        """

    def in_gap(self, lon: float, lat: float) -> bool:
        """Whether the point is in an enclosed hole of the coverage."""
