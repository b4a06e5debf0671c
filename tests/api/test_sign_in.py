"""Signing in: password, second factor, and how often one may try."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.accounts import staff as staff_rules
from api.accounts.sessions import NOBODY
from api.accounts.staff import (
    NOBODYS_HASH,
    PASSWORDS,
    Credentials,
    create_staff,
    normalised,
    password_fits,
)
from api.accounts.tables import StaffRole
from api.app import create_app
from api.limits import SECOND_FACTOR
from api.secrets import Keys
from api.settings import Settings
from geo.tables import Station
from tests.factories import caller, make_staff, make_station
from tests.signing_in import Clock, audit_of, code_of, login, moving_clock, token_of, works


@pytest.fixture
async def anyone(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a session, at an address of their own."""
    async with caller(app) as client:
        yield client


@pytest.fixture
def station(engine: Engine) -> Station:
    """Where the officer works."""
    return make_station(engine, province_code="01")


@pytest.fixture
def officer(engine: Engine, keys: Keys, station: Station) -> Credentials:
    """A duty officer who can sign in."""
    return make_staff(engine, keys, station_id=station.id)


@pytest.fixture
def clock(app: FastAPI) -> Iterator[Clock]:
    """Moves the service's time."""
    with moving_clock(app) as move:
        yield move


async def test_password_and_code_open_a_session(
    anyone: httpx.AsyncClient, officer: Credentials, station: Station, settings: Settings
) -> None:
    before = dt.datetime.now(dt.UTC)

    answer = await anyone.post("/v1/sessions", json=login(officer))

    assert answer.status_code == 201
    body = answer.json()
    assert body["token"].startswith("tbs_")
    assert body["staff"] == {
        "username": officer.username,
        "role": "duty_officer",
        "station_id": station.id,
        "province_code": "01",
    }
    ends = dt.datetime.fromisoformat(body["expires_at"])
    assert ends.utcoffset() == dt.timedelta(hours=7)
    assert ends - before - settings.session_lifetime < dt.timedelta(minutes=1)
    assert await works(anyone, body["token"])


async def test_every_refusal_is_one_and_the_same(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine, keys: Keys, station: Station
) -> None:
    disabled = make_staff(engine, keys, station_id=station.id)
    with engine.begin() as owner:
        owner.execute(
            text("update staff set disabled_at = now() where username = :name"),
            {"name": disabled.username},
        )
    wrong = [
        login(officer, password="wrong"),
        login(officer, totp="000000" if code_of(officer) != "000000" else "000001"),
        login(officer, totp="AAAA-BBBB-CCCC-DDDD"),
        login(officer, username="nobody.at.all"),
        login(officer, username="'; drop table staff; --"),
        login(disabled),
    ]

    answers = [await anyone.post("/v1/sessions", json=each) for each in wrong]

    assert {answer.status_code for answer in answers} == {401}
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["code"] == "not-authenticated"
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_a_refusal_is_on_the_trail_without_the_name(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    await anyone.post("/v1/sessions", json=login(officer, password="wrong"))
    await anyone.post("/v1/sessions", json=login(officer, username="canary.username"))

    assert audit_of(engine, officer)[1:] == [("session.refused", "staff", None)]
    with engine.connect() as connection:
        trail = "\n".join(connection.scalars(text("select a::text from audit_events a")))
    assert "session.refused" in trail
    assert "canary.username" not in trail
    assert officer.username not in trail


async def test_a_code_works_once_even_when_sent_many_times_at_once(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    given = login(officer)

    answers = await asyncio.gather(*(anyone.post("/v1/sessions", json=given) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401, 401, 401]


async def test_a_code_of_a_neighbouring_step_is_taken_and_older_ones_then_not(
    anyone: httpx.AsyncClient, officer: Credentials, clock: Clock
) -> None:
    at = clock(dt.timedelta()).timestamp()
    shifts = {
        shift: login(officer, totp=code_of(officer, at + 30 * shift)) for shift in range(-2, 3)
    }

    order = (-2, 2, 1, 0, -1)
    answers = [await anyone.post("/v1/sessions", json=shifts[shift]) for shift in order]

    assert [answer.status_code for answer in answers] == [401, 401, 201, 401, 401]


async def test_a_wrong_password_does_not_use_up_the_code(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    code = code_of(officer)
    wrong = await anyone.post("/v1/sessions", json=login(officer, password="wrong", totp=code))

    assert wrong.status_code == 401
    assert await token_of(anyone, officer, totp=code)


async def test_a_recovery_code_works_once_however_it_is_typed(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    typed = officer.recovery_codes[3].lower().replace("-", " ")
    again = login(officer, totp=officer.recovery_codes[3])

    token = await token_of(anyone, officer, totp=typed)

    assert await works(anyone, token)
    assert (await anyone.post("/v1/sessions", json=again)).status_code == 401
    assert await token_of(anyone, officer, totp=officer.recovery_codes[4])


async def test_somebody_elses_second_factor_is_no_good(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine, keys: Keys, station: Station
) -> None:
    other = make_staff(engine, keys, station_id=station.id)

    for code in (code_of(other), other.recovery_codes[0]):
        answer = await anyone.post("/v1/sessions", json=login(officer, totp=code))
        assert answer.status_code == 401


async def test_the_name_may_be_typed_in_capitals(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    assert await token_of(anyone, officer, username=f" {officer.username.upper()} ")


async def test_the_eleventh_attempt_on_an_account_must_wait(
    anyone: httpx.AsyncClient, app: FastAPI, officer: Credentials
) -> None:
    wrong = login(officer, password="wrong")

    answers = [await anyone.post("/v1/sessions", json=wrong) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 31
    assert "113" in answers[-1].json()["detail"]
    async with caller(app) as elsewhere:
        assert await token_of(elsewhere, officer), "nobody can lock another out"


async def test_guessing_codes_from_everywhere_ends_and_never_says_the_password_is_right(
    app: FastAPI, officer: Credentials, engine: Engine
) -> None:
    answers = []
    for given in [login(officer, totp="0000-0000-0000-0000")] * 5 + [login(officer)]:
        async with caller(app) as elsewhere:
            answers.append(await elsewhere.post("/v1/sessions", json=given))

    assert [answer.status_code for answer in answers] == [401] * 6
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert bodies[5] == bodies[0]
    assert answers[5].headers.keys() == answers[0].headers.keys()
    assert audit_of(engine, officer)[1:] == [("session.refused", "staff", None)] * 6


def test_the_second_factor_may_be_tried_so_often() -> None:
    limit = {rate.period: rate.count for rate in SECOND_FACTOR}

    assert limit == {
        dt.timedelta(minutes=5): 5,
        dt.timedelta(hours=1): 20,
        dt.timedelta(days=1): 50,
    }


async def test_a_name_that_can_be_nobodys_is_not_somebody_called_nobody(
    anyone: httpx.AsyncClient, engine: Engine, keys: Keys, station: Station
) -> None:
    with Session(engine) as session, session.begin():
        nobody = create_staff(
            session, keys, role=StaffRole.DUTY_OFFICER, username="nobody", station_id=station.id
        )

    answer = await anyone.post("/v1/sessions", json=login(nobody, username="no such name!"))

    assert answer.status_code == 401
    assert normalised(NOBODY) is None
    assert await token_of(anyone, nobody)


async def test_one_address_has_thirty_attempts(anyone: httpx.AsyncClient) -> None:
    attempts = [{"username": f"nobody.{n}", "password": "x", "totp": "000000"} for n in range(31)]

    statuses = [(await anyone.post("/v1/sessions", json=each)).status_code for each in attempts]

    assert statuses == [401] * 30 + [429]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "a", "password": "b"},
        {"username": "a", "password": "b", "totp": "1", "role": "admin"},
        {"username": 1, "password": "b", "totp": "123456"},
        {"username": "a\u0000", "password": "b", "totp": "123456"},
        {"username": "a" * 101, "password": "b", "totp": "123456"},
        {"username": "a", "password": "b" * 201, "totp": "123456"},
        [],
        None,
    ],
)
async def test_a_body_that_is_no_sign_in_is_told_so(anyone: httpx.AsyncClient, body: Any) -> None:
    answer = await anyone.post("/v1/sessions", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid-request"


@pytest.mark.parametrize("raw", [b'"\\ud800"', b'"\\u0000"', '"\u202e"'.encode()])
@pytest.mark.parametrize("field", ["username", "password", "totp"])
async def test_hostile_text_is_told_so(anyone: httpx.AsyncClient, field: str, raw: bytes) -> None:
    fields = {"username": b'"a"', "password": b'"b"', "totp": b'"1"', field: raw}
    body = b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in fields.items()) + b"}"

    answer = await anyone.post(
        "/v1/sessions", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422


async def test_digits_of_another_script_are_no_code(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    arabic = code_of(officer).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    answer = await anyone.post("/v1/sessions", json=login(officer, totp=arabic))

    assert answer.status_code == 401


async def test_nobodys_password_costs_what_anybodys_does() -> None:
    real = PASSWORDS.hash("something")

    assert NOBODYS_HASH.split("$")[:4] == real.split("$")[:4]
    assert len(NOBODYS_HASH) == len(real)
    assert not await password_fits("something", None)
    assert await password_fits("something", real)


async def test_two_passwords_at_most_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0

    class Slow:
        def verify(self, _: str, __: str) -> bool:
            nonlocal running, most
            running += 1
            most = max(most, running)
            time.sleep(0.02)
            running -= 1
            return True

    monkeypatch.setattr(staff_rules, "PASSWORDS", Slow())

    assert all(await asyncio.gather(*(password_fits("x", "hash") for _ in range(8))))
    assert most == 2


async def test_a_dead_database_lets_nobody_in(settings: Settings, officer: Credentials) -> None:
    nowhere = Settings.model_validate(
        {**settings.model_dump(), "service_database_url": "postgresql://nobody:x@127.0.0.1:9/none"}
    )
    app = create_app(nowhere)
    async with app.router.lifespan_context(app), caller(app) as client:
        answer = await client.post("/v1/sessions", json=login(officer))
        queue = await client.get("/v1/queue", headers={"Authorization": "Bearer tbs_x"})

    assert (answer.status_code, queue.status_code) == (503, 503)
    assert answer.headers["retry-after"]
