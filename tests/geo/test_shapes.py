"""Measuring and mending polygons."""

import numpy as np
import pytest
import shapely

from geo.shapes import area_m2, as_multipolygon, repair, width_m


def array(*shapes: shapely.Geometry) -> np.ndarray:
    """Shapes as the array the functions take."""
    return np.array(shapes, dtype=object)


def test_the_whole_earth_has_its_area() -> None:
    globe = shapely.box(-180, -90, 180, 90)

    # The surface of the WGS84 ellipsoid.
    assert area_m2(array(globe))[0] == pytest.approx(5.10065621724089e14, rel=1e-12)


def test_holes_do_not_count_and_many_shapes_are_measured_at_once() -> None:
    outer, inner = shapely.box(105, 21, 105.3, 21.3), shapely.box(105.1, 21.1, 105.2, 21.2)

    areas = area_m2(array(*[outer, inner, outer.difference(inner)] * 60))

    assert areas[2::3] == pytest.approx(areas[0::3] - areas[1::3])


def test_the_width_of_a_strip_is_that_of_its_short_side() -> None:
    strip = array(shapely.box(105, 21, 105.1, 21.00001))

    assert width_m(strip, area_m2(strip))[0] == pytest.approx(1.107, rel=0.01)


def test_a_repair_keeps_areas_only_and_says_what_it_changed() -> None:
    spike = shapely.Polygon(
        [(105, 21), (105.02, 21), (105.02, 21.02), (105.02, 21.05), (105.02, 21.02), (105, 21.02)]
    )

    mended, how = repair(spike)

    assert mended.geom_type == "Polygon"
    assert mended.is_valid
    assert how.area_change_m2 == pytest.approx(0, abs=0.01)
    assert how.rings == ["part 0 ring 0"]
    assert "105.02 21" in how.reason


def test_a_hole_outside_its_shell_is_no_fault_of_a_single_ring() -> None:
    stray = shapely.Polygon(
        shapely.box(105, 21, 105.1, 21.1).exterior.coords,
        [shapely.box(105.2, 21.2, 105.3, 21.3).exterior.coords],
    )

    _, how = repair(stray)

    assert how.rings == []
    assert how.reason.startswith("Hole lies outside shell")


def test_every_polygon_becomes_a_multipolygon() -> None:
    one = shapely.box(105, 21, 106, 22)

    assert as_multipolygon(one).geoms[0] == one
    assert as_multipolygon(as_multipolygon(one)) == as_multipolygon(one)
