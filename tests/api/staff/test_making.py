"""An admin makes accounts of staff, and reads them."""

from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.staff import Credentials
from api.accounts.tables import StaffRole
from api.app import create_app
from api.secrets import Keys
from api.settings import Settings
from geo.tables import Station
from tests.factories import caller, make_officer, make_report, make_staff, unique
from tests.signing_in import trail


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
