"""Receipt codes: guessing finds nothing, and nothing tells a near miss from a far one."""

import base64
import datetime as dt
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.clock import now_asked
from api.local.client import uuid7
from api.secrets import CROCKFORD
from api.settings import LimitSettings, Settings
from tests.factories import caller
from tests.town import IN_SOUTH, report

GUESSES = 2000


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with a receipt, or without."""
    async with caller(app) as made:
        yield made


@pytest.fixture
async def code(client: httpx.AsyncClient) -> str:
    """The receipt code of an anonymous report."""
    accepted = await client.put(f"/v1/reports/{uuid7()}", json=report(IN_SOUTH))
    return str(accepted.json()["receipt"]["code"])


async def opened(client: httpx.AsyncClient, code: str) -> httpx.Response:
    return await client.post("/v1/receipts", json={"code": code})


def telling(answer: httpx.Response) -> Any:
    """Everything of an answer but its request id."""
    headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"x-request-id"]
    return answer.status_code, headers, answer.json() | {"request_id": None}


def random_code(source: random.Random) -> str:
    digits = "".join(source.choices(CROCKFORD, k=16))
    return "-".join(digits[i : i + 4] for i in range(0, 16, 4))


async def test_two_thousand_guesses_find_nothing(client: httpx.AsyncClient, code: str) -> None:
    source = random.Random(20261122)

    answers = [await opened(client, random_code(source)) for _ in range(GUESSES)]

    assert {answer.status_code for answer in answers} == {404}
    assert len({repr(telling(answer)) for answer in answers}) == 1


async def test_every_wrong_code_gets_the_same_answer(client: httpx.AsyncClient, code: str) -> None:
    last = "0" if code[-1] != "0" else "1"
    wrong = {
        "unknown": random_code(random.Random(1)),
        "one digit off": code[:-1] + last,
        "too short": code[:-1],
        "too long": f"{code}-0000",
        "half": code[:9],
        "turned round": code[::-1],
        "not of the alphabet": "UUUU-UUUU-UUUU-UUUU",
        "another script": "٠٠٠٠-٠٠٠٠-٠٠٠٠-٠٠٠٠",
        "words": "mật khẩu của tôi",
        "dashes": "----",
        "SQL": "' or 1=1 --",
    }

    answers = {name: telling(await opened(client, each)) for name, each in wrong.items()}

    assert answers["unknown"][0] == 404
    assert {name for name, each in answers.items() if each != answers["unknown"]} == set()


async def test_binding_a_wrong_code_says_the_same(client: httpx.AsyncClient, code: str) -> None:
    made = (await client.post("/v1/devices", json={})).json()
    device = {"Authorization": f"Bearer {made['token']}"}

    async def bound(each: str) -> Any:
        answer = await client.post("/v1/receipts/binding", json={"code": each}, headers=device)
        return telling(answer)

    answers = [await bound(each) for each in ("0000-0000-0000-0000", code[:-1], "x")]

    assert answers[0][0] == 404
    assert all(answer == answers[0] for answer in answers)


def misread(code: str) -> Iterator[str]:
    """How a right code may be typed."""
    yield code
    yield code.lower()
    yield code.replace("-", "")
    yield code.replace("-", " ")
    yield f"  {code}  "
    yield code.replace("0", "O").replace("1", "I")
    yield code.replace("0", "o").replace("1", "l").lower()


async def test_the_right_code_works_however_it_is_typed(app: FastAPI) -> None:
    async with caller(app) as client:
        code = ""
        while not {"0", "1"} <= set(code):
            sent = await client.put(f"/v1/reports/{uuid7()}", json=report(IN_SOUTH))
            code = sent.json()["receipt"]["code"]

        answers = [await opened(client, each) for each in misread(code)]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["report"]["id"] for answer in answers} == {sent.json()["id"]}


async def test_a_receipts_token_reads_its_report_for_a_quarter_of_an_hour(
    app: FastAPI, client: httpx.AsyncClient, code: str
) -> None:
    token = (await opened(client, code)).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    fresh = await client.get("/v1/my/reports", headers=headers)
    later = dt.datetime.now(dt.UTC)
    app.dependency_overrides[now_asked] = lambda: later

    later += dt.timedelta(minutes=14)
    good = await client.get("/v1/my/reports", headers=headers)
    later += dt.timedelta(minutes=2)
    expired = await client.get("/v1/my/reports", headers=headers)
    del app.dependency_overrides[now_asked]

    assert len(fresh.json()["items"]) == 1
    assert (fresh.status_code, good.status_code, expired.status_code) == (200, 200, 401)


async def test_a_tampered_token_is_no_token(client: httpx.AsyncClient, code: str) -> None:
    prefix, _, packed = (await opened(client, code)).json()["token"].partition("_")
    raw = bytearray(base64.urlsafe_b64decode(packed + "=="))
    tampered = []
    for position in range(len(raw)):
        changed = raw.copy()
        changed[position] ^= 1
        tampered.append(base64.urlsafe_b64encode(changed).decode().rstrip("="))
    tampered += [
        "",
        packed[:-1],
        packed + "A",
        packed + packed,
        "ä" * 10,
        secrets.token_urlsafe(40),
    ]

    async def status(each: str) -> int:
        header = f"Bearer {prefix}_{each}".encode("latin-1")
        answer = await client.get("/v1/my/reports", headers=[(b"authorization", header)])
        return answer.status_code

    assert await status(packed) == 200
    assert {await status(each) for each in tampered} == {401}


async def test_the_eleventh_guess_of_an_address_in_a_minute_must_wait(
    settings: Settings, app: FastAPI, code: str
) -> None:
    limited = create_app(settings.model_copy(update={"limits": LimitSettings(factor=1)}))
    async with limited.router.lifespan_context(limited):
        limited.state.refresher.refresh(everything=True)
        async with caller(limited) as guesser, caller(limited) as reporter:
            statuses = [(await opened(guesser, "0000")).status_code for _ in range(11)]
            right = await opened(guesser, code)
            elsewhere = await opened(reporter, code)

    assert statuses == [404] * 10 + [429]
    assert (right.status_code, elsewhere.status_code) == (429, 200)
    assert int(right.headers["Retry-After"]) >= 1
    assert "113" in right.json()["detail"]
