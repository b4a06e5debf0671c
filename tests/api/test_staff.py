"""Accounts of staff through the API: an admin's work, and what everybody may do with their own."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.passwords import is_easy
from api.accounts.staff import Credentials
from api.accounts.tables import StaffRole
from api.app import create_app
from api.secrets import Keys
from api.settings import Settings
from geo.tables import Station
from tests.factories import (
    caller,
    make_officer,
    make_province,
    make_report,
    make_staff,
    make_station,
    unique,
)
from tests.signing_in import Clock, code_of, login, moving_clock, token_of, works


@pytest.fixture
def station(engine: Engine) -> Station:
    """Where the officer works."""
    return make_station(engine, province_code="01")


@pytest.fixture
def officer(engine: Engine, keys: Keys, station: Station) -> Credentials:
    """A duty officer who can sign in."""
    return make_staff(engine, keys, station_id=station.id)


@pytest.fixture
async def admin(app: FastAPI, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """An admin, signed in."""
    async with caller(app, make_officer(engine, None, role=StaffRole.ADMIN)) as made:
        yield made


@pytest.fixture
async def anyone(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a session, at an address of their own."""
    async with caller(app) as client:
        yield client


@pytest.fixture
def clock(app: FastAPI) -> Iterator[Clock]:
    """Moves the service's time."""
    with moving_clock(app) as move:
        yield move


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def trail(engine: Engine, username: str) -> list[tuple[Any, ...]]:
    """What was done to an account, by what kind of actor, and how it was put."""
    query = text(
        "select action, actor_kind, actor_id is not null, reason from audit_events join staff"
        " on object_id = staff.id::text where username = :name order by audit_events.id"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"name": username})]


def active_admins(engine: Engine) -> int:
    query = text("select count(*) from staff where role = 'admin' and disabled_at is null")
    with engine.connect() as connection:
        return int(connection.scalar(query) or 0)


async def test_an_admin_makes_an_account_that_can_sign_in_at_once(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    name = unique("Staff.")

    made = await admin.post(
        "/v1/staff", json={"role": "duty_officer", "username": name, "station_id": station.id}
    )

    assert made.status_code == 201
    given = made.json()
    assert given["staff"] | {"created_at": ""} == {
        "username": name.lower(), "role": "duty_officer", "station_id": station.id,
        "province_code": "01", "created_at": "", "disabled_at": None,
    }  # fmt: skip
    uri = pyotp.parse_uri(given["otpauth_uri"])
    assert (uri.secret, uri.name, uri.issuer) == (given["totp_secret"], name.lower(), "TinBáo")
    code = pyotp.TOTP(given["totp_secret"]).now()
    signed_in = await anyone.post(
        "/v1/sessions",
        json={"username": name, "password": given["password"], "totp": code},
    )
    assert signed_in.status_code == 201
    assert trail(engine, name.lower())[0] == ("staff.created", "staff", True, None)
    with engine.connect() as connection:
        stored = str(connection.execute(text("select s::text from staff s")).all())
    assert given["password"] not in stored
    assert given["totp_secret"] not in stored


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"role": "duty_officer"}, "/station_id", "station_wanted"),
        ({"role": "duty_officer", "station_id": "w-none"}, "/station_id", "no_station"),
        ({"role": "station_chief", "province_code": "01"}, "/station_id", "station_wanted"),
        ({"role": "province_commander"}, "/province_code", "province_wanted"),
        ({"role": "oversight", "province_code": "none"}, "/province_code", "no_station"),
        ({"role": "province_commander", "province_code": "no"}, "/province_code", "no_province"),
        ({"role": "admin", "station_id": "vn"}, "/role", "no_place_wanted"),
        ({"role": "king"}, "/role", "enum"),
        ({"role": "admin", "username": "self"}, "/username", "username"),
        ({"role": "admin", "username": "nguyễn"}, "/username", "username"),
        ({"role": "admin", "disabled": True}, "", "extra_forbidden"),
    ],
)
async def test_what_cannot_be_an_account_is_explained(
    admin: httpx.AsyncClient, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await admin.post("/v1/staff", json={"username": unique("a.")} | body)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_a_name_is_taken_once(admin: httpx.AsyncClient, officer: Credentials) -> None:
    body = {"role": "auditor", "username": officer.username.upper()}

    answer = await admin.post("/v1/staff", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "username-taken")


@pytest.mark.parametrize("before", ["", " ", "\n"])
async def test_in_production_nobody_makes_an_account_that_looks_like_a_demos(
    app: FastAPI, settings: Settings, engine: Engine, before: str
) -> None:
    token = make_officer(engine, None, role=StaffRole.ADMIN)
    production = create_app(settings.model_copy(update={"mode": "production"}))
    body = {"role": "auditor", "username": before + unique("Demo-")}

    async with production.router.lifespan_context(production), caller(production, token) as admin:
        answer = await admin.post("/v1/staff", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "username")


async def test_lists_are_by_name_in_pages_and_filtered(
    admin: httpx.AsyncClient, engine: Engine, keys: Keys, station: Station
) -> None:
    made = sorted(make_staff(engine, keys, station_id=station.id).username for _ in range(5))
    chief = make_staff(engine, keys, StaffRole.STATION_CHIEF, station_id=station.id).username
    await admin.post(f"/v1/staff/{made[0]}/disabling")

    seen: list[str] = []
    path: str | None = f"/v1/staff?station_id={station.id}&limit=2"
    while path:
        page = await admin.get(path)
        seen += [each["username"] for each in page.json()["items"]]
        link = page.headers.get("link")
        assert (link is None) == (page.json()["next_cursor"] is None)
        path = link and link.partition(">")[0].removeprefix("<")

    async def names(**asked: str) -> list[str]:
        found = await admin.get("/v1/staff", params={"station_id": station.id} | asked)
        return [each["username"] for each in found.json()["items"]]

    assert seen == sorted([*made, chief])
    assert await names(role="station_chief") == [chief]
    assert await names(disabled="true") == made[:1]
    assert await names(disabled="false", role="duty_officer") == made[1:]
    assert await names(province_code="79") == []


async def test_a_moved_officer_sees_the_new_station_only_from_the_next_request(
    app: FastAPI, admin: httpx.AsyncClient, engine: Engine, keys: Keys, station: Station
) -> None:
    elsewhere = make_station(engine, province_code="01")
    old = make_report(engine, station, informed=()).case_id
    new = make_report(engine, elsewhere).case_id
    officer = make_staff(engine, keys, station_id=station.id)
    async with caller(app) as client:
        token = await token_of(client, officer)
    async with caller(app, token) as working:
        before = [(await working.get(f"/v1/cases/{case}")).status_code for case in (old, new)]

        moved = await admin.patch(
            f"/v1/staff/{officer.username}", json={"station_id": elsewhere.id}
        )
        after = [(await working.get(f"/v1/cases/{case}")).status_code for case in (old, new)]
        demoted = await admin.patch(f"/v1/staff/{officer.username}", json={"role": "auditor"})
        last = await working.get(f"/v1/cases/{new}")

    assert (before, after, last.status_code) == ([200, 404], [404, 200], 403)
    assert (moved.json()["station_id"], demoted.json()["station_id"]) == (elsewhere.id, None)
    assert trail(engine, officer.username)[-2:] == [
        ("staff.moved", "staff", True,
         f"duty_officer {station.id} -> duty_officer {elsewhere.id}"),
        ("staff.moved", "staff", True, f"duty_officer {elsewhere.id} -> auditor"),
    ]  # fmt: skip


async def test_a_role_keeps_its_place_where_that_fits(
    admin: httpx.AsyncClient, engine: Engine, keys: Keys, officer: Credentials, station: Station
) -> None:
    province = make_province(engine).code
    commander = make_staff(engine, keys, StaffRole.PROVINCE_COMMANDER, province_code=province)

    promoted = await admin.patch(f"/v1/staff/{officer.username}", json={"role": "station_chief"})
    lost = await admin.patch(f"/v1/staff/{commander.username}", json={"role": "duty_officer"})
    nothing = await admin.patch(f"/v1/staff/{officer.username}", json={})

    assert (promoted.json()["role"], promoted.json()["station_id"]) == (
        "station_chief",
        station.id,
    )
    assert (lost.status_code, lost.json()["errors"][0]["code"]) == (422, "station_wanted")
    assert (nothing.status_code, nothing.json()["errors"][0]["code"]) == (422, "nothing_to_change")


async def test_a_disabled_account_is_out_and_an_enabled_one_in_again(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    token = await token_of(anyone, officer)

    closed = await admin.post(f"/v1/staff/{officer.username}/disabling")
    out = await works(anyone, token)
    refused = await anyone.post("/v1/sessions", json=login(officer, totp=officer.recovery_codes[0]))
    opened = await admin.post(f"/v1/staff/{officer.username}/enabling")

    assert closed.json()["disabled_at"] is not None
    assert (out, refused.status_code, opened.json()["disabled_at"]) == (False, 401, None)
    assert not await works(anyone, token), "the old session stays ended"
    assert await token_of(anyone, officer, totp=officer.recovery_codes[0])
    assert [row[:2] for row in trail(engine, officer.username)] == [
        ("staff.created", "operator"), ("session.created", "staff"), ("staff.disabled", "staff"),
        ("session.refused", "staff"), ("staff.enabled", "staff"), ("session.created", "staff"),
    ]  # fmt: skip


async def test_new_secrets_take_the_place_of_the_old_ones_and_end_sessions(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, officer: Credentials
) -> None:
    name, token = officer.username, await token_of(anyone, officer)

    totp = (await admin.post(f"/v1/staff/{name}/totp")).json()
    out = await works(anyone, token)
    codes = (await admin.post(f"/v1/staff/{name}/recovery-codes")).json()["recovery_codes"]
    password = (await admin.post(f"/v1/staff/{name}/password")).json()["password"]

    renewed = Credentials(name, password, totp["totp_secret"], codes)
    old = [
        login(renewed, password=officer.password),
        login(renewed, totp=officer.recovery_codes[0]),
        login(renewed, totp=pyotp.TOTP(officer.totp_secret).now()),
    ]
    statuses = [(await anyone.post("/v1/sessions", json=each)).status_code for each in old]
    assert (out, statuses) == (False, [401, 401, 401])
    assert await token_of(anyone, renewed)
    assert await token_of(anyone, renewed, totp=codes[9])


async def test_a_locked_second_factor_is_seen_and_opened(
    app: FastAPI, admin: httpx.AsyncClient, officer: Credentials, engine: Engine
) -> None:
    async def tried(code: str) -> int:
        async with caller(app) as elsewhere:
            return (
                await elsewhere.post("/v1/sessions", json=login(officer, totp=code))
            ).status_code

    path = f"/v1/staff/{officer.username}"
    before = (await admin.get(path)).json()
    for _ in range(5):
        assert await tried("0000-0000-0000-0000") == 401
    locked = (await admin.get(path)).json()
    right_but_locked = await tried(code_of(officer))

    unlocked = await admin.post(f"{path}/unlocking")

    assert (before["locked_until"], before["recovery_codes_left"]) == (None, 10)
    wait = dt.datetime.fromisoformat(locked["locked_until"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta() < wait <= dt.timedelta(minutes=2)
    assert (right_but_locked, unlocked.status_code) == (401, 200)
    assert (await admin.get(path)).json()["locked_until"] is None
    assert await tried(code_of(officer)) == 201
    assert "staff.unlocked" in [row[0] for row in trail(engine, officer.username)]


async def test_nobody_is_a_404_to_admins(admin: httpx.AsyncClient) -> None:
    for name in ("nobody.is.called.so", "x" * 100, "%F0%9F%92%A9", "inbox.of"):
        answer = await admin.get(f"/v1/staff/{name}")
        assert answer.status_code == 404, name


async def test_an_admin_who_sees_staff_sees_no_case(
    admin: httpx.AsyncClient, engine: Engine, station: Station
) -> None:
    case = make_report(engine, station).case_id

    answers = [await admin.get(path) for path in ("/v1/queue", f"/v1/cases/{case}")]

    assert {answer.status_code for answer in answers} == {403}


async def test_the_last_admin_stays(
    app: FastAPI, engine: Engine, keys: Keys, officer: Credentials
) -> None:
    with engine.begin() as owner:
        owner.execute(text("update staff set disabled_at = now() where role = 'admin'"))
    first, second = (make_staff(engine, keys, StaffRole.ADMIN) for _ in range(2))
    async with caller(app) as client:
        one = await token_of(client, first)
        other = await token_of(client, second)

    async def closing(token: str, whom: Credentials) -> httpx.Response:
        async with caller(app, token) as client:
            return await client.post(f"/v1/staff/{whom.username}/disabling")

    async def demoting(token: str, whom: Credentials) -> httpx.Response:
        async with caller(app, token) as client:
            return await client.patch(f"/v1/staff/{whom.username}", json={"role": "auditor"})

    crossing = await asyncio.gather(closing(one, second), demoting(other, first))
    assert active_admins(engine) == 1
    assert min(each.status_code for each in crossing) == 200
    left, token = (first, one) if crossing[0].status_code == 200 else (second, other)

    refused = [await closing(token, left), await demoting(token, left)]

    assert [(each.status_code, each.json()["code"]) for each in refused] == [
        (409, "last-admin")
    ] * 2
    assert active_admins(engine) == 1
    assert (await closing(token, officer)).status_code == 200


async def test_who_is_signed_in_changes_their_own_secrets(
    app: FastAPI, engine: Engine, officer: Credentials
) -> None:
    async with caller(app) as client:
        other = await token_of(client, officer, totp=officer.recovery_codes[9])
        token = await token_of(client, officer, totp=officer.recovery_codes[8])
        confirmed = {"password": officer.password, "totp": officer.recovery_codes[7]}
        chosen = "bốn chữ không ai đoán"

        changed = await client.post(
            "/v1/staff/self/password",
            json=confirmed | {"new_password": chosen},
            headers=bearer(token),
        )
        own, others = await works(client, token), await works(client, other)
        old = await client.post("/v1/sessions", json=login(officer))
        again = {"password": chosen, "totp": code_of(officer)}
        totp = await client.post("/v1/staff/self/totp", json=again, headers=bearer(token))
        codes = await client.post(
            "/v1/staff/self/recovery-codes",
            json={"password": chosen, "totp": pyotp.TOTP(totp.json()["totp_secret"]).now()},
            headers=bearer(token),
        )

    assert (changed.status_code, own, others, old.status_code) == (204, True, False, 401)
    assert (totp.status_code, codes.status_code) == (200, 200)
    assert len(codes.json()["recovery_codes"]) == 10
    mine = [row[0] for row in trail(engine, officer.username) if row[0].startswith("staff.")]
    assert mine[-3:] == [
        "staff.password_changed", "staff.totp_changed", "staff.recovery_codes_changed",
    ]  # fmt: skip


async def test_a_stolen_session_is_not_enough(
    app: FastAPI, engine: Engine, officer: Credentials
) -> None:
    async with caller(app) as client:
        token = await token_of(client, officer, totp=officer.recovery_codes[0])
        wrong = [
            {"password": "not the one", "totp": officer.recovery_codes[1]},
            {"password": officer.password, "totp": officer.recovery_codes[0]},
            {"password": officer.password, "totp": "not a code"},
        ]
        answers = [
            await client.post("/v1/staff/self/totp", json=each, headers=bearer(token))
            for each in wrong
        ]
        for _ in range(2):
            await client.post("/v1/staff/self/totp", json=wrong[0], headers=bearer(token))
        shut = await client.post(
            "/v1/staff/self/totp",
            json={"password": officer.password, "totp": officer.recovery_codes[1]},
            headers=bearer(token),
        )

    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (403, "confirmation-failed")
    }
    assert shut.status_code == 429
    refused = [row for row in trail(engine, officer.username) if "refused" in row[0]]
    assert [row[:3] for row in refused] == [("staff.confirmation_refused", "staff", True)] * 5


async def test_a_code_confirms_once(app: FastAPI, officer: Credentials) -> None:
    async with caller(app) as client:
        token = await token_of(client, officer, totp=officer.recovery_codes[0])
        confirmed = {"password": officer.password, "totp": code_of(officer)}
        answers = await asyncio.gather(
            *(
                client.post("/v1/staff/self/recovery-codes", json=confirmed, headers=bearer(token))
                for _ in range(3)
            )
        )

    assert sorted(each.status_code for each in answers) == [200, 403, 403]


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ("ngắn", "string_too_short"),
        ("x" * 201, "string_too_long"),
        ("Matkhau123!", "easy_password"),
        ("qwertyuiop", "easy_password"),
        ("1234567890", "easy_password"),
        ("aaaaaaaa1", "easy_password"),
        ("22111985", "easy_password"),
    ],
)
async def test_a_password_anybody_would_try_first_is_refused(
    app: FastAPI, engine: Engine, station: Station, chosen: str, code: str
) -> None:
    body = {"password": "x", "totp": "x", "new_password": chosen}

    async with caller(app, make_officer(engine, station)) as client:
        answer = await client.post("/v1/staff/self/password", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "/new_password"


@pytest.mark.parametrize(
    "word",
    [
        "Mật khẩu 2026", "P@ssw0rd!!", "anhyeuem99", "0987654321", "poiuytrewq", "vietnam2026!",
        "truc.ban.7a1b", "CongAnPhuong1",
    ],
)  # fmt: skip
def test_these_are_easy(word: str) -> None:
    assert is_easy(word, "truc.ban.7a1b")


@pytest.mark.parametrize(
    "word", ["cá kho làng Vũ Đại", "7 con mèo đen!", "xk2-9fq-mm4", "truc.ban.7a1b và ba con cá"]
)
def test_these_are_not(word: str) -> None:
    assert not is_easy(word, "truc.ban.7a1b")
