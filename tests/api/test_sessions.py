"""What a session is good for, until when, and for whom."""

import datetime as dt
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.staff import Credentials
from api.accounts.tables import StaffRole
from api.secrets import Keys
from api.settings import Settings
from geo.tables import Station
from tests.factories import caller, make_officer, make_staff, make_station
from tests.signing_in import Clock, audit_of, login, moving_clock, token_of, works


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


async def test_the_cookie_is_for_our_pages_only(
    anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    answer = await anyone.post("/v1/sessions", json=login(officer))

    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    assert (await anyone.get("/v1/queue")).status_code == 200


async def test_over_https_the_cookie_is_secure(app: FastAPI, officer: Credentials) -> None:
    transport = httpx.ASGITransport(app, client=("2001:db8::beef", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        answer = await client.post("/v1/sessions", json=login(officer))

    assert "; secure" in answer.headers["set-cookie"].lower()


async def test_the_token_is_not_in_the_database(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    token = await token_of(anyone, officer)

    with engine.connect() as connection:
        rows = "\n".join(connection.scalars(text("select s::text from staff_sessions s")))
    assert token not in rows
    assert token.encode().hex() not in rows


async def test_signing_in_and_out_is_on_the_trail(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine, station: Station
) -> None:
    token = await token_of(anyone, officer)

    ended = await anyone.delete(
        "/v1/sessions/current", headers={"Authorization": f"Bearer {token}"}
    )

    assert ended.status_code == 204
    assert ended.content == b""
    assert not await works(anyone, token)
    assert audit_of(engine, officer) == [
        ("staff.created", "operator", station.id),
        ("session.created", "staff", station.id),
        ("session.ended", "staff", station.id),
    ]


async def test_a_session_ends_when_idle(
    anyone: httpx.AsyncClient, officer: Credentials, clock: Clock, settings: Settings
) -> None:
    token = await token_of(anyone, officer, totp=officer.recovery_codes[0])

    for _ in range(3):
        clock(settings.session_idle - dt.timedelta(seconds=70))
        assert await works(anyone, token)
    clock(settings.session_idle + dt.timedelta(seconds=1))

    assert not await works(anyone, token)


async def test_a_session_ends_in_any_case(
    anyone: httpx.AsyncClient, officer: Credentials, clock: Clock, settings: Settings
) -> None:
    token = await token_of(anyone, officer, totp=officer.recovery_codes[0])
    step = dt.timedelta(minutes=14)

    for _ in range(settings.session_lifetime // step):
        clock(step)
        assert await works(anyone, token)
    clock(step)

    assert not await works(anyone, token)


async def test_when_it_was_last_seen_is_written_once_a_minute_at_most(
    anyone: httpx.AsyncClient, officer: Credentials, clock: Clock, engine: Engine
) -> None:
    token = await token_of(anyone, officer, totp=officer.recovery_codes[0])
    seen = []

    for seconds in (20, 20, 25, 20):
        clock(dt.timedelta(seconds=seconds))
        await works(anyone, token)
        with engine.connect() as connection:
            seen.append(
                connection.scalar(
                    text(
                        "select seen_at from staff_sessions join staff on staff.id = staff_id"
                        " where username = :name"
                    ),
                    {"name": officer.username},
                )
            )

    assert seen[0] == seen[1] < seen[2] == seen[3]


async def test_a_disabled_account_is_out_at_once(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    token = await token_of(anyone, officer)
    with engine.begin() as owner:
        owner.execute(
            text("update staff set disabled_at = now() where username = :name"),
            {"name": officer.username},
        )

    assert not await works(anyone, token)


async def test_a_change_of_station_acts_at_the_next_request(
    anyone: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    token = await token_of(anyone, officer)
    with engine.begin() as owner:
        owner.execute(
            text(
                "update staff set role = 'admin', station_id = null, province_code = null"
                " where username = :name"
            ),
            {"name": officer.username},
        )

    answer = await anyone.get("/v1/queue", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "header", ["Bearer tbs_wrong", "Bearer", "Basic dTpw", "Bearer tbd_x", "tbs_x", ""]
)
async def test_a_token_that_is_none_is_refused(anyone: httpx.AsyncClient, header: str) -> None:
    answer = await anyone.get("/v1/queue", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 204), ("none", 204), ("same-site", 403), ("cross-site", 403), (None, 403)],
)
async def test_the_cookie_changes_things_for_our_own_pages_only(
    app: FastAPI, engine: Engine, station: Station, site: str | None, status: int
) -> None:
    token = make_officer(engine, station)
    headers = {"Cookie": f"tinbao_session={token}"} | ({"Sec-Fetch-Site": site} if site else {})

    async with caller(app) as browser:
        answer = await browser.delete("/v1/sessions/current", headers=headers)

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "cross-site-request"


@pytest.mark.parametrize("role", [StaffRole.ADMIN, StaffRole.AUDITOR])
async def test_who_sees_no_case_signs_in_all_the_same(
    anyone: httpx.AsyncClient, engine: Engine, keys: Keys, role: StaffRole
) -> None:
    token = await token_of(anyone, make_staff(engine, keys, role))

    answer = await anyone.get("/v1/queue", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["code"]) == (403, "role-not-allowed")
