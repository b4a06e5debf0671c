"""Reporters with a Firebase account: who is believed, and when a service refuses to start."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from google.auth.exceptions import TransportError

from api.app import create_app
from api.local.client import uuid7
from api.settings import LimitSettings, Settings, SettingsError
from tests.service import TINBAO
from tests.stand_ins.firebase import FETCH, PROJECT, Issuer, unsigned
from tests.town import IN_SOUTH, Town, report

ISSUER = Issuer()
CLAIMS = ISSUER.claims("somebody")


@pytest.fixture(scope="module")
async def accounts_app(town: Town, settings: Settings) -> AsyncIterator[FastAPI]:
    """The service with a Firebase project."""
    with_project = {"firebase_project": PROJECT, "limits": LimitSettings(factor=0)}
    made = create_app(settings.model_copy(update=with_project))
    async with made.router.lifespan_context(made):
        made.state.refresher.refresh(everything=True)
        yield made


@pytest.fixture
async def client(
    accounts_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls it."""
    monkeypatch.setattr(FETCH, ISSUER.certificates)
    transport = httpx.ASGITransport(accounts_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def inbox_of(client: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    """The inbox as soon as there is something: other tests' open transactions hold it back."""
    for _ in range(200):
        items = (await client.get("/v1/inbox", headers=bearer(token))).json()["items"]
        if items:
            return list(items)
        await asyncio.sleep(0.05)
    return []


async def test_an_account_reports_and_reads_its_own_from_every_phone(
    client: httpx.AsyncClient,
) -> None:
    report_id, body = uuid7(), report(IN_SOUTH)
    token, later = (ISSUER.token("resident-1", iat=int(time.time()) - back) for back in (10, 5))

    sent = await client.put(f"/v1/reports/{report_id}", json=body, headers=bearer(token))
    again = await client.put(f"/v1/reports/{report_id}", json=body, headers=bearer(later))
    mine = await client.get("/v1/my/reports", headers=bearer(later))
    inbox = await inbox_of(client, later)
    others = await client.get("/v1/my/reports", headers=bearer(ISSUER.token("resident-2")))

    assert (sent.status_code, again.status_code) == (201, 200)
    assert [each["id"] for each in mine.json()["items"]] == [str(report_id)]
    assert [each["report_id"] for each in inbox] == [str(report_id)]
    assert others.json()["items"] == []


async def test_an_account_is_woken_but_is_no_device(client: httpx.AsyncClient) -> None:
    headers = bearer(ISSUER.token("resident-3"))
    push = {"provider": "fcm", "token": "ok-account", "language": "vi"}

    registered = await client.put("/v1/devices/self/push", json=push, headers=headers)
    rotated = await client.post("/v1/devices/self/rotation", headers=headers)

    assert (registered.status_code, rotated.status_code) == (204, 401)


async def test_a_phone_half_a_minute_behind_is_believed(client: httpx.AsyncClient) -> None:
    token = ISSUER.token("resident-4", iat=int(time.time()) + 30)

    assert (await client.get("/v1/my/reports", headers=bearer(token))).status_code == 200


LONG_AGO = int(time.time()) - 7200
REFUSED = {
    "of another project": ISSUER.token(
        "x", aud="other", iss="https://securetoken.google.com/other"
    ),
    "for another audience": ISSUER.token("x", aud="other"),
    "of another issuer": ISSUER.token("x", iss="https://securetoken.google.com/other"),
    "expired": ISSUER.token("x", iat=LONG_AGO, exp=LONG_AGO + 3600),
    "from the future": ISSUER.token("x", iat=int(time.time()) + 86_400),
    "of nobody": ISSUER.token(""),
    "of a number": ISSUER.token("x", sub=7),
    "of a name too long": ISSUER.token("x" * 129),
    "signed by another key": Issuer().token("x"),
    "signed by an unknown key": Issuer("unknown").token("x"),
    "unsigned": unsigned({"alg": "none"}, CLAIMS),
    "unsigned with a key's name": unsigned({"alg": "none", "kid": "stand-in"}, CLAIMS),
    "signed with a shared secret": unsigned({"alg": "HS256", "kid": "stand-in"}, CLAIMS),
    "with a made-up signature": unsigned({"alg": "RS256", "kid": "stand-in"}, CLAIMS),
    "with a list for a key's name": unsigned({"alg": "RS256", "kid": ["stand-in"]}, CLAIMS),
    "with a list for a header": unsigned([], CLAIMS),
    "with a list for claims": unsigned({"alg": "RS256", "kid": "stand-in"}, []),
    "with a list for an algorithm": unsigned({"alg": [], "kid": "stand-in"}, CLAIMS),
    "with an object for an audience": unsigned({"alg": "RS256", "kid": "x"}, {"aud": {}}),
    "nested without end": unsigned(b"[" * 20_000, CLAIMS),
    "of no JSON": unsigned(b"\xff\xfe", b"\x00"),
    "of no base64": "ä.ö.ü",
    "of dots": "..",
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
async def test_a_token_that_is_not_good_is_a_401(client: httpx.AsyncClient, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode("latin-1"))]

    answer = await client.get("/v1/my/reports", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["code"] == "not-authenticated"


async def test_with_googles_keys_away_the_reporter_is_asked_to_wait(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> dict[str, str]:
        raise TransportError

    monkeypatch.setattr(FETCH, away)

    answer = await client.get("/v1/my/reports", headers=bearer(ISSUER.token("resident-5")))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


async def test_without_a_project_no_account_is_known(unlimited: httpx.AsyncClient) -> None:
    answer = await unlimited.get("/v1/my/reports", headers=bearer(ISSUER.token("resident-6")))

    assert answer.status_code == 401


def starting(mode: str, home: Path, **more: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {
        **os.environ,
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
        "TINBAO_MODE": mode,
        "TINBAO_HOME": str(home),
        "TINBAO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        **more,
    }
    command = [str(TINBAO), "serve"]
    return subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("mode", "more"), [("production", {"TINBAO_ALLOW_EMULATOR": "1"}), ("demo", {})]
)
def test_a_service_does_not_start_with_an_emulator(
    mode: str, more: dict[str, str], tmp_path: Path
) -> None:
    ended = starting(mode, tmp_path, **more)

    assert ended.returncode == 78
    assert b"FIREBASE_AUTH_EMULATOR_HOST" in ended.stderr


def test_an_app_is_not_made_with_an_emulator_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")

    with pytest.raises(SettingsError):
        create_app(settings)

    assert create_app(settings.model_copy(update={"allow_emulator": True}))
