"""Cards of a month worked out by hand: the same number for the chief, the province, the public."""

import datetime as dt
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.clocks import ladder
from api.clocks.history import refresh
from api.clocks.rules import Shelf
from api.scorecards import nightly
from api.scorecards.keeping import count_some
from api.scorecards.windows import settled_month
from tests.factories import caller, make_station
from tests.scorecards.month import NOW, A, B, Town, count

pytestmark = pytest.mark.usefixtures("on_the_day")


async def asked(app: FastAPI, token: str | None, path: str, **params: Any) -> Any:
    """What somebody is answered."""
    async with caller(app, token) as client:
        answer = await client.get(path, params=params, headers={"Accept-Language": "en"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def card(app: FastAPI, token: str, scope: str, window: str = "28d") -> Any:
    """A card."""
    return await asked(app, token, "/v1/scorecards", scope=scope, window=window)


def line(found: Any, scope: str) -> Any:
    """A station's line."""
    return next(each for each in found["lines"] if each["scope"] == scope)


def additive(counts: dict[str, Any]) -> dict[str, Any]:
    """Without what is withheld or rounded."""
    return {name: each for name, each in counts.items() if name != "withdrawn"}


async def test_the_numbers_are_those_counted_by_hand(app: FastAPI, town: Town) -> None:
    found = await card(app, town.commander(), town.province)

    assert additive(line(found, town.a)["counts"]) == A
    assert additive(line(found, town.b)["counts"]) == B
    assert (found["window"]["first"], found["window"]["last"]) == ("2026-10-25", "2026-11-21")
    assert found["complete"] is True


async def test_stations_add_up_to_their_province(app: FastAPI, town: Town) -> None:
    found = await card(app, town.commander(), town.province)

    for name, together in additive(found["total"]["counts"]).items():
        assert together == sum(each["counts"][name] for each in found["lines"]), name


@pytest.mark.parametrize("window", ["7d", "28d", "90d", "2026-10"])
async def test_what_came_and_what_went_balance(app: FastAPI, town: Town, window: str) -> None:
    found = await card(app, town.commander(), town.province, window)

    for each in (found["total"], *found["lines"]):
        n = each["counts"]
        came = n["received"] + n["reopened"] + n["transferred_in"] + n["bounced_in"]
        came += n["rerouted_in"]
        went = n["answered"] + n["closed_unanswered"] + n["transferred_out"] + n["bounced_out"]
        went += n["rerouted_out"]
        assert n["open_at_start"] + came - went == n["open_at_end"]


async def test_a_chief_reads_the_line_the_commander_reads(app: FastAPI, town: Town) -> None:
    commanders = await card(app, town.commander(), town.province)
    for station in (town.a, town.b, town.desk):
        own = await card(app, town.chief(station), station)
        assert own["total"] == line(commanders, station)
        assert own["lines"] == []
        assert own["peers"] == commanders["peers"]
        assert own["total"] == (await card(app, town.commander(), station))["total"]


async def test_rates_say_out_of_how_many_and_how_sure(app: FastAPI, town: Town) -> None:
    found = await card(app, town.commander(), town.province)
    read = line(found, town.a)["rates"]["acknowledged_in_time"]

    assert (read["numerator"], read["denominator"], read["rate"]) == (5, 6, 0.8333)
    assert read["low"] < 0.8333 < read["high"]
    assert read["judgement"] == "within_chance"
    few = line(found, town.b)["rates"]["acknowledged_in_time"]
    assert (few["numerator"], few["denominator"], few["rate"]) == (2, 3, None)
    assert (few["withheld"], few["judgement"]) == ("too_few", None)
    answered = line(found, town.b)["rates"]["answered_in_time"]
    assert (answered["numerator"], answered["denominator"]) == (1, 1)


async def test_complaints_about_the_police_are_on_oversights_card_only(
    app: FastAPI, town: Town
) -> None:
    own = await card(app, town.reader(StaffRole.OVERSIGHT, town.oversight), town.oversight)
    provinces = await card(app, town.commander(), town.province)

    assert own["total"]["counts"]["transferred_in"] == 1
    assert own["total"]["counts"]["open_at_end"] == 1
    assert town.oversight not in str(provinces)


async def test_a_card_outside_the_own_scope_does_not_exist(
    app: FastAPI, engine: Engine, town: Town
) -> None:
    elsewhere = make_station(engine, province_code="P-elsewhere").id
    asked_for = [
        (town.commander(), elsewhere), (town.commander(), "P-elsewhere"), (town.commander(), "vn"),
        (town.commander(), town.oversight), (town.chief(town.a), town.b),
        (town.chief(town.a), town.province), (town.chief(town.a), town.oversight),
        (town.reader(StaffRole.OVERSIGHT, town.oversight), town.a),
        (town.reader(StaffRole.OVERSIGHT, town.oversight), town.province),
        (town.commander(), "nowhere"),
    ]  # fmt: skip

    for token, scope in asked_for:
        for path, more in (
            ("/v1/scorecards", {}),
            ("/v1/scorecards/cases", {"measure": "received"}),
        ):
            async with caller(app, token) as client:
                given = {"scope": scope} | more
                answer = await client.get(path, params=given)
            assert answer.status_code in (403, 404), (scope, path)
            assert path.endswith("cases") or answer.status_code == 404


async def test_the_country_is_its_provinces_and_the_national_desk(app: FastAPI, town: Town) -> None:
    found = await card(app, town.chief("vn"), "vn")

    assert [each["scope"] for each in found["lines"]][-1] == "vn"
    province = line(found, town.province)
    commanders = await card(app, town.commander(), town.province)
    assert province["counts"] == commanders["total"]["counts"]
    for name, together in additive(found["total"]["counts"]).items():
        assert together == sum(each["counts"][name] for each in found["lines"]), name


async def test_a_chief_follows_a_number_to_its_cases(app: FastAPI, town: Town) -> None:
    for name, cases in [
        ("received", {"in time", "late", "transferred", "reopened", "duplicate", "withdrawn",
                      "desk"}),
        ("missed", {"late"}),
        ("open_at_end", {"reopened", "desk", "rerouted"}),
    ]:  # fmt: skip
        found = await asked(
            app, town.chief(town.a), "/v1/scorecards/cases", scope=town.a, measure=name
        )
        seen = {town.cases[each] for each in cases}
        # What went to another station, and was not for it to know, it sees no more.
        seen -= {town.cases["transferred"]}
        assert {each["case_id"] for each in found["items"]} == seen, name


async def test_pages_of_cases_hold_each_case_once(app: FastAPI, town: Town) -> None:
    token, ids, cursor = town.chief(town.a), [], None
    while True:
        given = {"scope": town.a, "measure": "acknowledged", "limit": 2}
        page = await asked(
            app, token, "/v1/scorecards/cases", **given | ({"cursor": cursor} if cursor else {})
        )
        ids += [each["case_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    # Acknowledged six times: one case twice.
    assert (len(ids), len(set(ids))) == (5, 5)


@pytest.mark.parametrize("measure", ["withdrawn", "rated", "satisfied", "nothing"])
async def test_what_is_protected_leads_to_no_case(app: FastAPI, town: Town, measure: str) -> None:
    async with caller(app, town.chief(town.a)) as client:
        given = {"scope": town.a, "measure": measure}
        answer = await client.get("/v1/scorecards/cases", params=given)

    assert answer.status_code == 404


async def test_every_read_is_on_record(app: FastAPI, engine: Engine, town: Town) -> None:
    await card(app, town.commander(), town.a, "7d")
    await asked(app, town.chief(town.a), "/v1/scorecards/cases", scope=town.a, measure="missed")

    query = text("select action, object_id from audit_events where object_kind = 'scorecard'"
                 " order by id desc limit 2")  # fmt: skip
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [
        ("scorecard_cases.read", f"{town.a} 28d 2026-11-21"),
        ("scorecard.read", f"{town.a} 7d 2026-11-21"),
    ]


@pytest.mark.parametrize("window", ["2026-11", "2026-Q4", "2027-01", "2026-13", "8d", "28D", ""])
async def test_days_that_are_not_over_are_refused(app: FastAPI, town: Town, window: str) -> None:
    async with caller(app, town.commander()) as client:
        given = {"scope": town.province, "window": window}
        answer = await client.get("/v1/scorecards", params=given)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/window"


async def test_a_night_writes_down_what_would_be_counted(
    app: FastAPI, engine: Engine, worker: Engine, town: Town
) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from scorecard_lines"))
    counted = await card(app, town.commander(), town.province)
    own = await card(app, town.chief(town.b), town.b)
    police = town.reader(StaffRole.OVERSIGHT, town.oversight)
    oversights = await card(app, police, town.oversight)

    assert nightly.write_cards(worker, NOW) == 3 + 16
    assert nightly.write_cards(worker, NOW) == 0

    for before, token, scope in [
        (counted, town.commander(), town.province), (own, town.chief(town.b), town.b),
        (oversights, police, town.oversight),
    ]:  # fmt: skip
        after = await card(app, token, scope)
        assert (before.pop("kept"), after.pop("kept")) == (False, True)
        assert after == before


async def test_the_public_reads_the_provinces_month_rounded(
    app: FastAPI, worker: Engine, town: Town
) -> None:
    nightly.write_cards(worker, NOW)
    found = await asked(app, None, "/v1/public/summary")
    commanders = await card(app, town.commander(), town.province, "2026-10")

    assert (found["window"]["name"], settled_month(NOW).name) == ("2026-10", "2026-10")
    public = next(each for each in found["items"] if each["province_code"] == town.province)
    for name, shown in public["counts"].items():
        assert shown % 5 == 0
        assert abs(shown - commanders["total"]["counts"][name]) <= 2
    assert all(each["rate"] is None for each in public["rates"].values())
    assert town.a not in str(found)


async def test_the_definitions_name_every_number_of_a_card(app: FastAPI, town: Town) -> None:
    defined = await asked(app, None, "/v1/scorecards/definitions")
    found = (await card(app, town.commander(), town.province))["total"]
    keys = {each["key"] for each in defined["items"]}

    assert {*found["counts"], *found["rates"], *found["signals"], *found["times"]} <= keys
    for each in defined["items"]:
        assert {each["numerator"], each["denominator"]} <= keys | {None}


def test_while_it_counts_anew_nothing_is_complete(
    worker: Engine, engine: Engine, town: Town
) -> None:
    until = text("select counted_until from stays_progress")
    with engine.begin() as connection:
        connection.execute(text("update stays_progress set book = 'another'"))

    with worker.begin() as connection:
        count_some(connection, Shelf(), NOW, 3)
    with engine.connect() as connection:
        between = connection.scalar(until)
    count(engine, worker, NOW)
    with engine.connect() as connection:
        after = connection.scalar(until)

    assert (between, after) == (None, NOW)


async def test_what_is_overdue_now_is_what_the_ladder_says(
    app: FastAPI, worker: Engine, engine: Engine, town: Town
) -> None:
    with engine.begin() as connection:
        book = Shelf().book(connection)
        cases = [uuid.UUID(each) for each in town.cases.values()]
        refresh(connection, book, cases, NOW)
    ladder.climb(worker, book, NOW)

    found = await card(app, town.commander(), town.province)
    own = await card(app, town.chief(town.b), town.b)
    country = await card(app, town.chief("vn"), "vn")
    police = town.reader(StaffRole.OVERSIGHT, town.oversight)
    oversights = await card(app, police, town.oversight)

    assert (line(found, town.a)["overdue_now"], line(found, town.b)["overdue_now"]) == (0, 1)
    assert found["total"]["overdue_now"] == own["total"]["overdue_now"] == 1
    assert line(country, town.province)["overdue_now"] == 1
    # The complaint, which oversight has not read, is on nobody else's card.
    assert oversights["total"]["overdue_now"] == country["total"]["overdue_now"] == 1


def test_counting_again_changes_nothing(worker: Engine, engine: Engine, town: Town) -> None:
    def stays() -> list[Any]:
        query = text("select s::text from case_stays as s order by case_id, number")
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    before = stays()
    with engine.begin() as connection:
        connection.execute(text("update stays_progress set book = 'another'"))

    again = count(engine, worker, NOW, batch=5)
    nothing = count(engine, worker, NOW + dt.timedelta(minutes=5))

    assert (again >= 13, nothing) == (True, 0)
    assert stays() == before
