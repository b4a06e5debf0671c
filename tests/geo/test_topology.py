"""Overlaps and gaps found by edges equal those found by intersecting and uniting everything."""

from itertools import combinations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.topology import examine

corner = st.integers(0, 6)
boxes = st.lists(
    st.builds(
        lambda x, y, w, h: shapely.box(x, y, x + w, y + h), corner, corner, *[st.integers(1, 4)] * 2
    ),
    min_size=1,
    max_size=7,
)


@given(boxes)
def test_faults_are_those_of_pairs_and_of_the_union(drawn: list[shapely.Polygon]) -> None:
    wards = shapely.transform(np.array(drawn, dtype=object), lambda p: 105 + p / 97)
    codes = [f"{i:05}" for i in range(len(wards))]

    found = examine(codes, wards)

    pairs = {
        (codes[one], codes[other])
        for one, other in combinations(range(len(wards)), 2)
        if drawn[one].intersection(drawn[other]).area > 0
    }
    assert {overlap.codes for overlap in found.overlaps} == pairs
    united = shapely.union_all(drawn)
    filled = shapely.union_all([shapely.Polygon(p.exterior) for p in shapely.get_parts(united)])
    holes = filled.area - united.area
    assert np.isclose(sum(gap.hole.area for gap in found.gaps) * 97**2, holes, atol=1e-6)


def test_three_wards_on_one_place_are_three_pairs() -> None:
    same = shapely.box(105, 21, 105.1, 21.1)

    found = examine(["1", "2", "3"], np.array([same, same, same], dtype=object))

    assert [overlap.codes for overlap in found.overlaps] == [("1", "2"), ("1", "3"), ("2", "3")]


def test_a_vertex_missing_on_one_side_makes_a_sliver_and_no_more() -> None:
    left = shapely.Polygon([(105, 21), (105.1, 21), (105.1, 21.1), (105, 21.1)])
    right = shapely.Polygon(
        [(105.1, 21), (105.2, 21), (105.2, 21.1), (105.1, 21.1), (105.1000001, 21.05)]
    )

    found = examine(["1", "2"], np.array([left, right], dtype=object))

    assert found.overlaps == []
    (gap,) = found.gaps
    assert gap.width_m < 0.02
