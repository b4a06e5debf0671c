"""Cells as they are sent: without gaps, and near each other."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from h3.api import basic_int as h3

from api.hotspots.schemas import FeatureOut
from api.hotspots.shapes import DRAWN, SENT, ring, shaped, side_by_side

HANOI = (21.03, 105.85)
FLAGS = {"is_hotspot": False, "is_rising": False}


def place(cell: str | None, ward: str = "00001", **facts: Any) -> FeatureOut:
    """A place as it is kept, with its shape."""
    told = {"cell": cell, "res": 8, "ward_code": ward, "count_band": "5-9", "suppressed": False}
    properties = told | FLAGS | facts
    return FeatureOut.model_validate(shaped({"properties": properties}, decimals=SENT))


def names(features: list[FeatureOut]) -> list[str | None]:
    return [each.properties.cell for each in features]


@pytest.mark.parametrize("decimals", [SENT, DRAWN])
@pytest.mark.parametrize("resolution", [7, 8])
def test_cells_leave_no_gap_and_do_not_overlap(decimals: int, resolution: int) -> None:
    cells = h3.grid_disk(h3.latlng_to_cell(*HANOI, resolution), 6)
    inner = h3.grid_disk(h3.latlng_to_cell(*HANOI, resolution), 5)

    edges = Counter(
        (tuple(a), tuple(b)) for cell in cells for a, b in pairwise(ring(f"{cell:x}", decimals))
    )

    assert max(edges.values()) == 1
    for cell in inner:
        sides = list(pairwise(ring(f"{cell:x}", decimals)))
        assert len(sides) == 6
        assert all((tuple(b), tuple(a)) in edges for a, b in sides)


def test_a_corner_is_sent_within_a_hundred_metres() -> None:
    cell = h3.latlng_to_cell(*HANOI, 8)

    sent, exact = ring(f"{cell:x}", SENT), ring(f"{cell:x}", 9)

    apart = [
        h3.great_circle_distance((a[1], a[0]), (b[1], b[0]), "m")
        for a, b in zip(sent, exact, strict=True)
    ]
    assert 0 < max(apart) < 100


def test_the_first_band_comes_first_by_rank_and_what_has_no_shape_last() -> None:
    cells = [f"{each:x}" for each in h3.grid_disk(h3.latlng_to_cell(*HANOI, 8), 1)]
    hidden = [f"{h3.latlng_to_cell(21.2, 105.2 + x / 10, 8):x}" for x in range(2)]
    first = [place(each, area_band="top1") for each in (cells[3], cells[0])]
    others = [place(each, area_band="rest") for each in (cells[1], cells[5], cells[2])]
    unseen = [
        place(hidden[0], "00002", suppressed=True, count_band=None),
        place(hidden[1], "00001", suppressed=True, count_band=None),
    ]
    ward = place(None, "00003")

    found = sorted([ward, *unseen, *first, *others], key=side_by_side)

    assert names(found[:2]) == [cells[3], cells[0]]
    assert set(names(found[2:5])) == {cells[1], cells[5], cells[2]}
    assert names(found[5:]) == [hidden[1], hidden[0], None]
    assert all(each.geometry is None for each in found[5:])
