"""Importing an edition: what is refused, what is warned about, what is in the database after."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import Engine, text

from geo import editions, load
from geo.findings import ImportReport
from geo.load import ImportRunningError, import_edition
from tests.geo.squares import square, three_wards, ward, write

DAY = dt.date(2025, 7, 1)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TABLES = ("boundary_editions", "wards", "boundary_gaps", "provinces", "stations", "jurisdictions")


def run(engine: Engine, path: Path, features: list[dict[str, Any]], **options: Any) -> ImportReport:
    """Write features to a file and import it."""
    file = write(path / "wards.geojson", features)
    return import_edition(engine, file, **{"effective_from": DAY} | options)


def counts(engine: Engine) -> dict[str, int]:
    """How many rows each table has."""
    with engine.connect() as connection:
        return {table: connection.execute(text(f"table {table}")).rowcount for table in TABLES}


def overlapping(by: float) -> list[dict[str, Any]]:
    """Three wards; the second reaches over the third by so much of a side."""
    return [
        ward("00001", square(1)),
        ward("00002", square(2, width=1 + by)),
        ward("00003", square(3)),
    ]


def test_an_import_is_stored_but_not_in_force(unmapped: Engine, tmp_path: Path) -> None:
    report = run(unmapped, tmp_path, three_wards())

    assert not report.refused
    assert counts(unmapped) == {
        "boundary_editions": 1,
        "wards": 3,
        "boundary_gaps": 0,
        "provinces": 1,
        "stations": 6,
        "jurisdictions": 3,
    }
    with unmapped.connect() as connection:
        assert editions.in_force(connection, NOW) is None
        row = connection.execute(
            text("select state, source, report from boundary_editions where id = :id"),
            {"id": report.edition_id},
        ).one()
    assert (row.state, row.source) == ("imported", "wards.geojson")
    assert row.report == report.as_json()


def test_boundaries_are_stored_as_they_were_read(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, three_wards())

    with unmapped.connect() as connection:
        rows = connection.execute(
            text("""
                select code, ST_AsBinary(boundary) as wkb, area_m2,
                       ST_Area(boundary::geography) as postgis_m2
                  from wards order by code
            """)
        ).all()
    for i, row in enumerate(rows, start=1):
        stored = shapely.from_wkb(bytes(row.wkb))
        drawn = square(i)
        assert shapely.equals_exact(stored.normalize(), shapely.MultiPolygon([drawn]).normalize())
        assert row.area_m2 == pytest.approx(row.postgis_m2, rel=1e-4)


def test_a_refused_import_leaves_nothing(unmapped: Engine, tmp_path: Path) -> None:
    before = counts(unmapped)

    report = run(unmapped, tmp_path, [*three_wards(), ward("00003", square(9))])

    assert report.refused
    assert report.edition_id is None
    assert counts(unmapped) == before


def test_a_dry_run_writes_nothing_and_tells_the_same(unmapped: Engine, tmp_path: Path) -> None:
    dry = run(unmapped, tmp_path, overlapping(0.25), dry_run=True)

    assert counts(unmapped)["boundary_editions"] == 0
    real = run(unmapped, tmp_path, overlapping(0.25))
    assert dry.as_json() | {"edition_id": None} == real.as_json() | {"edition_id": None}


def test_overlaps_are_reported_with_place_and_size(unmapped: Engine, tmp_path: Path) -> None:
    report = run(unmapped, tmp_path, overlapping(0.25))

    (overlap,) = report.overlaps
    assert overlap.codes == ("00002", "00003")
    assert overlap.area_m2 == pytest.approx(0.25 * 2076.9 * 2214.5, rel=0.005)
    assert shapely.intersects_xy(square(3, width=0.25), overlap.lon, overlap.lat)


def test_holes_between_wards_are_stored_as_gaps(unmapped: Engine, tmp_path: Path) -> None:
    ring = [
        ward(f"0000{i}", square(column, row))
        for i, (column, row) in enumerate(
            [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2), (2, 2)]
        )
    ]

    report = run(unmapped, tmp_path, ring)

    assert len(report.gaps) == 1
    with unmapped.connect() as connection:
        (hole,) = connection.scalars(text("select ST_AsBinary(hole) from boundary_gaps")).all()
    assert shapely.from_wkb(bytes(hole)).symmetric_difference(square(1, 1)).area < 1e-12


def test_a_lake_that_no_ward_claims_is_a_gap(unmapped: Engine, tmp_path: Path) -> None:
    lake = shapely.box(105.008, 21.008, 105.012, 21.012)

    report = run(unmapped, tmp_path, [ward("00001", square(0).difference(lake))])

    assert [gap.hole.symmetric_difference(lake).area < 1e-12 for gap in report.gaps] == [True]


def test_a_first_edition_is_only_warned_of_overlaps(unmapped: Engine, tmp_path: Path) -> None:
    report = run(unmapped, tmp_path, overlapping(0.25))

    assert not report.refused
    assert any("00002 and 00003" in warning for warning in report.warnings)


def test_a_new_overlap_above_a_hectare_is_refused(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, three_wards())

    report = run(unmapped, tmp_path, overlapping(0.25))

    assert [(fault.kind, fault.ward) for fault in report.faults] == [("new-overlap", "00002/00003")]
    assert counts(unmapped)["boundary_editions"] == 1


def test_a_new_overlap_may_be_accepted(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, three_wards())

    report = run(unmapped, tmp_path, overlapping(0.25), accept_overlaps=True)

    assert not report.refused
    assert report.new_overlaps == [("00002", "00003")]


def test_small_or_known_overlaps_are_no_reason_to_refuse(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, three_wards())

    assert not run(unmapped, tmp_path, overlapping(0.001)).refused
    run(unmapped, tmp_path, overlapping(0.25), accept_overlaps=True)
    assert not run(unmapped, tmp_path, overlapping(0.30)).refused


def test_an_overlap_that_grows_past_a_hectare_is_new(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, overlapping(0.001))

    assert run(unmapped, tmp_path, overlapping(0.25)).refused


def test_changes_are_told_against_the_real_edition_before(unmapped: Engine, tmp_path: Path) -> None:
    first = run(unmapped, tmp_path, three_wards())

    second = run(
        unmapped,
        tmp_path,
        [
            ward("00001", square(1), name="Xã Mới"),
            ward("00002", square(2, height=1.5)),
            ward("00004", square(4)),
        ],
    )

    assert second.changes is not None
    assert second.changes.against == first.edition_id
    assert (second.changes.added, second.changes.vanished) == (["00004"], ["00003"])
    assert second.changes.renamed == {"00001": ("Phường 00001", "Xã Mới")}
    assert second.changes.retyped == {"00001": ("ward", "commune")}
    (change,) = second.changes.area_changes
    assert (change.code, round(change.share, 2)) == ("00002", 0.50)
    assert any("00002" in warning and "+50%" in warning for warning in second.warnings)
    assert any("1 wards of edition" in warning for warning in second.warnings)


def test_a_code_and_its_alias_are_the_same_ward(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, [ward("06970", square(1)), ward("00002", square(2))])

    report = run(unmapped, tmp_path, [ward("06978", square(1)), ward("00002", square(2))])

    assert report.changes is not None
    assert report.changes.recoded == {"06970": "06978"}
    assert (report.changes.added, report.changes.vanished) == ([], [])


def test_approximate_editions_are_compared_with_nothing(unmapped: Engine, tmp_path: Path) -> None:
    run(unmapped, tmp_path, three_wards())
    with unmapped.begin() as connection:
        connection.execute(text("update boundary_editions set approximate = true"))

    report = run(unmapped, tmp_path, overlapping(0.25))

    assert report.changes is None
    assert not report.refused


def test_what_a_dead_import_left_is_deleted_by_the_next(
    unmapped: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(load, "finish_edition", die)
        with pytest.raises(KeyboardInterrupt):
            run(unmapped, tmp_path, three_wards())
    with unmapped.connect() as connection:
        left = connection.execute(text("select state from boundary_editions")).scalar_one()
        assert left == "loading"
        assert editions.listed(connection) == []

    run(unmapped, tmp_path, three_wards())

    assert counts(unmapped)["boundary_editions"] == 1
    assert counts(unmapped)["wards"] == 3


def test_two_imports_do_not_write_at_once(unmapped: Engine, tmp_path: Path) -> None:
    with load.alone(unmapped), pytest.raises(ImportRunningError):
        run(unmapped, tmp_path, three_wards())


def test_an_import_is_recorded_in_its_last_transaction(unmapped: Engine, tmp_path: Path) -> None:
    class RefusedError(Exception):
        """The record could not be kept."""

    def fail(*_: object) -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        run(unmapped, tmp_path, three_wards(), recorded=fail)

    with unmapped.connect() as connection:
        assert editions.listed(connection) == []


def test_progress_reaches_its_end(unmapped: Engine, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    run(unmapped, tmp_path, three_wards(), progress=lambda *step: told.append(step))

    assert told[-1] == ("write", 3, 3)
    assert {stage for stage, done, total in told if done == total} == {
        "read",
        "compare neighbours",
        "write",
    }
