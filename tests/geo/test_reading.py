"""Reading boundary files: fields, coordinate systems, and every fault listed."""

import gzip
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from geo.features import FieldOptions, Known, Reading
from geo.reading import read_wards
from geo.tables import WardType
from tests.geo.squares import feature, square, three_wards, ward, write

BOWTIE = shapely.Polygon([(105, 21), (105.02, 21.02), (105.02, 21), (105, 21.02)])


def read(path: Path, features: list[dict[str, Any]], **options: str) -> Reading:
    """Write features to a GeoJSON file below `path` and read it."""
    return read_wards(write(path / "wards.geojson", features), FieldOptions(**options), Known())


def kinds(reading: Reading) -> list[tuple[str, str | None]]:
    """The kinds of the faults, and at which ward."""
    return sorted((fault.kind, fault.ward) for fault in reading.faults)


def write_layer(path: Path, shapes: list[Any], crs: str | None, **columns: list[Any]) -> Path:
    """Write a file in the format that its ending names."""
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, dtype=object)),
        [np.array(values) for values in columns.values()],
        list(columns),
        crs=crs,
        geometry_type="Polygon",
    )
    return path


def test_wards_are_read_in_order_of_their_codes(tmp_path: Path) -> None:
    reading = read(tmp_path, three_wards()[::-1])

    assert [one.code for one in reading.wards] == ["00001", "00002", "00003"]
    assert reading.wards[0].boundary.geom_type == "MultiPolygon"
    assert not reading.faults


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        (("MA_XA", "TEN_XA", "MA_TINH", "TEN_TINH", "LOAI"), {}),
        (("ward_code", "Name", "Province_Code", "PROVINCE_NAME", "type"), {}),
        (
            ("k1", "k2", "k3", "k4", "k5"),
            {"code": "K1", "name": "k2", "province": "k3", "province_name": "k4", "type": "k5"},
        ),
    ],
)
def test_fields_are_guessed_whatever_their_case_or_taken_as_told(
    tmp_path: Path, fields: tuple[str, ...], options: dict[str, str]
) -> None:
    values = ("00004", "Ba Đình", "01", "Thành phố Hà Nội", "Phường")

    reading = read(
        tmp_path, [feature(square(0), dict(zip(fields, values, strict=True)))], **options
    )

    assert not reading.faults
    found = reading.wards[0]
    assert (found.code, found.name, found.type) == ("00004", "Phường Ba Đình", WardType.WARD)
    assert (found.province_code, found.province_name) == ("01", "Thành phố Hà Nội")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Phường Ba Đình", WardType.WARD),
        ("xã Bắc Sơn", WardType.COMMUNE),
        ("Đặc khu Phú Quốc", WardType.SPECIAL_ZONE),
    ],
)
def test_the_type_is_told_by_the_name_when_no_field_does(
    tmp_path: Path, name: str, kind: WardType
) -> None:
    reading = read(tmp_path, [ward("00001", square(0), name=name)])

    assert (reading.wards[0].type, reading.wards[0].name) == (kind, name)


def test_numbers_become_codes_with_their_zeros_and_names_become_nfc(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Phường  Hoàn Kiếm ")

    reading = read(tmp_path, [ward(4, square(0), name=name, province_code=1)])

    found = reading.wards[0]
    assert (found.code, found.name, found.province_code) == ("00004", "Phường Hoàn Kiếm", "01")


def test_a_file_without_provinces_may_rely_on_what_was_imported_before(tmp_path: Path) -> None:
    path = write(
        tmp_path / "w.geojson", [feature(square(0), {"code": "00004", "name": "Phường Ba Đình"})]
    )

    reading = read_wards(path, FieldOptions(), Known({"01": "Thành phố Hà Nội"}, {"00004": "01"}))

    assert reading.wards[0].province_name == "Thành phố Hà Nội"
    assert kinds(read_wards(path, FieldOptions(), Known())) == [("missing-province", "00004")]


def test_every_fault_is_listed_and_not_only_the_first(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        [
            ward("00001", square(0)),
            ward("00001", square(1)),
            ward(None, square(2), name="Phường không mã"),
            ward("a/b", square(3)),
            ward("00005", None),
            ward("00006", shapely.Polygon()),
            ward("00007", shapely.Point(105, 21)),
            ward("00008", shapely.box(179, 21, 181, 22)),
            ward("00009", square(5), name=None, ten="x"),
            ward("00010", square(6), name="Thị trấn cũ"),
            ward("00011", square(7), province_code="99", province_name=None),
            ward("00012", square(8), province_code=None, province_name=None),
        ],
    )

    assert kinds(reading) == [
        ("bad-code", "a/b"),
        ("duplicate-code", "00001"),
        ("empty-geometry", "00005"),
        ("empty-geometry", "00006"),
        ("missing-code", "feature 3"),
        ("missing-name", "00009"),
        ("missing-province", "00012"),
        ("not-polygons", "00007"),
        ("off-the-globe", "00008"),
        ("unknown-province", "00011"),
        ("unknown-type", "00010"),
    ]


def test_coordinates_that_are_no_numbers_are_a_fault(tmp_path: Path) -> None:
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon([(105, 21), (105.02, 21), (np.nan, 21.02)])
    path = write_layer(
        tmp_path / "nan.gpkg",
        [broken],
        "EPSG:4326",
        code=["00001"],
        name=["Phường 1"],
        province_code=["01"],
        province_name=["Hà Nội"],
    )

    assert kinds(read_wards(path, FieldOptions(), Known())) == [("not-finite", "00001")]


def test_swapped_axes_are_recognised(tmp_path: Path) -> None:
    swapped = shapely.transform(square(0), lambda points: points[:, ::-1])

    assert kinds(read(tmp_path, [ward("00001", swapped)])) == [("swapped-axes", None)]


def test_a_file_without_features_is_refused(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, [])) in ([("empty-file", None)], [("unreadable", None)])


@pytest.mark.parametrize("content", [b"", b"not a map", b'{"type": "FeatureCollection"'])
def test_what_gdal_cannot_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wards.geojson"
    path.write_bytes(content)

    assert kinds(read_wards(path, FieldOptions(), Known())) == [("unreadable", None)]
    assert kinds(read_wards(tmp_path / "no.gpkg", FieldOptions(), Known())) == [
        ("unreadable", None)
    ]


def test_missing_fields_are_named_with_those_that_are_there(tmp_path: Path) -> None:
    reading = read(tmp_path, [feature(square(0), {"alpha": 1, "beta": 2})], type="gamma")

    words = " ".join(str(fault) for fault in reading.faults if fault.kind == "missing-field")
    assert "code" in words
    assert "name" in words
    assert "gamma" in words
    assert "alpha, beta" in words


def test_an_invalid_ring_is_repaired_and_named(tmp_path: Path) -> None:
    reading = read(tmp_path, [ward("00001", BOWTIE), ward("00002", square(5))])

    assert list(reading.repaired) == ["00001"]
    how = reading.repaired["00001"]
    assert how.reason.startswith("Self-intersection[105.01 21.01")
    assert how.rings == ["part 0 ring 0"]
    assert reading.wards[0].boundary.is_valid
    assert reading.wards[0].boundary.geom_type == "MultiPolygon"


def test_valid_shapes_keep_every_double(tmp_path: Path) -> None:
    awkward = shapely.Polygon([(105.1, 21.1), (105.1 + 1e-13, 21.3), (104.9000000000001, 21.2)])
    path = write_layer(
        tmp_path / "exact.fgb",
        [awkward],
        "EPSG:4326",
        code=["00001"],
        name=["Phường 1"],
        province_code=["01"],
        province_name=["Hà Nội"],
    )

    boundary = read_wards(path, FieldOptions(), Known()).wards[0].boundary

    assert set(map(tuple, shapely.get_coordinates(boundary))) == set(
        map(tuple, shapely.get_coordinates(awkward))
    )


def test_heights_are_dropped(tmp_path: Path) -> None:
    reading = read(tmp_path, [ward("00001", shapely.force_3d(square(0), 7.0))])

    assert not shapely.has_z(reading.wards[0].boundary)


def test_compressed_files_are_read_as_they_are(tmp_path: Path) -> None:
    plain = write(tmp_path / "wards.geojson", three_wards())
    zipped, packed = tmp_path / "wards.geojson.gz", tmp_path / "wards.zip"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(plain, "wards.geojson")

    for path in (zipped, packed, f"/vsigzip/{zipped}"):
        assert len(read_wards(path, FieldOptions(), Known()).wards) == 3


@pytest.mark.parametrize("crs", ["EPSG:32648", "EPSG:3405"])
def test_projected_files_are_transformed(tmp_path: Path, crs: str) -> None:
    path = write_layer(
        tmp_path / "utm.gpkg",
        [shapely.box(580_000, 2_320_000, 581_000, 2_321_000)],
        crs,
        code=["00001"],
        name=["Phường 1"],
        province_code=["01"],
        province_name=["Hà Nội"],
    )

    reading = read_wards(path, FieldOptions(), Known())

    west, south, east, north = reading.wards[0].boundary.bounds
    assert 105.76 < west < east < 105.79
    assert 20.97 < south < north < 20.99
    assert "EPSG:4326" in reading.notes[0]


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_numbers_without_a_coordinate_system_pass_only_as_degrees(tmp_path: Path) -> None:
    facts = {"code": ["00001"], "name": ["Xã 1"], "province_code": ["01"], "ten_tinh": ["Hà Nội"]}
    metres = shapely.box(580_000, 2_320_000, 581_000, 2_321_000)
    far = write_layer(tmp_path / "far.fgb", [metres], None, **facts)
    near = write_layer(tmp_path / "near.fgb", [square(0)], None, **facts)

    assert kinds(read_wards(far, FieldOptions(), Known())) == [("unreadable", None)]
    assert len(read_wards(near, FieldOptions(), Known()).wards) == 1
