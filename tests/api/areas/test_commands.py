"""`tinbao wards` and `tinbao stations` as an operator types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from api.areas.commands import stations_app, wards_app
from tests.geo.squares import square, three_wards, ward, write

SUCCESSION = "old_code,old_name,old_district,new_code,relation\n"


@pytest.fixture
def operator(unmapped: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The environment in which the commands find the database."""
    monkeypatch.setenv("TINBAO_DATABASE_URL", unmapped.url.render_as_string(hide_password=False))
    return unmapped


def wards(*words: object) -> Result:
    """Run `tinbao wards …`."""
    return CliRunner().invoke(wards_app, [str(word) for word in words])


def stations(*words: object) -> Result:
    """Run `tinbao stations …`."""
    return CliRunner().invoke(stations_app, [str(word) for word in words])


def file_of(path: Path, features: list[dict[str, Any]] | None = None) -> Path:
    """A boundary file."""
    return write(path / "wards.geojson", features or three_wards())


@pytest.mark.usefixtures("operator")
def test_import_diff_activate_list_as_a_story(tmp_path: Path) -> None:
    imported = wards("import", file_of(tmp_path), "--effective-from", "2025-07-01")
    assert imported.exit_code == 0, imported.output
    assert "3 good wards in 1 provinces" in imported.stdout
    assert "tinbao wards activate" in imported.stdout
    edition = json.loads(wards("list", "--json").stdout)[0]["id"]

    assert "no real edition to compare" in wards("diff", edition).stdout
    assert "would move: 0" in wards("activate", edition, "--dry-run").stdout
    activated = wards("activate", edition)

    assert f"Edition {edition} is in force" in activated.stdout
    assert "*" in wards("list").stdout
    again = wards("activate", edition)
    assert again.exit_code == 1
    assert "activated already" in again.stderr


@pytest.mark.usefixtures("operator")
def test_import_can_activate_and_print_json(tmp_path: Path) -> None:
    done = wards(
        "import", file_of(tmp_path), "--effective-from", "2025-07-01", "--activate", "--json"
    )

    report = json.loads(done.stdout)
    assert done.exit_code == 0
    assert report["wards"] == 3
    assert report["activation"]["holds"]
    assert report["activation"]["moves"] == {"total": 0, "pairs": []}


def test_a_refused_import_lists_every_fault_and_ends_with_1(
    operator: Engine, tmp_path: Path
) -> None:
    bad = [
        ward("00001", square(1)),
        ward("00001", square(2)),
        ward(None, square(3), name="Phường 3"),
        ward("00004", None),
    ]

    refused = wards("import", file_of(tmp_path, bad), "--effective-from", "2025-07-01")

    assert refused.exit_code == 1
    for words in ("duplicate-code: 00001", "missing-code: feature 3", "empty-geometry: 00004"):
        assert words in refused.stdout
    assert "nothing was written" in refused.stdout
    with operator.connect() as connection:
        assert connection.scalar(text("select count(*) from boundary_editions")) == 0


def test_a_dry_run_writes_nothing(operator: Engine, tmp_path: Path) -> None:
    dry = wards("import", file_of(tmp_path), "--effective-from", "2025-07-01", "--dry-run")

    assert dry.exit_code == 0
    assert "Dry run" in dry.stdout
    with operator.connect() as connection:
        assert connection.scalar(text("select count(*) from boundary_editions")) == 0


@pytest.mark.usefixtures("operator")
def test_new_overlaps_need_a_word(tmp_path: Path) -> None:
    wards("import", file_of(tmp_path), "--effective-from", "2025-07-01")
    file_of(tmp_path, [ward("00001", square(1, width=1.5)), *three_wards()[1:]])
    command = ("import", tmp_path / "wards.geojson", "--effective-from", "2025-08-01")

    refused, accepted = wards(*command), wards(*command, "--accept-overlaps")

    assert refused.exit_code == 1
    assert "new-overlap: 00001/00002" in refused.stdout
    assert accepted.exit_code == 0


@pytest.mark.usefixtures("operator")
def test_fields_may_be_named(tmp_path: Path) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"k": "00001", "n": "Một", "p": 1, "q": "Hà Nội", "t": "xã"},
            "geometry": three_wards()[0]["geometry"],
        }
    ]

    done = wards(
        "import", file_of(tmp_path, features), "--effective-from", "2025-07-01",
        "--code-field", "k", "--name-field", "n", "--province-field", "p",
        "--province-name-field", "q",
        "--type-field", "t",
    )  # fmt: skip

    assert done.exit_code == 0, done.output


def test_successions_come_with_an_edition(operator: Engine, tmp_path: Path) -> None:
    table = tmp_path / "succession.csv"
    table.write_text(f"{SUCCESSION},,Huyện đảo,00001,whole\n09999,Cũ,Quận,00002,part_main\n")

    done = wards(
        "import", file_of(tmp_path), "--effective-from", "2025-07-01", "--succession", table
    )

    assert done.exit_code == 0, done.output
    with operator.connect() as connection:
        rows = connection.execute(text("select * from ward_successions")).all()
    assert [tuple(row) for row in rows] == [("09999", "00002", "Cũ", "part_main")]


@pytest.mark.parametrize(
    "words", ["a,b\n1,2\n", SUCCESSION + "1,x,y,2,sideways\n", SUCCESSION + "1,x,y,,part\n"]
)
def test_a_faulty_succession_file_refuses_the_import(
    operator: Engine, tmp_path: Path, words: str
) -> None:
    table = tmp_path / "succession.csv"
    table.write_text(words)

    refused = wards(
        "import", file_of(tmp_path), "--effective-from", "2025-07-01", "--succession", table
    )

    assert refused.exit_code == 1
    assert "FAULT succession.csv" in refused.stdout
    with operator.connect() as connection:
        assert connection.scalar(text("select count(*) from boundary_editions")) == 0


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    "words",
    [
        ("import", "wards.geojson"),
        ("import", "wards.geojson", "--effective-from", "soon"),
        ("activate",),
        ("activate", "x"),
        ("nonsense",),
    ],
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert wards(*words).exit_code == 2


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("command", ["diff", "activate"])
def test_an_edition_that_is_not_there_is_said_so(command: str) -> None:
    missing = wards(command, 99)

    assert missing.exit_code == 1
    assert "There is no edition 99" in missing.stderr


def test_without_a_database_the_commands_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TINBAO_DATABASE_URL", raising=False)
    monkeypatch.setenv("TINBAO_HOME", str(tmp_path))

    assert wards("list").exit_code == 78

    monkeypatch.setenv("TINBAO_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert wards("list").exit_code == 1


def test_imports_are_in_the_audit_trail(operator: Engine, tmp_path: Path) -> None:
    report = json.loads(
        wards("import", file_of(tmp_path), "--effective-from", "2025-07-01", "--json").stdout
    )

    with operator.connect() as connection:
        query = text(
            "select from audit_events where action = 'edition.imported' and object_id = :id"
        )
        assert connection.execute(query, {"id": str(report["edition_id"])}).rowcount == 1


def test_stations_are_imported(operator: Engine, tmp_path: Path) -> None:
    wards("import", file_of(tmp_path), "--effective-from", "2025-07-01")
    table = tmp_path / "stations.csv"
    table.write_text("ward_code,name,phone,lon,lat\n00001,Công an phường Một,113,105.03,21.01\n")

    done = stations("import", table)

    assert done.exit_code == 0, done.output
    assert "1 stations (0 of them new) for 1 wards" in done.stdout
    with operator.connect() as connection:
        name = connection.scalar(text("select name from stations where id = 'w-00001'"))
    assert name == "Công an phường Một"


@pytest.mark.usefixtures("operator")
def test_faulty_stations_end_with_1(tmp_path: Path) -> None:
    table = tmp_path / "stations.csv"
    table.write_text("ward_code,name\n99999,Đồn\n")

    refused = stations("import", table)

    assert refused.exit_code == 1
    assert "there is no ward 99999" in refused.stdout
    assert json.loads(stations("import", table, "--json").stdout)["refused"]
