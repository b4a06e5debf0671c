"""The index of a stored edition: made once, in a file that every process opens."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from geo import editions, stored
from geo.atlas import Atlases, load_atlas
from geo.load import import_edition
from tests.geo.maps import at
from tests.geo.squares import square, ward, write

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=editions.HANOI)


@pytest.fixture
def edition_id(unmapped: Engine, tmp_path: Path) -> int:
    """An imported edition of two wards that overlap."""
    file = write(tmp_path / "wards.geojson", [ward("01002", square(0)), ward("01001", square(0.5))])
    report = import_edition(
        unmapped, file, effective_from=dt.date(2025, 7, 1), accept_overlaps=True
    )
    assert report.edition_id is not None
    return report.edition_id


def test_an_edition_is_indexed_once_and_then_opened(
    unmapped: Engine, edition_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    with unmapped.connect() as connection:
        made = load_atlas(connection, edition_id, folder)

    monkeypatch.setattr(stored, "pack", lambda *_: pytest.fail("made again"))
    with unmapped.connect() as connection:
        opened = load_atlas(connection, edition_id, folder)

    assert [path.suffix for path in folder.iterdir() if path.name != "lock"] == [".index"]
    for spot in (at(0.25, 0.5), at(0.75, 0.5), at(1.25, 0.5), at(3, 3)):
        assert opened.index.covering(*spot) == made.index.covering(*spot)
        assert opened.index.shares(*spot, 50) == made.index.shares(*spot, 50)


def test_another_import_of_the_same_id_has_an_index_of_its_own(
    unmapped: Engine, edition_id: int, tmp_path: Path
) -> None:
    """A home folder may outlive its database."""
    with unmapped.connect() as connection:
        load_atlas(connection, edition_id, tmp_path / "index")
    with unmapped.begin() as connection:
        connection.execute(
            text("update boundary_editions set imported_at = imported_at + interval '1 second'")
        )

    with unmapped.connect() as connection:
        load_atlas(connection, edition_id, tmp_path / "index")

    assert len(list((tmp_path / "index").glob(f"edition-{edition_id}-*.index"))) == 2


def test_processes_that_follow_the_editions_share_their_files(
    unmapped: Engine, edition_id: int, tmp_path: Path
) -> None:
    with unmapped.begin() as connection:
        editions.activate(connection, edition_id, NOON)
    keepers = [Atlases(unmapped, lambda: NOON, tmp_path / "index") for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(Atlases.refresh, keepers))

    assert len(list((tmp_path / "index").glob("*.index"))) == 1
    for keeper in keepers:
        atlas = keeper.current(NOON)
        assert atlas is not None
        assert atlas.index.covering(*at(0.75, 0.5)) == [0, 1]
