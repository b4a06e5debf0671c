"""An admin moves, closes and unlocks accounts; the last admin stays."""

import asyncio
import datetime as dt

import httpx
import pyotp
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.staff import Credentials
from api.accounts.tables import StaffRole
from api.secrets import Keys
from geo.tables import Station
from tests.factories import caller, make_province, make_report, make_staff, make_station
from tests.signing_in import code_of, login, token_of, trail, works


def active_admins(engine: Engine) -> int:
    query = text("select count(*) from staff where role = 'admin' and disabled_at is null")
    with engine.connect() as connection:
        return int(connection.scalar(query) or 0)


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
