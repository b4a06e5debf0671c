"""`tinbao hotspots rank`: the contract of its files, and what it says of bad ones."""

import csv
import gzip
import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h3.api.numpy_int as h3
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from api.hotspots.commands import hotspots_app
from api.hotspots.files import square_metres
from geo import grid

HEADER = "date,category,lon,lat"
AREA: dict[str, Any] = {
    "type": "Polygon",
    "coordinates": [[[105.8, 21.0], [105.9, 21.0], [105.9, 21.06], [105.8, 21.06], [105.8, 21.0]]],
}
GOOD = "2026-11-20,theft,105.85,21.03"

Rank = Callable[..., Result]


@pytest.fixture
def rank(tmp_path: Path) -> Rank:
    """Runs the command on the lines of a file and an area; the table lands in `out.csv`."""

    def run(*lines: str, area: Any = AREA, **options: str) -> Result:
        file, place = tmp_path / "incidents.csv", tmp_path / "area.geojson"
        file.write_text("".join(f"{line}\n" for line in lines))
        place.write_text(area if isinstance(area, str) else json.dumps(area))
        chosen = {"as-of": "2026-11-22", "resolution": "9", "window": "28d"} | options
        words = [word for name, value in chosen.items() for word in (f"--{name}", value)]
        out = str(tmp_path / "out.csv")
        return CliRunner().invoke(
            hotspots_app, ["rank", str(file), str(place), *words, "--out", out]
        )

    return run


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[], list[dict[str, str]]]:
    """Reads what was written."""
    return lambda: list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))


Rows = Callable[[], list[dict[str, str]]]


def test_every_cell_of_the_area_has_a_row_with_the_contracts_columns(
    rank: Rank, rows: Rows
) -> None:
    assert rank(HEADER, GOOD).exit_code == 0

    written = rows()
    assert list(written[0]) == [
        "cell", "score", "count", "expected", "p", "q", "is_hotspot",
        "p_emergence", "q_emergence", "is_rising", "gi_z", "pattern",
    ]  # fmt: skip
    assert [row["cell"] for row in written] == grid.names(grid.cells_of(AREA, 9))
    counts = {row["cell"]: row["count"] for row in written if row["count"] != "0"}
    assert counts == {f"{h3.latlng_to_cell(21.03, 105.85, 9):x}": "1"}
    assert {row["is_hotspot"] for row in written} == {"false"}
    assert {row["pattern"] for row in written} == {"none"}


def test_a_gzipped_file_with_columns_in_any_order_and_more_of_them_is_read(
    rank: Rank, rows: Rows, tmp_path: Path
) -> None:
    assert (
        rank("lat,type,lon,Reporter,category,date", "21.03,x,105.85,,theft,2026-11-20").exit_code
        == 0
    )
    plain = rows()
    rank(HEADER, GOOD)

    packed = tmp_path / "incidents.csv.gz"
    packed.write_bytes(gzip.compress(f"\ufeff{HEADER}\r\n{GOOD}\r\n".encode()))
    words = ["--as-of", "2026-11-22", "--resolution", "9", "--window", "28d"]
    out = ["--out", str(tmp_path / "out.csv")]
    area = str(tmp_path / "area.geojson")
    assert (
        CliRunner().invoke(hotspots_app, ["rank", str(packed), area, *words, *out]).exit_code == 0
    )
    assert rows() == plain


@pytest.mark.parametrize("resolution", ["8", "9"])
@pytest.mark.parametrize("window", ["7d", "28d", "90d"])
@pytest.mark.parametrize("lines", [[], [HEADER], [f"{HEADER},reporter"]])
def test_an_empty_file_is_a_map_of_nothing(
    rank: Rank, rows: Rows, lines: list[str], window: str, resolution: str
) -> None:
    assert rank(*lines, window=window, resolution=resolution).exit_code == 0

    assert len(rows()) == len(grid.cells_of(AREA, int(resolution)))
    for row in rows():
        assert float(row["score"]) == float(row["count"]) == float(row["gi_z"]) == 0
        assert float(row["p"]) == float(row["q"]) == float(row["q_emergence"]) == 1
        assert (row["is_hotspot"], row["is_rising"], row["pattern"]) == ("false", "false", "none")


def test_a_reporter_counts_once_and_rows_without_one_all_count(rank: Rank, rows: Rows) -> None:
    named, nameless = [f"{GOOD},a"] * 30, [f"{GOOD},"] * 5

    rank(f"{HEADER},reporter", *named, *nameless, f"{GOOD},b")

    assert sum(int(row["count"]) for row in rows()) == 7


def test_history_before_the_window_ranks_and_the_window_counts(rank: Rank, rows: Rows) -> None:
    rank(HEADER, *["2026-09-01,theft,105.82,21.02"] * 9, GOOD)

    best = max(rows(), key=lambda row: float(row["score"]))
    assert best["cell"] == f"{h3.latlng_to_cell(21.02, 105.82, 9):x}"
    assert sum(int(row["count"]) for row in rows()) == 1


def test_what_is_left_out_is_said(rank: Rank, rows: Rows) -> None:
    result = rank(HEADER, GOOD, "2026-11-20,theft,-73.9,40.7", "2026-11-23,theft,105.85,21.03")

    assert result.exit_code == 0
    assert "1 of 3 rows lie outside the area" in result.stderr
    assert "1 of 3 rows are after 2026-11-22" in result.stderr
    assert sum(int(row["count"]) for row in rows()) == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["date,category,lon", "2026-11-20,theft,105.85"], ["line 1", "column lat"]),
        (["when,what"], ["line 1", "date, category, lon, lat"]),
        ([HEADER, GOOD, "20/11/2026,theft,105.85,21.03"], ["line 3", "column date", "20/11/2026"]),
        ([HEADER, "2026-02-30,theft,105.85,21.03"], ["line 2", "column date"]),
        ([HEADER, ",theft,105.85,21.03"], ["line 2", "column date"]),
        ([HEADER, "2026-11-20,theft,nan,21.03"], ["line 2", "column lon", "nan"]),
        ([HEADER, "2026-11-20,theft,105.85,inf"], ["line 2", "column lat", "inf"]),
        ([HEADER, "2026-11-20,theft,105.85,"], ["line 2", "column lat"]),
        ([HEADER, "2026-11-20,theft,east,21.03"], ["line 2", "column lon", "east"]),
        ([HEADER, "2026-11-20,theft,105.85"], ["line 2", "column lat"]),
        ([HEADER, "2026-11-20,theft,190,21.03"], ["line 2", "column lon", "190"]),
        ([HEADER, GOOD, "2026-11-20,theft,21.03,105.85"], ["line 3", "column lat", "exchanged"]),
        ([HEADER, GOOD, '2026-11-20,"theft,105.85'], ["line 3"]),
        ([f"{HEADER},lon", f"{GOOD},105.85"], ["line 1", "several columns lon"]),
        ([f"{HEADER},reporter", f"{GOOD},Nguyen, A"], ["line 2", "not quoted"]),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_line_and_column(
    rank: Rank, lines: list[str], said: list[str]
) -> None:
    result = rank(*lines)

    assert result.exit_code == 1
    assert all(words in result.stderr for words in said), result.stderr
    assert "Traceback" not in result.stderr


def test_exchanged_coordinates_that_are_a_place_elsewhere_are_named_too(rank: Rank) -> None:
    new_york = [[-74.1, 40.6], [-73.8, 40.6], [-73.8, 40.9], [-74.1, 40.9], [-74.1, 40.6]]
    area = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [new_york]}}

    result = rank(HEADER, "2026-11-20,theft,-73.95,40.7", "2026-11-20,theft,40.7,-73.95", area=area)

    assert result.exit_code == 1
    assert "line 3" in result.stderr
    assert "exchanged" in result.stderr


@pytest.mark.parametrize(
    "area",
    [
        "no json",
        "[]",
        {"type": "Point", "coordinates": [105.85, 21.03]},
        {"type": "FeatureCollection", "features": []},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None}]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[105.8, 21.0], [105.9, 21.0], [105.8, 21.0]]]},
        {"type": "Polygon", "coordinates": [[["a", 1], [1, 2], [2, 3], ["a", 1]]]},
        {
            "type": "Polygon",
            "coordinates": [[[21.0, 105.8], [21, 105.9], [22, 105.8], [21, 105.8]]],
        },
        {"type": "MultiPolygon", "coordinates": [[]]},
        {"type": "MultiPolygon", "coordinates": 7},
        {"type": "MultiPolygon", "coordinates": [7]},
        {"type": "MultiPolygon", "coordinates": []},
        {"type": "Polygon", "coordinates": ["ring"]},
        {"type": "Polygon"},
    ],
)
def test_what_is_no_area_is_refused(rank: Rank, area: Any) -> None:
    result = rank(HEADER, GOOD, area=area)

    assert result.exit_code == 1
    assert "area.geojson" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_half_the_world_is_refused_before_it_is_tried(rank: Rank) -> None:
    ring = [[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]

    result = rank(HEADER, GOOD, area={"type": "Polygon", "coordinates": [ring]})

    assert result.exit_code == 1
    assert "cells of resolution 9; at most 5,000,000" in result.stderr


def test_an_area_is_measured_as_h3_would_fill_it() -> None:
    cells = grid.cells_of(AREA, 9)

    assert square_metres(AREA) / grid.mean_area(9) == pytest.approx(len(cells), rel=0.15)


def test_a_name_counts_once_however_it_is_spelt(rank: Rank, rows: Rows) -> None:
    name = "Nguyễn Thị Hòa"
    spelt = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]

    rank(f"{HEADER},reporter", *(f"{GOOD},{each}" for each in spelt))

    assert sum(int(row["count"]) for row in rows()) == 1


def test_what_is_read_is_not_written_over(rank: Rank, tmp_path: Path) -> None:
    (tmp_path / "out.csv").symlink_to(tmp_path / "incidents.csv")

    result = rank(HEADER, GOOD)

    assert result.exit_code == 1
    assert "is read" in result.stderr
    assert (tmp_path / "incidents.csv").read_text().splitlines() == [HEADER, GOOD]


def test_heights_are_no_matter(rank: Rank, rows: Rows) -> None:
    high = [[[*position, 12.5] for position in ring] for ring in AREA["coordinates"]]

    assert rank(HEADER, GOOD, area={"type": "Polygon", "coordinates": high}).exit_code == 0

    assert [row["cell"] for row in rows()] == grid.names(grid.cells_of(AREA, 9))


def test_several_polygons_are_one_area(rank: Rank, rows: Rows) -> None:
    ring = [[105.95, 21.0], [105.98, 21.0], [105.98, 21.03], [105.95, 21.03], [105.95, 21.0]]
    other = {"type": "Polygon", "coordinates": [ring]}
    area = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": each} for each in (AREA, other, other)
        ],
    }

    assert rank(HEADER, GOOD, area=area).exit_code == 0

    cells = np.union1d(grid.cells_of(AREA, 9), grid.cells_of(other, 9))
    assert [row["cell"] for row in rows()] == grid.names(cells)


@pytest.mark.parametrize(
    ("name", "value"),
    [("resolution", "7"), ("window", "14d"), ("as-of", "yesterday"), ("as-of", "2026-13-01")],
)
def test_an_option_out_of_the_contract_is_refused(rank: Rank, name: str, value: str) -> None:
    assert rank(HEADER, GOOD, **{name: value}).exit_code == 2


@pytest.mark.parametrize(
    "contents",
    [b"\x1f\x8bbroken", gzip.compress(b"x" * 99)[:-9], b"\xff"],
    ids=["no gzip", "gzip cut short", "no text"],
)
def test_a_broken_file_is_named(rank: Rank, tmp_path: Path, contents: bytes) -> None:
    rank(HEADER)
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(contents)
    words = ["--as-of", "2026-11-22", "--resolution", "9", "--window", "7d"]

    result = CliRunner().invoke(
        hotspots_app,
        ["rank", str(broken), str(tmp_path / "area.geojson"), *words, "--out", str(tmp_path)],
    )

    assert result.exit_code == 1
    assert "broken.csv.gz" in result.stderr


def test_a_table_that_cannot_be_written_is_said(rank: Rank, tmp_path: Path) -> None:
    rank(HEADER)
    files = [str(tmp_path / name) for name in ("incidents.csv", "area.geojson")]
    words = ["--as-of", "2026-11-22", "--resolution", "9", "--window", "7d"]

    result = CliRunner().invoke(hotspots_app, ["rank", *files, *words, "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    words = ["--as-of", "2026-11-22", "--resolution", "9", "--window", "7d", "--out", "x.csv"]

    result = CliRunner().invoke(
        hotspots_app, ["rank", str(tmp_path / "a.csv"), str(tmp_path / "b.json"), *words]
    )

    assert result.exit_code == 1
    assert "b.json cannot be read" in result.stderr


def test_the_command_loads_no_service_and_the_service_no_statistics() -> None:
    def loaded(module: str) -> set[str]:
        program = f"import sys, {module}; print(*(name.split('.')[0] for name in sys.modules))"
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
        return set(ran.stdout.decode().split())

    assert not {"fastapi", "sqlalchemy", "pydantic", "shapely"} & loaded("api.hotspots.commands")
    assert "scipy" not in loaded("api.cli, api.service_commands")
