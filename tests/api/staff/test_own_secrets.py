"""What everybody may do with their own account: change its secrets, well confirmed."""

import asyncio

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.passwords import is_easy
from api.accounts.staff import Credentials
from geo.tables import Station
from tests.factories import caller, make_officer
from tests.signing_in import code_of, login, token_of, trail, works


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


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
