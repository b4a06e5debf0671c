"""Trends over HTTP: who may read which, what is said, and what is never said."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from tests.factories import caller, make_officer
from tests.town import IN_SOUTH, Town
from tests.trends.past import LAST, Sent, ordinary, sent

AS_OF = str(LAST)
DAY = dt.timedelta(1)


@pytest.fixture(scope="module")
def past(engine: Engine, town: Town) -> None:
    """Sixty ordinary weeks, and a last one with many thefts in the south."""
    sent(engine, ordinary(np.random.default_rng(7), weeks=60, south=3, north=2))
    sent(engine, [Sent(LAST - dt.timedelta(n % 7), IN_SOUTH) for n in range(40)])
    with engine.begin() as connection:
        connection.execute(
            text("update categories set hotspot_group = 'property' where code = 'theft'")
        )


@pytest.fixture
def commander(engine: Engine, past: None) -> str:
    """Whoever commands the town's province."""
    return make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")


async def answered(app: FastAPI, token: str, **parameters: str) -> Any:
    """What a reader is answered, in English."""
    async with caller(app, token) as client:
        english = {"Accept-Language": "en"}
        asked = {"as_of": AS_OF} | parameters
        return await client.get("/v1/trends", params=asked, headers=english)


async def read(app: FastAPI, token: str, **parameters: str) -> Any:
    """The same, when it is an answer."""
    answer = await answered(app, token, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_rise_in_a_ward_is_found_there_and_told_in_bands(
    app: FastAPI, commander: str
) -> None:
    found = await read(app, commander, scope="00001", group="property")

    change = found["changes"][0]
    assert found["changes_found"] == len(found["changes"])
    assert (change["direction"], change["count_band"], change["days"]) == ("more", "50+", 7)
    assert change["expected"] in {15, 20, 25}
    assert (change["p"], change["q"]) == (0.01, 0.01)
    assert "reports, not crimes" in change["text"]
    assert "reports, not crimes" in found["caveat"]


async def test_nothing_unusual_is_a_plain_sentence(app: FastAPI, commander: str) -> None:
    found = await read(app, commander, scope="00002")
    async with caller(app, commander) as client:
        asked = {"as_of": AS_OF, "scope": "00002"}
        vietnamese = (await client.get("/v1/trends", params=asked)).json()

    assert (found["changes_found"], found["changes"]) == (0, [])
    assert found["sentence"] == "Nothing is unusual compared with the weeks before."
    assert vietnamese["sentence"] == "Không có gì khác thường so với những tuần trước."


@pytest.mark.parametrize("group", ["all", "property", "violence", "other"])
@pytest.mark.parametrize("scope", ["01", "00001", "00002"])
@pytest.mark.parametrize("step", ["day", "week"])
async def test_every_figure_is_rounded_to_fives_and_none_is_below_five(
    app: FastAPI, commander: str, scope: str, group: str, step: str
) -> None:
    found = await read(app, commander, scope=scope, group=group, step=step)

    assert found["step"] == "week"  # days of the town hold too few reporters
    assert found["series"]
    for point in found["series"]:
        first, last = dt.date.fromisoformat(point["from"]), dt.date.fromisoformat(point["to"])
        assert (first.weekday(), last - first) == (0, 6 * DAY)
        assert point["count"] is None or (point["count"] >= 5 and point["count"] % 5 == 0)
        for name in ("expected", "low", "high"):
            assert point[name] is None or point[name] % 5 == 0
    for each in found["forecasts"]:
        figures = [
            each["expected"],
            *(i[end] for i in each["intervals"] for end in ("low", "high")),
        ]
        assert all(figure % 5 == 0 for figure in figures)


async def test_a_forecast_says_how_forecasts_have_turned_out(app: FastAPI, commander: str) -> None:
    week, month = (await read(app, commander))["forecasts"]

    assert (week["from"], week["to"]) == ("2026-11-16", "2026-11-22")
    assert (month["from"], month["to"]) == ("2026-11-16", "2026-12-13")
    assert week["past"]["forecasts"] >= 50
    assert month["expected"] == pytest.approx(4 * 35, abs=30)
    for each in (week, month):
        widths = [interval["high"] - interval["low"] for interval in each["intervals"]]
        assert widths == sorted(widths)
        assert [share["level"] for share in each["past"]["inside"]] == [50, 80, 95]
    assert (await read(app, commander, group="violence"))["forecasts"] == []


@pytest.mark.parametrize("step", ["day", "week"])
async def test_within_a_week_there_is_one_answer_of_a_ward(
    app: FastAPI, commander: str, step: str
) -> None:
    sunday = await read(app, commander, scope="00001", step=step)
    friday = await read(app, commander, scope="00001", step=step, as_of=str(LAST + 5 * DAY))

    assert friday["through"] == sunday["through"] == AS_OF
    assert friday["series"] == sunday["series"]
    assert friday["computed_at"] == sunday["computed_at"]


async def test_what_was_told_stays_whatever_becomes_of_the_reports(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    before = await read(app, commander, scope="00002", group="other", as_of=str(LAST - 7 * DAY))
    told = await read(app, commander, scope="00002", as_of=str(LAST - 7 * DAY))
    with engine.begin() as connection:
        connection.execute(
            text("update reports set state = 'withdrawn' where ward_code = '00002'"
                 " and received_at < '2026-11-07' and category = 'theft'")
        )  # fmt: skip

    again = await read(app, commander, scope="00002", as_of=str(LAST - 7 * DAY))
    later = await read(app, commander, scope="00002", as_of=str(LAST))

    with engine.begin() as connection:
        connection.execute(text("update reports set state = 'received'"))
        connection.execute(text("delete from trend_answers"))
    assert again == told
    assert before["series"]
    figures = {point["from"]: point["count"] for point in told["series"]}
    kept = {point["from"]: point["count"] for point in later["series"]}
    assert any(figures.values())
    assert {day: kept[day] for day in figures if day in kept} == {
        day: count for day, count in figures.items() if day in kept
    }


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("as_of", str(dt.date(2999, 1, 1))),
        ("as_of", "2020-01-01"),
        ("as_of", "yesterday"),
        ("group", "sensitive"),
        ("group", "domestic_violence"),
        ("step", "hour"),
        ("edition", "999"),
        ("edition", "-77777"),
        ("scope", "x" * 30),
    ],
)
async def test_what_may_not_be_asked_is_refused(
    app: FastAPI, commander: str, parameter: str, value: str
) -> None:
    answer = await answered(app, commander, **{parameter: value})

    assert answer.status_code == 422
    assert value not in answer.text
    assert answer.json()["errors"]


async def test_the_day_that_is_not_over_is_never_counted(app: FastAPI, commander: str) -> None:
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()

    refused = await answered(app, commander, as_of=str(today))
    given = await answered(app, commander, as_of=str(today - DAY))

    assert (refused.status_code, given.status_code) == (422, 200)


async def test_everybody_reads_their_own_places_only(
    app: FastAPI, engine: Engine, commander: str
) -> None:
    def officer(station: str | None, role: StaffRole, province: str | None = None) -> str:
        return make_officer(engine, station, role=role, province_code=province)

    chief = officer("w-00001", StaffRole.STATION_CHIEF)
    country = officer("vn", StaffRole.STATION_CHIEF)
    stranger = officer(None, StaffRole.PROVINCE_COMMANDER, "79")
    duty = officer("w-00001", StaffRole.DUTY_OFFICER)
    asked = [
        (commander, {"scope": "vn"}, 404),
        (commander, {"scope": "99999"}, 404),
        (chief, {}, 200),
        (chief, {"scope": "00001"}, 200),
        (chief, {"scope": "00002"}, 404),
        (chief, {"scope": "01"}, 404),
        (country, {}, 200),
        (country, {"scope": "01"}, 404),
        (stranger, {"scope": "01"}, 404),
        (stranger, {"scope": "00001"}, 404),
        (duty, {"scope": "00001"}, 403),
    ]

    for token, parameters, status in asked:
        answer = await answered(app, token, **parameters)
        assert answer.status_code == status, (parameters, answer.text)
    assert (await read(app, chief))["name"] == "Phường Thử 00001"
    assert (await read(app, country))["scope"] == "vn"


async def test_each_reading_is_on_record(app: FastAPI, engine: Engine, commander: str) -> None:
    query = text("select count(*) from audit_events where action = 'trends.read'"
                 " and object_id = '00001' and scope = '01'")  # fmt: skip
    with engine.connect() as connection:
        before = connection.scalar(query)

    await read(app, commander, scope="00001")
    await read(app, commander, scope="00001")

    with engine.connect() as connection:
        assert connection.scalar(query) == (before or 0) + 2


async def test_an_answer_that_still_holds_is_not_sent_again(app: FastAPI, commander: str) -> None:
    first = await answered(app, commander, scope="00001")

    async with caller(app, commander) as client:
        asked = {"as_of": AS_OF, "scope": "00001"}
        headers = {"Accept-Language": "en", "If-None-Match": first.headers["ETag"]}
        again = await client.get("/v1/trends", params=asked, headers=headers)

    assert (again.status_code, again.content) == (304, b"")
