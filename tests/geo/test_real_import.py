"""The real boundaries through the real command: what is found, how long it takes, what is kept."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, text

from geo import demo
from geo.features import FieldOptions, Known, Reading
from geo.reading import read_wards

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.real_data


def given(name: str) -> Path:
    """A file of the shared data."""
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is absent")
    return DATA / name


@pytest.fixture(scope="module")
def vietnam() -> Reading:
    """All 3,321 wards as they are read."""
    return read_wards(given("wards-2025.fgb.gz"), FieldOptions(), Known())


PROGRAM = """
import sys
from pathlib import Path
from api.cli import app
try:
    app()
finally:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print("peak", status["VmHWM"], file=sys.stderr)
"""
"""The command, which says in the end how much memory it has held at most."""


def tinbao(engine: Engine, *words: object) -> dict[str, Any]:
    """Run a command in a process of its own; the JSON it prints, and its `peak_kb` of memory."""
    url = engine.url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words), "--json"],
        env=os.environ | {"TINBAO_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"peak_kb": int(done.stderr.rpartition("peak")[2].split()[0])}


def test_the_country_is_imported_in_time_and_memory_and_unchanged(
    unmapped: Engine, vietnam: Reading
) -> None:
    began = time.monotonic()
    report = tinbao(
        unmapped,
        "wards", "import", given("wards-2025.fgb.gz"), "--effective-from", "2025-07-01",
        "--succession", given("ward-succession.csv"),
    )  # fmt: skip

    assert time.monotonic() - began < 90
    assert report["peak_kb"] < 1_500_000
    assert (report["wards"], report["provinces"], report["vertices"]) == (3321, 34, 7_129_446)
    assert (report["repaired"], report["faults"]) == ([], [])
    # The statistics of the source before its coordinates were rounded: 232 pairs, 242 holes.
    overlaps, gaps = report["overlaps"], report["gaps"]
    assert (overlaps["count"], gaps["count"]) == (235, 233)
    assert overlaps["area_m2"] == pytest.approx(10.8e6, rel=0.005)
    assert gaps["area_m2"] == pytest.approx(0.059e6, rel=0.005)
    assert sum(pair["area_m2"] > 10_000 for pair in overlaps["pairs"]) == 8
    assert sorted(pair["codes"] for pair in overlaps["pairs"][:3]) == [
        ["02647", "02683"],
        ["02647", "02746"],
        ["02683", "02746"],
    ]
    with unmapped.connect() as connection:
        stored = connection.execute(
            text("select ST_AsBinary(boundary) as wkb from wards order by code")
        )
        boundaries = shapely.from_wkb([bytes(row.wkb) for row in stored])
        total = connection.scalar(text("select sum(area_m2) from wards"))
        successions = connection.scalar(text("select count(*) from ward_successions"))
    read = [ward.boundary for ward in vietnam.wards]
    assert shapely.get_coordinates(boundaries).tobytes() == shapely.get_coordinates(read).tobytes()
    assert total == pytest.approx(333_849e6, rel=1e-4)
    assert successions == 10_597


def test_the_unrepaired_layer_is_repaired_by_areas_only() -> None:
    earlier = read_wards(given("wards-2026-03-earlier-changed.fgb.gz"), FieldOptions(), Known())

    assert not earlier.faults
    assert (len(earlier.wards), len(earlier.repaired)) == (842, 79)
    reasons = [how.reason.partition("[")[0] for how in earlier.repaired.values()]
    assert reasons.count("Self-intersection") == 49
    assert reasons.count("Ring Self-intersection") == 30
    assert max(abs(how.area_change_m2) for how in earlier.repaired.values()) < 2.5
    assert all(shapely.is_valid([ward.boundary for ward in earlier.wards]))


def test_geojson_and_flatgeobuf_read_alike(vietnam: Reading) -> None:
    hanoi = read_wards(given("hanoi-wards.geojson"), FieldOptions(), Known())

    assert len(hanoi.wards) == 126
    same = {ward.code: ward for ward in vietnam.wards}
    for ward in hanoi.wards:
        other = same[ward.code]
        assert (ward.name, ward.type, ward.province_name) == (
            other.name,
            other.type,
            other.province_name,
        )


def test_three_of_four_points_get_their_ward_in_the_demo_edition(vietnam: Reading) -> None:
    wards = {ward.code: ward for ward in vietnam.wards}
    wards["06970"] = wards["06978"]
    cells = demo.demo_wards()
    random = np.random.default_rng(113)
    right = shown = 0
    for cell in cells:
        real = wards[cell.code].boundary
        west, south, east, north = real.bounds
        drawn = random.uniform((west, south), (east, north), (60, 2))
        inside = drawn[shapely.contains_xy(real, *drawn.T)]
        right += int(shapely.contains_xy(cell.boundary, *inside.T).sum())
        shown += len(inside)

    assert shown > 50_000
    assert 0.73 < right / shown < 0.80


def test_the_centres_that_are_mended_were_wrong_and_are_nearly_right(vietnam: Reading) -> None:
    wards = {ward.code: ward for ward in vietnam.wards}
    wards["06970"] = wards["06978"]
    units = sorted(demo.read_units(), key=lambda unit: unit.code)
    mended = demo.mended(units)

    def off_km(code: str, lon: float, lat: float) -> float:
        return float(wards[code].boundary.distance(shapely.Point(lon, lat))) * demo.KM_PER_DEGREE

    for unit, (x, lat) in zip(units, mended, strict=True):
        now = off_km(unit.code, x / demo.SQUEEZE, lat)
        assert now < (25 if unit.type == "special_zone" else 13)
        if (x / demo.SQUEEZE, lat) != pytest.approx((unit.lon, unit.lat)):
            assert off_km(unit.code, unit.lon, unit.lat) > 15
            assert now < 4
