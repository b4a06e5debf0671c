"""More time: asked for before the end, decided by somebody else, kept in the history."""

import uuid

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.reports.tables import Report
from api.secrets import token_hash
from geo.tables import Station
from tests.api.at_a_time import Then
from tests.clocks.year import moment
from tests.factories import make_report, make_station
from tests.town import Town

START = "2026-03-03 09:00"
"""20 days end on Mon 23 March; 5 days before that is the 18th."""
ASKED = {"clock": "outcome", "until": "2026-05-03", "reason": "Vụ việc phức tạp."}
GRANTED = {"clock": "outcome", "approved": True, "reason": "Đồng ý."}
REFUSED = {"clock": "outcome", "approved": False, "reason": "Chưa đủ căn cứ."}


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officers' station."""
    return make_station(engine, id=f"w-{uuid.uuid4().hex[:8]}", province_code="01")


@pytest.fixture
def then(app: FastAPI, engine: Engine, station: Station, town: Town) -> Then:
    """The service at any time."""
    return Then(app, engine, station)


@pytest.fixture
def case(engine: Engine, station: Station) -> Report:
    """A crime report, whose outcome can be extended."""
    return make_report(
        engine, station, kind="crime_report", category="theft", received_at=moment(START)
    )


def username(engine: Engine, token: str) -> str:
    query = text(
        "select username from staff join staff_sessions on staff_id = staff.id"
        " where token_hash = :hash"
    )
    with engine.connect() as connection:
        return str(connection.scalar(query, {"hash": token_hash(token)}))


async def test_the_chief_grants_and_the_deadline_moves(then: Then, case: Report) -> None:
    asked = await then.post("2026-03-16 09:00", case, "extension", **ASKED)
    waiting = (await then.clocks("2026-03-16 10:00", case, "chief"))["outcome"]
    granted = await then.post("2026-03-17 09:00", case, "extension/approval", "chief", **GRANTED)
    outcome = {each["clock"]: each for each in granted.json()["clocks"]}["outcome"]

    assert (asked.status_code, granted.status_code) == (200, 200)
    assert waiting["deadline"] == "2026-03-24T00:00:00+07:00"
    assert waiting["extension"]["until"] == "2026-05-03"
    assert waiting["extension"]["reason"] == "Vụ việc phức tạp."
    assert outcome["deadline"] == "2026-05-05T00:00:00+07:00"  # a Sunday, so Monday's end
    assert (outcome["extensions"], outcome["extension"]) == (1, None)
    kinds = [event["kind"] for event in granted.json()["events"]]
    assert kinds[1:] == ["report.extension_requested", "report.extension_granted"]


async def test_both_are_told_and_the_trail_has_it(then: Then, engine: Engine, case: Report) -> None:
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)
    chiefs = await then.get("2026-03-16 10:00", "/v1/staff/inbox", "chief")
    await then.post("2026-03-17 09:00", case, "extension/approval", "chief", **REFUSED)
    officers = await then.get("2026-03-17 10:00", "/v1/staff/inbox")
    colleagues = await then.get("2026-03-17 10:00", "/v1/staff/inbox", "colleague")

    assert [each["kind"] for each in chiefs["items"]] == ["extension.requested"]
    assert chiefs["items"][0]["case_id"] == str(case.case_id)
    assert [each["kind"] for each in officers["items"]] == ["extension.decided"]
    assert officers["items"][0]["data"] == {"approved": False}
    assert colleagues["items"] == []
    query = text("select action from audit_events where object_id = :id order by id")
    with engine.connect() as connection:
        trail = connection.scalars(query, {"id": str(case.case_id)}).all()
    steps = [each for each in trail if "extension" in each]
    assert steps == ["report.extension_requested", "report.extension_refused"]


async def test_a_refusal_leaves_the_deadline(then: Then, case: Report) -> None:
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)
    await then.post("2026-03-17 09:00", case, "extension/approval", "chief", **REFUSED)

    outcome = (await then.clocks("2026-03-17 10:00", case))["outcome"]

    assert outcome["deadline"] == "2026-03-24T00:00:00+07:00"
    assert (outcome["extensions"], outcome["extension"]) == (0, None)


@pytest.mark.parametrize(
    ("when", "body", "why"),
    [
        ("2026-03-19 00:01", ASKED, "too-late"),
        ("2026-03-16 09:00", ASKED | {"until": "2026-05-04"}, "too-far"),
        ("2026-03-16 09:00", ASKED | {"until": "2026-03-23"}, "not-later"),
        ("2026-03-16 09:00", ASKED | {"clock": "handover"}, "not-extensible"),
        ("2026-03-16 09:00", ASKED | {"clock": "no_such"}, "no-such-clock"),
    ],
)
async def test_what_the_rule_does_not_allow_is_refused(
    then: Then, case: Report, when: str, body: dict[str, str], why: str
) -> None:
    answer = await then.post(when, case, "extension", **body)

    assert (answer.status_code, answer.json()["code"]) == (409, "extension-not-allowed")
    assert answer.json()["why"] == why


async def test_the_last_day_to_ask_is_still_in_time(then: Then, case: Report) -> None:
    answer = await then.post("2026-03-18 23:59", case, "extension", **ASKED)

    assert answer.status_code == 200


async def test_one_request_at_a_time(then: Then, case: Report) -> None:
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    again = await then.post("2026-03-16 10:00", case, "extension", "colleague", **ASKED)

    assert again.json()["why"] == "asked-already"


async def test_nobody_decides_about_their_own_request(then: Then, case: Report) -> None:
    await then.post("2026-03-16 09:00", case, "extension", "chief", **ASKED)

    own = await then.post("2026-03-16 10:00", case, "extension/approval", "chief", **GRANTED)

    assert (own.status_code, own.json()["code"]) == (403, "own-request")


async def test_an_officer_does_not_decide(then: Then, case: Report) -> None:
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    answer = await then.post("2026-03-16 10:00", case, "extension/approval", "colleague", **GRANTED)

    assert (answer.status_code, answer.json()["code"]) == (403, "role-not-allowed")


async def test_there_must_be_something_to_decide(then: Then, case: Report) -> None:
    answer = await then.post("2026-03-16 10:00", case, "extension/approval", "chief", **GRANTED)

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing-to-decide")


async def test_what_has_expired_is_not_granted_any_more(then: Then, case: Report) -> None:
    await then.post("2026-03-18 09:00", case, "extension", **ASKED)

    late = await then.post("2026-03-24 00:01", case, "extension/approval", "chief", **GRANTED)

    assert (late.status_code, late.json()["why"]) == (409, "too-late")


async def test_a_transfer_ends_what_was_asked(then: Then, engine: Engine, case: Report) -> None:
    target = make_station(engine, id=f"w-{uuid.uuid4().hex[:8]}", province_code="01")
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    moved = await then.post(
        "2026-03-16 10:00", case, "transfer", station_id=target.id, reason="Không thuộc địa bàn."
    )

    outcome = {each["clock"]: each for each in moved.json()["clocks"]}["outcome"]
    assert outcome["extension"] is None


async def delegate(then: Then, when: str, username: str, until: str) -> str:
    async with then.at(when, "chief") as chief:
        answer = await chief.post(
            "/v1/staff/delegations", json={"username": username, "until": until}
        )
    assert answer.status_code == 201, answer.text
    assert answer.json()["username"] == username
    return str(answer.json()["id"])


async def test_an_absent_chief_lets_an_officer_decide_until_a_day(
    then: Then, engine: Engine, case: Report
) -> None:
    async with then.at("2026-03-16 08:00", "colleague"):
        name = username(engine, then.tokens["colleague"])
    await delegate(then, "2026-03-16 08:00", name, "2026-03-16")
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    told = await then.get("2026-03-16 09:30", "/v1/staff/inbox", "colleague")
    late = await then.post("2026-03-17 00:00", case, "extension/approval", "colleague", **GRANTED)
    granted = await then.post(
        "2026-03-16 23:59", case, "extension/approval", "colleague", **GRANTED
    )

    assert [each["kind"] for each in told["items"]] == ["extension.requested"]
    assert late.status_code == 403
    assert granted.status_code == 200


async def test_a_delegation_ends_when_the_chief_says_so(
    then: Then, engine: Engine, case: Report
) -> None:
    async with then.at("2026-03-16 08:00", "colleague"):
        name = username(engine, then.tokens["colleague"])
    made = await delegate(then, "2026-03-16 08:00", name, "2026-04-16")
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    async with then.at("2026-03-16 10:00", "chief") as chief:
        ended = await chief.delete(f"/v1/staff/delegations/{made}")
        again = await chief.delete(f"/v1/staff/delegations/{made}")
        left = await chief.get("/v1/staff/delegations")
    refused = await then.post(
        "2026-03-16 11:00", case, "extension/approval", "colleague", **GRANTED
    )

    assert (ended.status_code, again.status_code) == (204, 404)
    assert left.json()["items"] == []
    assert refused.status_code == 403


async def test_a_newer_delegation_replaces_the_older(then: Then, engine: Engine) -> None:
    async with then.at("2026-03-16 08:00", "colleague"):
        name = username(engine, then.tokens["colleague"])
    made = await delegate(then, "2026-03-16 08:00", name, "2026-04-16")

    async with then.at("2026-03-16 09:00", "chief") as chief:
        asked = {"username": name, "until": "2026-03-20"}
        again = await chief.post("/v1/staff/delegations", json=asked)
        held = (await chief.get("/v1/staff/delegations")).json()["items"]
        await chief.delete(f"/v1/staff/delegations/{again.json()['id']}")
        left = (await chief.get("/v1/staff/delegations")).json()["items"]

    assert again.status_code == 201
    assert again.json()["id"] != made
    assert again.json()["until"].startswith("2026-03-21T00:00")
    assert ([each["id"] for each in held], left) == ([again.json()["id"]], [])


async def test_a_delegation_lapses_with_the_chief(then: Then, engine: Engine, case: Report) -> None:
    async with then.at("2026-03-16 08:00", "colleague"):
        name = username(engine, then.tokens["colleague"])
    await delegate(then, "2026-03-16 08:00", name, "2026-04-16")
    await then.post("2026-03-16 09:00", case, "extension", **ASKED)

    with engine.begin() as connection:
        connection.execute(
            text("update staff set disabled_at = now() where station_id = :id and role = :role"),
            {"id": then.station.id, "role": StaffRole.STATION_CHIEF},
        )
    refused = await then.post(
        "2026-03-16 11:00", case, "extension/approval", "colleague", **GRANTED
    )

    assert refused.status_code == 403


@pytest.mark.parametrize("until", ["2026-03-15", "2027-03-18", "2300-01-01"])
async def test_a_delegation_has_a_day_to_come_that_is_not_far(then: Then, until: str) -> None:
    async with then.at("2026-03-16 08:00", "chief") as chief:
        answer = await chief.post(
            "/v1/staff/delegations", json={"username": "anyone", "until": until}
        )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/until"


async def test_only_an_officer_of_the_station_can_stand_in(then: Then, engine: Engine) -> None:
    async with then.at("2026-03-16 08:00", "commander"):
        name = username(engine, then.tokens["commander"])
    async with then.at("2026-03-16 08:00", "chief") as chief:
        answer = await chief.post(
            "/v1/staff/delegations", json={"username": name, "until": "2026-03-20"}
        )

    assert answer.json()["errors"][0]["code"] == "delegate"
