"""What really happens to a case through the API, and the stays that come of it."""

import datetime as dt
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.reports.tables import Report
from api.secrets import Keys, load_keys
from api.settings import Settings
from geo.tables import Province, Station, StationKind
from tests.casework import Desk, Phone
from tests.factories import caller, keep, make_officer, make_report, make_station, unique
from tests.scorecards.month import count


@pytest.fixture(scope="module")
def keys(settings: Settings) -> Keys:
    """The service's keys."""
    return load_keys(settings.keys)


@pytest.fixture(scope="module")
def province(engine: Engine) -> str:
    """A province."""
    return keep(engine, Province(code=unique("P"), name="Tỉnh")).code


@pytest.fixture
def here(engine: Engine, province: str) -> Station:
    """A ward."""
    return make_station(engine, province_code=province)


@pytest.fixture
def there(engine: Engine, province: str) -> Station:
    """Its neighbour."""
    return make_station(engine, province_code=province)


def stays(engine: Engine, worker: Engine, case: Report) -> list[dict[str, Any]]:
    """The stays of a case, counted now."""
    count(engine, worker, dt.datetime.now(dt.UTC))
    query = text("select to_jsonb(s) from case_stays as s where case_id = :id order by number")
    with engine.connect() as connection:
        return list(connection.scalars(query, {"id": case.case_id}))


def path(found: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """Where it was, how it came and how it went."""
    return [(each["station_id"], each["arrival"], each["ended_by"]) for each in found]


async def test_transferred_bounced_answered_rated_and_reopened(
    app: FastAPI, engine: Engine, worker: Engine, keys: Keys, here: Station, there: Station
) -> None:
    own, other = Desk(app, engine, here), Desk(app, engine, there)
    phone = Phone(app, engine, keys, here)
    case = phone.send(received_at=dt.datetime.now(dt.UTC))
    await own.take(case)
    await own.done(case, "transfer", station_id=there.id, reason="Không thuộc địa bàn.")
    await other.done(case, "bounce", reason="Cũng không thuộc địa bàn.")
    await own.take(case)
    await own.resolve(case)
    for satisfied in (False, True):
        assert (await phone.act("feedback", satisfied=satisfied)).status_code == 200
    assert (await phone.act("reopening", text="Vẫn còn ồn.")).status_code == 200

    found = stays(engine, worker, case)

    assert path(found) == [
        (here.id, "received", "transferred"),
        (there.id, "transferred", "bounced"),
        (here.id, "bounced", "resolved"),
        (here.id, "reopened", None),
    ]
    assert [each["satisfied"] for each in found] == [None, None, True, None]
    assert [each["reopened_at"] is not None for each in found] == [False, False, True, False]
    assert [each["read_at"] is not None for each in found] == [True, False, True, False]
    assert found[0]["worked_at"] == found[0]["ended_at"]


async def test_linked_withdrawn_dismissed_and_corrected(
    app: FastAPI, engine: Engine, worker: Engine, keys: Keys, here: Station
) -> None:
    chief = Desk(app, engine, here, role=StaffRole.STATION_CHIEF)
    now = dt.datetime.now(dt.UTC)
    root, again = (make_report(engine, here, received_at=now, urgency=3) for _ in range(2))
    phone = Phone(app, engine, keys, here)
    taken_back = phone.send(received_at=now)
    await chief.done(again, "duplicate", of=str(root.case_id))
    assert (await phone.act("withdrawal")).status_code == 200
    await chief.take(root)
    await chief.done(root, "correction", urgency=1, reason="Không gấp.")
    await chief.done(
        root, "dismissal", reason_code="false_report", public_text="Không có việc này."
    )

    (dismissed,) = stays(engine, worker, root)
    assert (dismissed["ended_by"], dismissed["false_report"]) == ("dismissed", True)
    assert path(stays(engine, worker, again)) == [(here.id, "received", "linked")]
    assert path(stays(engine, worker, taken_back)) == [(here.id, "received", "withdrawn")]


async def test_less_urgent_after_all_is_more_time(
    app: FastAPI, engine: Engine, worker: Engine, here: Station
) -> None:
    desk = Desk(app, engine, here)
    relaxed, sharpened = (
        make_report(engine, here, received_at=dt.datetime.now(dt.UTC), urgency=each)
        for each in (2, 1)
    )
    await desk.done(relaxed, "correction", urgency=1, reason="Không gấp.")
    await desk.done(sharpened, "correction", urgency=3, reason="Rất gấp.")

    assert stays(engine, worker, relaxed)[0]["relaxed_at"] is not None
    assert stays(engine, worker, sharpened)[0]["relaxed_at"] is None


async def test_urged_and_asked_for_more_time(
    app: FastAPI, engine: Engine, worker: Engine, here: Station, province: str
) -> None:
    now = dt.datetime.now(dt.UTC)
    case = make_report(engine, here, received_at=now, kind="crime_report")
    desk = Desk(app, engine, here)
    await desk.take(case)
    until = (now + dt.timedelta(days=40)).date().isoformat()
    await desk.done(case, "extension", clock="outcome", until=until, reason="Phức tạp.")
    role = StaffRole.PROVINCE_COMMANDER
    commander = make_officer(engine, None, role=role, province_code=province)
    async with caller(app, commander) as client:
        urged = await client.post(f"/v1/cases/{case.case_id}/urging", json={"text": "Sao lâu vậy?"})
    assert urged.status_code == 201

    (found,) = stays(engine, worker, case)
    assert len(found["urged_at"]) == 1
    assert (found["asked_at"] is not None, found["asked_late"]) == (True, False)
    assert found["outcome_due_at"] is not None


async def test_nothing_of_a_card_says_who_reported(
    app: FastAPI, engine: Engine, worker: Engine, keys: Keys, here: Station
) -> None:
    phone = Phone(app, engine, keys, here)
    case = phone.send(received_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    count(engine, worker, dt.datetime.now(dt.UTC))
    chief = make_officer(engine, here, role=StaffRole.STATION_CHIEF)

    answers = []
    async with caller(app, chief) as client:
        for path in ("scorecards", "exports/scorecards.csv", "scorecards/cases?measure=received"):
            given = {"scope": here.id, "window": "7d"}
            answer = await client.get(httpx.URL(f"/v1/{path}").copy_merge_params(given))
            assert answer.status_code == 200, answer.text
            answers.append(answer.text)

    assert [str(case.case_id) in each for each in answers] == [False, False, True]
    for secret in (phone.report_id, case.id, phone.key.hex(), phone.token, case.text):
        assert not any(str(secret) in each for each in answers)


async def test_a_complaint_leaves_no_trace_on_the_wards_card(
    app: FastAPI, engine: Engine, worker: Engine, here: Station, province: str
) -> None:
    office = make_station(engine, kind=StationKind.OVERSIGHT, province_code=province)
    case = make_report(engine, here, received_at=dt.datetime.now(dt.UTC))
    desk = Desk(app, engine, here)
    await desk.take(case)
    assert path(stays(engine, worker, case)) == [(here.id, "received", None)]
    await desk.done(case, "transfer", station_id=office.id, reason="Liên quan cán bộ.")

    assert path(stays(engine, worker, case)) == [(office.id, "transferred", None)]
