"""Which edition holds when, activating one, and what it changes."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from geo import editions, stations
from geo.editions import AlreadyActivatedError, EditionNotFoundError
from geo.load import import_edition
from tests.geo.squares import square, three_wards, ward, write

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
FIRST, SECOND = dt.date(2025, 7, 1), dt.date(2026, 4, 30)


def make(engine: Engine, path: Path, day: dt.date, features: list[dict[str, Any]]) -> int:
    """Import an edition; its id."""
    report = import_edition(
        engine, write(path / "wards.geojson", features), effective_from=day, accept_overlaps=True
    )
    assert report.edition_id is not None
    return report.edition_id


def activate(engine: Engine, edition_id: int, at: dt.datetime) -> editions.Edition:
    """Activate an edition in a transaction of its own."""
    with engine.begin() as connection:
        return editions.activate(connection, edition_id, at)


def holding(engine: Engine, at: dt.datetime) -> int | None:
    """The id of the edition in force at a moment."""
    with engine.connect() as connection:
        edition = editions.in_force(connection, at)
    return None if edition is None else edition.id


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Hà Nội."""
    return dt.datetime.combine(day, dt.time(), HANOI)


def test_an_edition_holds_from_midnight_in_hanoi(unmapped: Engine, tmp_path: Path) -> None:
    first = make(unmapped, tmp_path, FIRST, three_wards())
    second = make(unmapped, tmp_path, SECOND, three_wards())
    activate(unmapped, first, midnight(FIRST))
    activate(unmapped, second, midnight(FIRST))

    moment = dt.timedelta(microseconds=1)
    assert holding(unmapped, midnight(FIRST) - moment) is None
    assert holding(unmapped, midnight(FIRST)) == first
    assert holding(unmapped, midnight(SECOND) - moment) == first
    assert holding(unmapped, midnight(SECOND).astimezone(dt.UTC)) == second


def test_of_two_with_one_date_the_one_activated_last_holds(
    unmapped: Engine, tmp_path: Path
) -> None:
    one = make(unmapped, tmp_path, FIRST, three_wards())
    other = make(unmapped, tmp_path, FIRST, three_wards())
    now = midnight(SECOND)

    assert activate(unmapped, other, now).activation == 1
    assert activate(unmapped, one, now).activation == 2

    assert holding(unmapped, now) == one


def test_an_earlier_date_activated_later_does_not_win(unmapped: Engine, tmp_path: Path) -> None:
    first = make(unmapped, tmp_path, FIRST, three_wards())
    second = make(unmapped, tmp_path, SECOND, three_wards())
    now = midnight(SECOND)

    activate(unmapped, second, now)
    activate(unmapped, first, now)

    assert holding(unmapped, now) == second


def test_an_edition_is_activated_once(unmapped: Engine, tmp_path: Path) -> None:
    edition = make(unmapped, tmp_path, FIRST, three_wards())
    activate(unmapped, edition, midnight(SECOND))

    with pytest.raises(AlreadyActivatedError):
        activate(unmapped, edition, midnight(SECOND))


@pytest.mark.parametrize("state", ["loading", None])
def test_what_is_not_finished_or_not_there_cannot_be_activated(
    unmapped: Engine, tmp_path: Path, state: str | None
) -> None:
    edition = make(unmapped, tmp_path, FIRST, three_wards())
    with unmapped.begin() as connection:
        if state is None:
            connection.execute(text("delete from boundary_editions"))
        else:
            connection.execute(text("update boundary_editions set state = :s"), {"s": state})

    with pytest.raises(EditionNotFoundError):
        activate(unmapped, edition, midnight(SECOND))


def test_activations_at_the_same_time_get_different_numbers(
    unmapped: Engine, tmp_path: Path
) -> None:
    made = [make(unmapped, tmp_path, FIRST, three_wards()) for _ in range(5)]

    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda edition: activate(unmapped, edition, midnight(FIRST)), made))

    assert sorted(edition.activation for edition in done) == [1, 2, 3, 4, 5]


def test_a_diff_follows_aliases_and_successions(unmapped: Engine, tmp_path: Path) -> None:
    first = make(unmapped, tmp_path, FIRST, [ward("06970", square(0)), *three_wards()])
    with unmapped.begin() as connection:
        connection.execute(
            text("""
                insert into ward_successions (old_code, new_code, old_name, relation)
                values ('00003', '00031', 'x', 'part'), ('00003', '00032', 'x', 'part_main'),
                       ('00003', '09999', 'x', 'part')
            """)
        )
    activate(unmapped, first, midnight(FIRST))
    halves = [square(3, width=0.5), square(3.5, width=0.5)]

    second = make(
        unmapped,
        tmp_path,
        SECOND,
        [
            ward("06978", square(0)),
            *three_wards()[:2],
            ward("00031", halves[0]),
            ward("00032", halves[1]),
        ],
    )

    with unmapped.connect() as connection:
        changes = editions.diff(connection, second)
    assert changes.against == first
    assert changes.recoded == {"06970": "06978"}
    assert changes.added == ["00031", "00032"]
    assert changes.vanished == ["00003"]
    assert changes.succeeded == {"00003": ["00032", "00031"]}
    assert changes.area_changes == []


def test_names_follow_the_edition_but_not_over_an_operators_own(
    unmapped: Engine, tmp_path: Path
) -> None:
    def named(prefix: str, province: str) -> list[dict[str, Any]]:
        return [
            ward(f"0000{i}", square(i), name=f"{prefix} {i}", province_name=province)
            for i in (1, 2)
        ]

    first = make(unmapped, tmp_path, FIRST, named("Xã", "Tỉnh Đồng Nai"))
    second = make(unmapped, tmp_path, SECOND, named("Phường", "Thành phố Đồng Nai"))
    with unmapped.begin() as connection:
        connection.execute(text("update stations set name = 'Đồn Một' where id = 'w-00001'"))

    with unmapped.begin() as connection:
        assert stations.follow_names(connection, first) == 0
        assert stations.follow_names(connection, second) == 3
        rows = connection.execute(text("select id, name from stations"))
        names = {row.id: row.name for row in rows}
        province = connection.scalar(text("select name from provinces"))

    assert names["w-00001"] == "Đồn Một"
    assert names["w-00002"] == "Công an phường 2"
    assert names["p-01"] == "Trực ban Công an thành phố Đồng Nai"
    assert province == "Thành phố Đồng Nai"


def test_editions_are_listed_newest_first(unmapped: Engine, tmp_path: Path) -> None:
    first = make(unmapped, tmp_path, FIRST, three_wards())
    second = make(unmapped, tmp_path, SECOND, three_wards())
    activate(unmapped, first, midnight(FIRST))

    with unmapped.connect() as connection:
        rows = editions.listed(connection)

    assert [(row.id, row.state, row.wards) for row in rows] == [
        (second, "imported", 3),
        (first, "activated", 3),
    ]
