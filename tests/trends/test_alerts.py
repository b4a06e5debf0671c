"""The nightly look: each change told once, whoever looks, however often, and whenever one dies."""

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from string import Formatter
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, bindparam, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB

from api.accounts.tables import StaffRole
from api.settings import Settings
from api.trends import alerts
from api.trends.words import WORDS, alert_text
from tests.factories import caller, make_officer
from tests.town import IN_NORTH, IN_SOUTH, Town
from tests.trends.past import LAST, Sent, ordinary, sent

NIGHT = dt.datetime.combine(LAST, dt.time(20), dt.UTC)
"""02:00 of the day after."""
DAY = dt.timedelta(1)


@pytest.fixture
def worker(engine: Engine, town: Town) -> Iterator[Engine]:
    """The worker's engine, its role only, over a past in which nothing happened."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "truncate reports, hotspot_layers, trend_alerts, trend_runs, trend_answers,"
                " staff_notices cascade"
            )
        )
        connection.execute(
            text("update categories set hotspot_group = 'property' where code = 'theft'")
        )
    sent(engine, ordinary(np.random.default_rng(3), weeks=40, south=3, north=2))
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


def looked(worker: Engine, settings: Settings, night: dt.datetime = NIGHT) -> int:
    """A worker's night."""
    return alerts.look(worker, settings.indexes, threading.Event(), night)


def rise(engine: Engine, last: dt.date = LAST, *, count: int = 70, **facts: Any) -> None:
    """A week with many more thefts in the south."""
    sent(engine, [Sent(last - (n % 7) * DAY, IN_SOUTH, **facts) for n in range(count)])


def notices(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        query = text("select kind, role, province_code, data from staff_notices order by id")
        return list(connection.execute(query))


def found(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        query = text(
            "select scope, direction, category_group, began_on, last_on, ended_on"
            " from trend_alerts order by scope, direction, category_group, id"
        )
        return [tuple(row) for row in connection.execute(query)]


def test_a_night_without_a_change_tells_nothing(
    engine: Engine, worker: Engine, settings: Settings
) -> None:
    assert looked(worker, settings) == 0
    assert notices(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from trend_runs")) == 2


async def test_a_rise_reaches_the_commanders_inbox_in_words(
    app: FastAPI, engine: Engine, worker: Engine, settings: Settings
) -> None:
    rise(engine)

    told = looked(worker, settings)

    commander = make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")
    async with caller(app, commander) as client:
        inbox = (await client.get("/v1/staff/inbox", headers={"Accept-Language": "en"})).json()
        listed = (await client.get("/v1/trends/alerts")).json()
    south = [item for item in inbox["items"] if "00001" in item["text"]]
    assert told - 1 == len(inbox["items"]) == len(listed["items"]) == 2  # one is the country's
    assert south[0]["kind"] == "trend.more"
    assert south[0]["case_id"] is None
    assert "property: 50+ reporters in the 7 days to 2026-11-15" in south[0]["text"]
    assert "not crimes" in south[0]["text"]
    assert {item["scope"] for item in listed["items"]} == {"00001", "01"}
    assert "không phải tội phạm" in listed["items"][0]["text"]


def test_however_often_it_is_looked_a_change_is_told_once(
    engine: Engine, worker: Engine, settings: Settings
) -> None:
    rise(engine)
    first = looked(worker, settings)

    again = [looked(worker, settings, NIGHT + night * DAY) for night in (0, 0, 1, 2)]

    assert again == [0, 0, 0, 0]
    assert len(notices(engine)) == first
    assert {row[4] for row in found(engine)} >= {LAST + 2 * DAY}


def test_two_workers_at_once_tell_once(engine: Engine, worker: Engine, settings: Settings) -> None:
    rise(engine)

    with ThreadPoolExecutor(4) as threads:
        told = sum(threads.map(lambda _: looked(worker, settings), range(4)))

    assert told == len(notices(engine)) == len(found(engine)) > 0


@pytest.mark.parametrize("dies_at", ["trend_runs", "trend_alerts", "staff_notices"])
def test_a_worker_that_dies_on_the_way_leaves_all_or_nothing(
    engine: Engine, worker: Engine, settings: Settings, dies_at: str
) -> None:
    rise(engine)

    def die(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(f"INSERT INTO {dies_at}"):
            raise KeyboardInterrupt

    event.listen(worker, "after_cursor_execute", die)
    with pytest.raises(KeyboardInterrupt):
        looked(worker, settings)
    event.remove(worker, "after_cursor_execute", die)
    assert (notices(engine), found(engine)) == ([], [])

    told = looked(worker, settings)

    assert told == len(notices(engine)) == len(found(engine)) > 0


def test_what_is_over_and_comes_again_is_told_again(
    engine: Engine, worker: Engine, settings: Settings
) -> None:
    rise(engine)
    looked(worker, settings)
    later = 8 * 7
    days = ordinary(np.random.default_rng(4), weeks=8, south=3, north=2, last=LAST + later * DAY)
    sent(engine, days)
    for night in range(0, later, 7):
        looked(worker, settings, NIGHT + night * DAY)
    over = [row for row in found(engine) if row[:3] == ("00001", "more", "property")]
    rise(engine, LAST + later * DAY)

    looked(worker, settings, NIGHT + later * DAY)

    again = [row for row in found(engine) if row[:3] == ("00001", "more", "property")]
    assert [row[5] is None for row in over] == [False]
    assert [row[5] is None for row in again] == [False, True]


@pytest.mark.parametrize("devices", [1, 3, 4])
def test_a_flood_from_few_devices_is_no_rise(
    engine: Engine, worker: Engine, settings: Settings, devices: int
) -> None:
    flood = [
        Sent(LAST - (n % 7) * DAY, IN_SOUTH, reporter=bytes([n % devices]) * 32) for n in range(60)
    ]
    sent(engine, flood)

    assert looked(worker, settings) == 0


def test_a_silent_ward_is_a_warning_about_the_channel_not_safety(
    engine: Engine, worker: Engine, settings: Settings
) -> None:
    with engine.begin() as connection:
        since = dt.datetime.combine(LAST - 27 * DAY, dt.time(), dt.UTC)
        connection.execute(
            text("delete from reports where ward_code = '00002' and received_at > :since"),
            {"since": since},
        )

    looked(worker, settings)

    silent = [row.data for row in notices(engine) if row.kind == "trend.fewer"]
    assert {data["scope"] for data in silent} >= {"00002"}
    assert all(data["group"] == "all" for data in silent)


def test_what_does_not_count_changes_nothing(
    engine: Engine, worker: Engine, settings: Settings
) -> None:
    for facts in (
        {"state": "duplicate"},
        {"state": "withdrawn"},
        {"kind": "complaint_about_police"},
        {"kind": "group_reconciliation"},
        {"about_station": True},
        {"category": "officer_conduct"},
        {"category": "domestic_violence"},
        {"channel": "phone"},
        {"accuracy_m": 1500.0},
        {"confidence": "outside"},
        {"reporter": None},
    ):
        sent(engine, [Sent(LAST - (n % 7) * DAY, IN_NORTH) for n in range(40)], **facts)

    assert looked(worker, settings) == 0


def test_a_rising_hotspot_of_the_nights_layer_is_told_once(
    engine: Engine, worker: Engine, settings: Settings, town: Town
) -> None:
    places = [
        {"properties": {"cell": "88", "ward_code": ward, "count_band": band, "is_rising": rising}}
        for ward, band, rising in (("00001", "10-19", True), ("00002", "5-9", False))
    ]
    layer = text("""
        insert into hotspot_layers (scope, days, category_group, as_of, edition_id, method, version,
            parameters, inputs_sha256, answer)
        values ('01', :days, 'property', :as_of, :edition, 'x', '1', '{}', '', :answer)
    """).bindparams(bindparam("answer", type_=JSONB))
    with engine.begin() as connection:
        for days in (7, 28):
            connection.execute(
                layer,
                {
                    "days": days,
                    "as_of": LAST + DAY,
                    "edition": town.edition_id,
                    "answer": {"features": places},
                },
            )

    told = [looked(worker, settings), looked(worker, settings)]

    assert told == [1, 0]
    notice = notices(engine)[0]
    assert (notice.kind, notice.data["scope"]) == ("trend.rising", "00001")
    assert "10-19" in alert_text(notice.data, "vi")
    assert "By chance alone at most 5%" in alert_text(notice.data, "en")


@pytest.mark.parametrize(
    ("direction", "band", "expected", "said"),
    [
        ("more", "50+", 140, "140+ reporters"),
        ("more", "50+", 20, "50+ reporters"),
        ("more", "10-19", 10, "10-19 reporters"),
        ("fewer", "50+", 140, "50+ reporters"),
        ("rising", "50+", None, "50+ reporters"),
    ],
)
def test_more_than_usual_is_never_told_as_less_than_that(
    direction: str, band: str, expected: int | None, said: str
) -> None:
    facts = {"direction": direction, "group": "all", "place": "Hà Nội", "days": 28, "q": 0.01}

    text = alert_text(
        facts | {"last": "2026-11-22", "count_band": band, "expected": expected}, "en"
    )

    assert said in text


@pytest.mark.parametrize("key", WORDS)
def test_a_sentence_has_both_languages_and_the_same_facts_in_each(key: str) -> None:
    facts = [{name for _, name, _, _ in Formatter().parse(each) if name} for each in WORDS[key]]

    assert facts[0] == facts[1]
    assert WORDS[key][0] != WORDS[key][1]
    assert WORDS[key] == tuple(normalize("NFC", each) for each in WORDS[key])
