"""Default stations, and stations from files."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from geo.load import import_edition
from geo.station_files import StationsReport, import_stations
from geo.stations import police_of
from tests.geo.squares import square, three_wards, ward, write
from tests.geo.test_load import DAY


@pytest.fixture
def mapped(unmapped: Engine, tmp_path: Path) -> Engine:
    """Three wards of Hà Nội with their default stations."""
    import_edition(unmapped, write(tmp_path / "w.geojson", three_wards()), effective_from=DAY)
    return unmapped


def run(engine: Engine, path: Path, words: str, name: str = "stations.csv") -> StationsReport:
    """Write a file and import it."""
    file = path / name
    file.write_text(words, encoding="utf-8")
    return import_stations(engine, file)


def stations(engine: Engine) -> dict[str, Any]:
    """Every station by id."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("select *, ST_X(location) as lon, ST_Y(location) as lat from stations")
        )
        return {row.id: row for row in rows}


def jurisdictions(engine: Engine) -> dict[str, str]:
    """Ward code -> station id."""
    with engine.connect() as connection:
        rows = connection.execute(text("select ward_code, station_id from jurisdictions"))
        return {row.ward_code: row.station_id for row in rows}


@pytest.mark.parametrize(
    ("unit", "police"),
    [
        ("Phường Ba Đình", "Công an phường Ba Đình"),
        ("Xã Bắc Sơn", "Công an xã Bắc Sơn"),
        ("Đặc khu Phú Quốc", "Công an đặc khu Phú Quốc"),
        ("Thành phố Hà Nội", "Công an thành phố Hà Nội"),
        ("Tỉnh Lai Châu", "Công an tỉnh Lai Châu"),
    ],
)
def test_the_police_of_a_unit_is_called_after_it(unit: str, police: str) -> None:
    assert police_of(unit) == police


def test_every_ward_has_a_station_and_every_province_two_offices(mapped: Engine) -> None:
    found = {key: (row.kind, row.name, row.province_code) for key, row in stations(mapped).items()}

    assert found == {
        "w-00001": ("ward", "Công an phường 00001", "01"),
        "w-00002": ("ward", "Công an phường 00002", "01"),
        "w-00003": ("ward", "Công an phường 00003", "01"),
        "p-01": ("province_desk", "Trực ban Công an thành phố Hà Nội", "01"),
        "o-01": ("oversight", "Thanh tra Công an thành phố Hà Nội", "01"),
        "vn": ("national_desk", "Trực ban quốc gia", None),
    }
    assert jurisdictions(mapped) == {f"0000{i}": f"w-0000{i}" for i in (1, 2, 3)}


def test_a_later_edition_keeps_stations_and_adds_only_what_is_new(
    mapped: Engine, tmp_path: Path
) -> None:
    run(mapped, tmp_path, "id,ward_code,name\nq-1,00001,Đồn Một\n")

    features = [*three_wards(), ward("00004", square(4))]
    import_edition(mapped, write(tmp_path / "w.geojson", features), effective_from=DAY)

    assert jurisdictions(mapped)["00001"] == "q-1"
    assert jurisdictions(mapped)["00004"] == "w-00004"
    assert stations(mapped)["q-1"].name == "Đồn Một"


def test_a_csv_names_phones_and_places_stations(mapped: Engine, tmp_path: Path) -> None:
    report = run(
        mapped,
        tmp_path,
        "\ufeffward_code;name;phone;lon;lat\n"
        "00001;Công an phường Một;0243 123 456;105.03;21.01\n"
        "00002;;113;;\n",
    )

    assert (report.faults, report.stations, report.created, report.wards) == ([], 2, 0, 2)
    found = stations(mapped)
    assert (found["w-00001"].name, found["w-00001"].phone) == ("Công an phường Một", "0243 123 456")
    assert (found["w-00001"].lon, found["w-00001"].lat) == (105.03, 21.01)
    assert (found["w-00002"].name, found["w-00002"].phone) == ("Công an phường 00002", "113")


def test_blanks_erase_nothing(mapped: Engine, tmp_path: Path) -> None:
    run(mapped, tmp_path, "ward_code,name,phone,lon,lat\n00001,Đồn,113,105.03,21.01\n")
    run(mapped, tmp_path, "ward_code,name,phone,lon,lat\n00001,,,,\n")

    found = stations(mapped)["w-00001"]
    assert (found.name, found.phone, found.lon) == ("Đồn", "113", 105.03)


def test_one_station_may_answer_for_several_wards(mapped: Engine, tmp_path: Path) -> None:
    report = run(
        mapped,
        tmp_path,
        "id,ward_code,name\nlien-phuong,00001,Đồn Liên Phường\nlien-phuong,00002 00003,\n",
    )

    assert (report.faults, report.created, report.wards) == ([], 1, 3)
    assert set(jurisdictions(mapped).values()) == {"lien-phuong"}
    assert stations(mapped)["lien-phuong"].province_code == "01"


def test_geojson_points_are_stations_too(mapped: Engine, tmp_path: Path) -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"ward_code": ["00001", "00002"], "id": "q-1", "name": "Đồn"},
                "geometry": {"type": "Point", "coordinates": [105.03, 21.01]},
            }
        ],
    }

    report = run(mapped, tmp_path, json.dumps(collection), "stations.geojson")

    assert report.faults == []
    assert (stations(mapped)["q-1"].lon, jurisdictions(mapped)["00002"]) == (105.03, "q-1")


def test_a_desk_gets_its_phone_without_a_ward(mapped: Engine, tmp_path: Path) -> None:
    report = run(mapped, tmp_path, "id,ward_code,phone\np-01,,02439396000\n")

    assert report.faults == []
    assert stations(mapped)["p-01"].phone == "02439396000"


def test_every_fault_is_listed_and_nothing_is_written(mapped: Engine, tmp_path: Path) -> None:
    before = stations(mapped), jurisdictions(mapped)

    report = run(
        mapped,
        tmp_path,
        "id,ward_code,name,lon,lat\n"
        ",00001,Đồn Một,105.03,21.01\n"
        ",99999,Đồn lạ,,\n"
        "q-2,00002,,,\n"
        "p-01,00003,,,\n"
        "q 4,00003,Đồn,,\n"
        "q-5,00003,Đồn,21.01,105.03\n"
        "q-6,00003,Đồn,105.03,\n"
        "q-7,00003,Đồn,east,north\n"
        "q-8,,Đồn,,\n"
        ",,Đồn,,\n",
    )

    words = "\n".join(report.faults)
    for part in (
        "row 3: there is no ward 99999",
        "station q-2: is new and has no name",
        "station p-01: a province_desk answers for no ward",
        "row 6: an id is letters",
        "row 7: lon and lat",
        "row 8: lon and lat",
        "row 9: lon and lat",
        "station q-8: is not known",
        "row 11: names neither",
        "given to two stations",
    ):
        assert part in words
    assert (stations(mapped), jurisdictions(mapped)) == before


@pytest.mark.parametrize("words", ["", "a,b\n1,2\n", '{"type": "Point"}', "ward_code,name\n"])
def test_what_is_no_list_of_stations_is_refused(mapped: Engine, tmp_path: Path, words: str) -> None:
    assert run(mapped, tmp_path, words).refused


def test_the_same_file_twice_changes_nothing(mapped: Engine, tmp_path: Path) -> None:
    words = "id,ward_code,name\nq-1,00001,Đồn Một\n"
    run(mapped, tmp_path, words)
    before = stations(mapped), jurisdictions(mapped)

    assert run(mapped, tmp_path, words).created == 0

    assert (stations(mapped), jurisdictions(mapped)) == before
