"""Hostile bytes at every operation: no 5xx, a problem document, and never the input again."""

import asyncio
import re
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from api.accounts.identity import DEVICE_PREFIX, new_token, receipt_token
from api.accounts.tables import Device, StaffRole
from api.app import create_app
from api.guards import strict_json
from api.local.client import uuid7
from api.problems import PROBLEM_JSON, ProblemDocument
from api.secrets import Keys, token_hash
from api.settings import Settings
from geo.tables import Station
from tests.factories import keep, make_officer, make_report, make_station
from tests.security import rows
from tests.security.hostile import (
    BODIES,
    HEADERS,
    JSON,
    MARK,
    MEGABYTE,
    QUERIES,
    SEGMENTS,
    mutations,
)
from tests.town import IN_SOUTH, report

LON, LAT = IN_SOUTH
FULL_REPORT: dict[str, Any] = report(
    IN_SOUTH,
    accuracy_m=25.0,
    ward_code="00001",
    province_code="01",
    note="Gần cầu.",
    observed_at="2026-11-22T21:40:00+07:00",
    about_station=False,
    group_id="019aa000-0000-7000-8000-000000000000",
    contact={"name": "Nguyễn Văn A", "phone": "0900000000"},
    language="vi",
)
GOOD_BODIES: dict[str, Any] = {
    **{name: body() if callable(body) else body for name, body in rows.BODIES.items()},
    "acknowledge_case": {},
    "bind_receipt": {"code": "0000-0000-0000-0000"},
    "confirm_shown": {"ids": ["019aa000-0000-7000-8000-000000000000"]},
    "create_device": {},
    "create_session": {"username": "nobody", "password": "x", "totp": "000000"},
    "locate": {"lon": LON, "lat": LAT, "accuracy_m": 5.0, "at": "2026-11-22T21:40:00+07:00"},
    "locate_many": {"items": [[LON, LAT], [LON, LAT]]},
    "open_receipt": {"code": "0000-0000-0000-0000"},
    "register_push": {"provider": "fcm", "token": "ok-hostile", "language": "vi"},
    "submit_report": FULL_REPORT,
    "submit_reports": {"items": [FULL_REPORT | {"id": "019aa000-0000-7000-8000-000000000001"}]},
}
OWN_WORDS = ("/v1/groups", "/v1/cases", "/v1/views", "/v1/templates", "/v1/staff/delegations")
"""Where officers are shown what they wrote, once it has been taken: it is nobody's report."""
SLOW = {"create_session"}
"""Operations that hash a password at each call; they get each value once, not in each place."""


def read_document() -> dict[str, Any]:
    settings = Settings(mode="demo", database_url="postgresql://nobody@127.0.0.1/none")
    return create_app(settings).openapi()


OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method.upper(), path)
    for path, found in read_document()["paths"].items()
    for method, operation in found.items()
}
every_operation = pytest.mark.parametrize("operation", OPERATIONS)
Answered = tuple[str, httpx.Response]


class Attacker:
    """Somebody with credentials of every side, and a case and a report in their scope."""

    def __init__(self, app: FastAPI, engine: Engine, keys: Keys) -> None:
        self.engine, self.keys = engine, keys
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test")
        self.station: Station = make_station(engine, province_code="01")
        self.report_id = uuid7()
        routing: dict[str, Any] = {
            "station": {"id": self.station.id, "name": "Công an", "phone": None, "kind": "ward"},
            "ward": None,
            "edition": None,
            "confidence": "certain",
            "candidates": [],
            "informed": [],
        }
        stored = keys.store_id(self.report_id)
        self.case = make_report(engine, self.station, id=stored, routing=routing)
        self.renew()

    def renew(self) -> None:
        """New credentials: what was sent may have ended the old ones."""
        device = new_token(DEVICE_PREFIX)
        keep(self.engine, Device(id=uuid.uuid4(), token_hash=token_hash(device)))
        self.tokens = {
            "nobody": None,
            "device": device,
            "receipt": receipt_token(self.keys, self.case.id, time.time())[0],
            "officer": make_officer(self.engine, self.station),
            "admin": make_officer(self.engine, None, role=StaffRole.ADMIN),
        }

    def path(self, operation: str) -> str:
        """A good path; reports get new ids."""
        known = {
            "case_id": self.case.case_id,
            "report_id": uuid7() if operation == "submit_report" else self.report_id,
            "code": "00001",
            "station_id": "w-00001",
            "z": 5,
            "x": 25,
            "y": 14,
        }
        return OPERATIONS[operation][1].format_map(defaultdict(uuid7, known))

    def who(self, operation: str) -> tuple[str, str]:
        """Nobody, and somebody the operation is for."""
        path = OPERATIONS[operation][1]
        if operation in rows.STREAMS:
            return "nobody", "device"  # for whom it is for, it would not end
        if path.startswith(("/v1/staff", "/v1/groups")) and path != "/v1/groups/joining":
            return "nobody", "admin"
        staff = ("cases", "queue", "views", "sessions/current", "templates", "outcome-reasons")
        if any(part in OPERATIONS[operation][1] for part in staff):
            return "nobody", "officer"
        return "nobody", "device"

    async def send(
        self,
        operation: str,
        who: str,
        *,
        path: str | None = None,
        content: Any = None,
        header: tuple[bytes, bytes] | None = None,
    ) -> httpx.Response:
        """One request, its header in the place of the usual one of that name."""
        headers = {b"content-type": JSON, b"if-match": b'"1"'} if content is not None else {}
        if self.tokens[who]:
            headers[b"authorization"] = f"Bearer {self.tokens[who]}".encode()
        if header:
            headers[header[0]] = header[1]
        request = self.http.build_request(
            OPERATIONS[operation][0],
            path or self.path(operation),
            content=content,
            headers=list(headers.items()),
        )
        return await self.http.send(request)


@pytest.fixture
async def attacker(app: FastAPI, engine: Engine, keys: Keys) -> AsyncIterator[Attacker]:
    """Somebody who means no good."""
    made = Attacker(app, engine, keys)
    yield made
    await made.http.aclose()


def faults(sent: str, answer: httpx.Response) -> Iterator[str]:
    """What is wrong with an answer."""
    status = answer.status_code
    told = answer.content + b"".join(name + value for name, value in answer.headers.raw)
    if status >= 500:
        yield f"{sent}: {status}"
    elif status >= 400:
        if answer.headers.get("content-type") != PROBLEM_JSON:
            yield f"{sent}: {status} as {answer.headers.get('content-type')}"
        elif answer.request.method != "HEAD":
            document = ProblemDocument.model_validate_json(answer.content)
            if document.status != status or document.emergency.call != "113":
                yield f"{sent}: {status} with another document"
        if re.search(MARK.encode(), told, re.IGNORECASE):
            yield f"{sent}: {status} repeats the input"
    elif answer.request.url.path.startswith(OWN_WORDS):
        return
    elif answer.request.method != "GET" and MARK.encode() in told:
        yield f"{sent}: {status} repeats the input"


def all_faults(answers: list[Answered]) -> list[str]:
    assert answers
    return [fault for sent, answer in answers for fault in faults(sent, answer)]


@every_operation
async def test_bodies(attacker: Attacker, operation: str) -> None:
    answers = [
        (f"{who}: {name}", await attacker.send(operation, who, content=content))
        for who in attacker.who(operation)
        for name, content in BODIES.items()
    ]

    assert all_faults(answers) == []


@pytest.mark.parametrize("operation", sorted(GOOD_BODIES.keys() - SLOW))
async def test_values_in_a_good_body(attacker: Attacker, operation: str) -> None:
    who = attacker.who(operation)[1]
    answers = [
        (sent, await attacker.send(operation, who, content=content))
        for sent, content in mutations(GOOD_BODIES[operation])
    ]

    assert all_faults(answers) == []


async def test_values_in_a_sign_in(attacker: Attacker) -> None:
    sent = [each for each in mutations(GOOD_BODIES["create_session"]) if "usern" in each[0]]

    answers = await asyncio.gather(
        *(attacker.send("create_session", "nobody", content=content) for _, content in sent)
    )

    names = [name for name, _ in sent]
    assert all_faults(list(zip(names, answers, strict=True))) == []


@every_operation
async def test_queries(attacker: Attacker, operation: str) -> None:
    answers = [
        (
            f"{who}: {name}",
            await attacker.send(operation, who, path=f"{attacker.path(operation)}?{query}"),
        )
        for who in attacker.who(operation)
        for name, query in QUERIES.items()
    ]

    assert all_faults(answers) == []


def with_segment(template: str, segment: str) -> str:
    return re.sub(r"\{[^}]*\}", lambda _: segment, template)


@every_operation
async def test_paths(attacker: Attacker, operation: str) -> None:
    template = OPERATIONS[operation][1]
    forms = [template] if "{" in template else [template + "/{}", template.replace("/v1", "/{}")]
    answers = [
        (
            f"{who}: {form} {name}",
            await attacker.send(operation, who, path=with_segment(form, segment)),
        )
        for who in attacker.who(operation)
        for form in forms
        for name, segment in SEGMENTS.items()
    ]

    assert all_faults(answers) == []


@every_operation
async def test_headers(attacker: Attacker, operation: str) -> None:
    answers = []
    for who in attacker.who(operation):
        for name, header in HEADERS.items():
            body = b"{}" if operation in GOOD_BODIES else None
            answers.append(
                (
                    f"{who}: {name}",
                    await attacker.send(operation, who, content=body, header=header),
                )
            )
        attacker.renew()

    assert all_faults(answers) == []


@every_operation
async def test_credentials_of_every_other_kind(attacker: Attacker, operation: str) -> None:
    answers = [
        (who, await attacker.send(operation, who, content=f'{{"{MARK}": 1}}'.encode()))
        for who in attacker.tokens
        if operation not in rows.STREAMS or who != "officer"
    ]

    assert all_faults(answers) == []


@every_operation
async def test_thirty_megabytes(attacker: Attacker, operation: str) -> None:
    given = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(30):
            given += MEGABYTE
            yield b"x" * MEGABYTE

    answer = await attacker.send(operation, "nobody", content=flood())

    assert answer.status_code == 413
    assert all_faults([("30 MB", answer)]) == []
    assert given <= 5 * MEGABYTE


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", MARK])
async def test_methods_nobody_knows(attacker: Attacker, method: str) -> None:
    answers = []
    known = [with_segment(path, "[^/]+") for verb, path in OPERATIONS.values() if verb == method]
    for operation, (_, path) in OPERATIONS.items():
        if any(re.fullmatch(each, path) for each in known):
            continue
        request = attacker.http.build_request(method, attacker.path(operation))
        answers.append((operation, await attacker.http.send(request)))

    assert {answer.status_code for _, answer in answers} == {405}
    assert all_faults(answers) == []


async def test_swapped_coordinates_are_the_only_input_an_error_repeats(attacker: Attacker) -> None:
    body = report((LAT, LON), text=MARK)

    answer = await attacker.http.put(f"/v1/reports/{uuid7()}", json=body)

    assert answer.status_code == 422
    assert answer.json()["suggestion"] == {"lon": LON, "lat": LAT}
    assert all_faults([("swapped", answer)]) == []


async def test_a_batch_judges_hostile_items_one_by_one(attacker: Attacker) -> None:
    good = FULL_REPORT | {"id": str(uuid7())}
    hostile = [content for _, content in mutations(good) if parses(content)][:300]
    problems = []
    for start in range(0, len(hostile), 49):
        chunk = hostile[start : start + 49]
        items = b", ".join([*chunk, good_item()])
        content = b'{"items": [' + items + b"]}"
        if len(content) > 4 * MEGABYTE:
            continue
        answer = await attacker.send("submit_reports", "device", content=content)
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"][-1]["status"] == 201
        assert MARK not in answer.text
        problems += [item["problem"] for item in answer.json()["items"] if item["problem"]]

    assert problems
    for each in problems:
        assert ProblemDocument.model_validate(each).status in (409, 422)


def good_item() -> bytes:
    return httpx.Request("POST", "http://x", json=FULL_REPORT | {"id": str(uuid7())}).content


def parses(content: bytes) -> bool:
    """Whether it is JSON, so that it does not sink the whole batch."""
    try:
        strict_json(content)
    except ValueError:
        return False
    return True
