"""The demo edition: cells round the package's ward centres."""

import datetime as dt
import time
from collections import Counter

import numpy as np
import shapely
from sqlalchemy import Engine, text

from geo import demo, editions
from geo.shapes import area_m2
from geo.topology import examine


def test_there_is_a_cell_for_every_ward_and_none_overlap() -> None:
    wards = demo.demo_wards()
    cells = np.array([ward.boundary for ward in wards], dtype=object)

    assert len({ward.code for ward in wards}) == 3321
    assert Counter(ward.type.value for ward in wards) == {
        "ward": 687,
        "commune": 2621,
        "special_zone": 13,
    }
    assert len({ward.province_code for ward in wards}) == 34
    assert shapely.is_valid(cells).all()
    assert examine([ward.code for ward in wards], cells).overlaps == []
    assert area_m2(cells).max() < 4.2 * 1e6 * max(unit.area_km2 for unit in demo.read_units())


def test_the_cells_are_the_same_every_time() -> None:
    once, again = demo.demo_wards(), demo.demo_wards()

    assert [shapely.to_wkb(ward.boundary) for ward in once] == [
        shapely.to_wkb(ward.boundary) for ward in again
    ]


def test_centres_swapped_between_namesakes_are_mended() -> None:
    units = sorted(demo.read_units(), key=lambda unit: unit.code)
    centres = demo.plane(np.array([u.lat for u in units]), np.array([u.lon for u in units]))

    moved = (demo.mended(units) != centres).any(axis=1)

    assert {unit.code for unit, is_moved in zip(units, moved, strict=True) if is_moved} == {
        "04714", "04924", "06172", "06757", "06967", "08296", "28615", "29983", "30130"
    }  # fmt: skip


def test_it_loads_as_an_approximate_edition_in_seconds(unmapped: Engine) -> None:
    began = time.monotonic()

    report = demo.import_demo(unmapped)

    assert time.monotonic() - began < 10
    assert not report.refused
    assert report.edition_id is not None
    with unmapped.begin() as connection:
        edition = editions.activate(connection, report.edition_id, dt.datetime.now(dt.UTC))
        stations = connection.scalar(text("select count(*) from stations"))
    assert edition.approximate
    assert "approximate" in edition.source.lower()
    assert "not the real boundaries" in edition.attribution
    assert stations == 3321 + 2 * 34 + 1
