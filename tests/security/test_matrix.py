"""Who may do what: every operation of the OpenAPI document, asked by everyone there is.

The tables in `tests.security.rows` are the rule. An operation without a row fails, and so does a
row without an operation. What lies outside a person's scope is a 404; a 403 says only what a role
never may.
"""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.types import Message

from api.accounts.identity import (
    DEVICE_PREFIX,
    RECEIPT_PREFIX,
    STAFF_PREFIX,
    new_token,
    receipt_token,
)
from api.accounts.tables import Device, ReporterKind, StaffRole
from api.app import create_app
from api.local.client import uuid7
from api.reports.tables import Report
from api.secrets import Keys, token_hash
from api.settings import Settings
from geo.tables import StationKind
from tests.factories import caller, keep, make_officer, make_report, make_station, unique
from tests.security.people import EVERYBODY
from tests.security.rows import BODIES, COMPLAINTS, MATRIX, PATHS, SEEN, STREAMS
from tests.stand_ins.firebase import Issuer

IMPOSTOR = Issuer()


@dataclass
class World:
    """Stations, a tip, a complaint, and what everybody calls with."""

    engine: Engine
    stations: dict[str, str]
    principal: str
    tip: Report
    complaint: Report
    report_id: uuid.UUID
    tokens: dict[str, str | None]


class Maker:
    """Makes worlds."""

    def __init__(self, engine: Engine, keys: Keys, issuer: Issuer) -> None:
        self.engine, self.keys, self.issuer = engine, keys, issuer

    def device(self) -> tuple[str, str]:
        """A principal and its token."""
        device, token = uuid.uuid4(), new_token(DEVICE_PREFIX)
        keep(self.engine, Device(id=device, token_hash=token_hash(token)))
        return f"device:{device}", token

    def report(self, station: str, principal: str | None, **facts: Any) -> tuple[uuid.UUID, Report]:
        """A report, by its reporter's own id."""
        report_id = uuid7()
        if principal is None:
            facts["reporter_kind"] = ReporterKind.ANONYMOUS
        else:
            facts["reporter_key"] = self.keys.reporter_key(principal)
        routing = {
            "station": {"id": station, "name": "Công an", "phone": None, "kind": "ward"},
            "ward": None,
            "edition": None,
            "confidence": "certain",
            "candidates": [],
            "rule": "contains",
            "flags": [],
            "informed": list(facts.get("informed", ())),
        }
        stored = self.keys.store_id(report_id)
        return report_id, make_report(self.engine, station, id=stored, routing=routing, **facts)

    def tip(self, stations: dict[str, str], principal: str) -> tuple[uuid.UUID, Report]:
        """What a device tells the own ward, and the routing the informed one."""
        return self.report(stations["own"], principal, informed=(stations["informed"],))

    def complaint(self, stations: dict[str, str]) -> Report:
        """What nobody in particular tells oversight."""
        kind = "complaint_about_police"
        return self.report(stations["oversight"], None, kind=kind, about_station=True)[1]

    def renew(self, world: World) -> None:
        """Other cases in the same world."""
        world.report_id, world.tip = self.tip(world.stations, world.principal)
        world.complaint = self.complaint(world.stations)
        world.tokens["the receipt"] = receipt_token(self.keys, world.tip.id, time.time())[0]

    def world(self) -> World:
        """A new world."""
        stations = {
            "own": make_station(self.engine, province_code="01").id,
            "informed": make_station(self.engine, province_code="01").id,
            "other": make_station(self.engine, province_code="01").id,
            "desk": self.desk(StationKind.PROVINCE_DESK, "01"),
            "other desk": self.desk(StationKind.PROVINCE_DESK, "79"),
            "oversight": self.desk(StationKind.OVERSIGHT, "01"),
            "other oversight": self.desk(StationKind.OVERSIGHT, "79"),
        }
        principal, device = self.device()
        report_id, tip = self.tip(stations, principal)
        other = self.report(stations["own"], None)[1]
        tokens = self.reporters(device, tip, other) | self.staff(stations)
        assert tokens.keys() == set(EVERYBODY)
        complaint = self.complaint(stations)
        return World(self.engine, stations, principal, tip, complaint, report_id, tokens)

    def reporters(self, device: str, tip: Report, other: Report) -> dict[str, str | None]:
        """Tokens of the reporter's side, good and made up."""
        return {
            "nobody": None,
            "a made-up device": new_token(DEVICE_PREFIX),
            "a made-up receipt": RECEIPT_PREFIX + secrets.token_urlsafe(40),
            "a made-up account": IMPOSTOR.token("made-up"),
            "a made-up officer": new_token(STAFF_PREFIX),
            "the device": device,
            "another device": self.device()[1],
            "the account": self.issuer.token(unique("uid")),
            "another account": self.issuer.token(unique("uid")),
            "the receipt": receipt_token(self.keys, tip.id, time.time())[0],
            "another receipt": receipt_token(self.keys, other.id, time.time())[0],
        }

    def staff(self, stations: dict[str, str]) -> dict[str, str | None]:
        """Tokens of sessions, by role and place."""
        chief, oversight = StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT

        def officer(place: str | None, role: StaffRole = StaffRole.DUTY_OFFICER) -> str:
            return make_officer(self.engine, place, role=role)

        def commander(province: str) -> str:
            role = StaffRole.PROVINCE_COMMANDER
            return make_officer(self.engine, None, role=role, province_code=province)

        return {
            "own officer": officer(stations["own"]),
            "informed officer": officer(stations["informed"]),
            "other ward's officer": officer(stations["other"]),
            "own desk": officer(stations["desk"]),
            "other province's desk": officer(stations["other desk"]),
            "national desk": officer("vn"),
            "own chief": officer(stations["own"], chief),
            "informed chief": officer(stations["informed"], chief),
            "other ward's chief": officer(stations["other"], chief),
            "own oversight": officer(stations["oversight"], oversight),
            "other province's oversight": officer(stations["other oversight"], oversight),
            "own commander": commander("01"),
            "other province's commander": commander("79"),
            "admin": officer(None, StaffRole.ADMIN),
            "auditor": officer(None, StaffRole.AUDITOR),
        }

    def desk(self, kind: StationKind, province: str) -> str:
        """An office of a province."""
        return make_station(self.engine, kind=kind, province_code=province).id


@pytest.fixture(scope="module")
def maker(engine: Engine, keys: Keys, issuer: Issuer) -> Maker:
    """Makes worlds in the module's database."""
    return Maker(engine, keys, issuer)


def body_of(operation: str) -> Any:
    """A good body of an operation that wants one; made anew when a part gives a function."""
    body = BODIES.get(operation)
    return body() if callable(body) else body


def operations() -> dict[str, tuple[str, str]]:
    """Each operation's method and path template, from the document."""
    document = create_app(
        Settings(mode="demo", database_url="postgresql://nobody@127.0.0.1/none")
    ).openapi()
    return {
        operation["operationId"]: (method.upper(), path)
        for path, found in document["paths"].items()
        for method, operation in found.items()
    }


OPERATIONS = operations()


def method_changes_case(operation: str) -> bool:
    """Whether an operation, once done, leaves another case than it found."""
    method, path = OPERATIONS[operation]
    return method != "GET" and ("{case_id}" in path or "{report_id}" in path)


async def ask(
    app: FastAPI, operation: str, world: World, who: str, *, case: Report
) -> httpx.Response:
    """One operation by one person; a new report has a new id."""
    method, template = OPERATIONS[operation]
    report_id = uuid7() if operation == "submit_report" else world.report_id
    others = {name: made(world) for name, made in PATHS.items() if f"{{{name}}}" in template}
    path = template.format(
        case_id=case.case_id, report_id=report_id, code="00001", station_id="w-00001", **others
    )
    headers = {"If-Match": '"1"'} if method != "GET" and "{case_id}" in template else {}
    if operation in STREAMS:
        return await first_of_stream(app, path, world.tokens[who])
    async with caller(app, world.tokens[who]) as client:
        return await client.request(method, path, json=body_of(operation), headers=headers)


async def first_of_stream(app: FastAPI, path: str, token: str | None) -> httpx.Response:
    """How a stream begins; then the listener goes away."""
    begun: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": headers, "client": ("2001:db8::1", 1), "scheme": "http",
        "server": ("test", 80), "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        await asyncio.sleep(0)
        if (message := next(asked, None)) is not None:
            return message
        await begun
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and not begun.done():
            begun.set_result(httpx.Response(message["status"], headers=message["headers"]))

    await app(scope, receive, send)
    return await begun


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert MATRIX.keys() == OPERATIONS.keys()


def test_what_names_a_case_has_a_row_about_complaints_too() -> None:
    about_cases = {name for name, (_, path) in OPERATIONS.items() if "{case_id}" in path}

    assert COMPLAINTS.keys() == about_cases


@pytest.mark.parametrize("operation", MATRIX)
async def test_everybody_gets_what_the_table_says(
    app: FastAPI, maker: Maker, operation: str
) -> None:
    world, answered = maker.world(), {}
    for who in EVERYBODY:
        answer = await ask(app, operation, world, who, case=world.tip)
        answered[who] = answer.status_code
        assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
        if method_changes_case(operation) and answer.is_success:
            maker.renew(world)

    assert answered == MATRIX[operation]


@pytest.mark.parametrize("operation", COMPLAINTS)
async def test_a_complaint_about_the_police_exists_for_oversight_only(
    app: FastAPI, maker: Maker, operation: str
) -> None:
    world, answered = maker.world(), {}
    for who in EVERYBODY:
        answer = await ask(app, operation, world, who, case=world.complaint)
        answered[who] = answer.status_code

    assert answered == COMPLAINTS[operation]


@pytest.mark.parametrize("operation", SEEN)
async def test_a_list_holds_what_is_in_scope_and_nothing_else(
    app: FastAPI, maker: Maker, operation: str
) -> None:
    world = maker.world()
    ids = {str(world.tip.case_id), str(world.report_id)}

    seeing = []
    for who, status in MATRIX[operation].items():
        if status == 200:
            answer = await ask(app, operation, world, who, case=world.tip)
            items = answer.json()["items"]
            if ids & {item.get("case_id", item.get("id")) for item in items}:
                seeing.append(who)

    assert sorted(seeing) == sorted(SEEN[operation])


async def test_outside_the_scope_is_the_same_as_nowhere(app: FastAPI, maker: Maker) -> None:
    world = maker.world()

    async with caller(app, world.tokens["other ward's officer"]) as client:
        others = await client.get(f"/v1/cases/{world.tip.case_id}")
        none = await client.get(f"/v1/cases/{uuid.uuid4()}")

    assert comparable(others) == comparable(none)


async def test_neither_side_can_use_the_other_sides_id(app: FastAPI, maker: Maker) -> None:
    world = maker.world()
    tip = world.tip

    async with caller(app, world.tokens["own officer"]) as officer:
        by_report_id = await officer.get(f"/v1/cases/{world.report_id}")
        by_stored_id = await officer.get(f"/v1/cases/{tip.id}")
    async with caller(app, world.tokens["the device"]) as device:
        by_case_id = await device.get(f"/v1/my/reports/{tip.case_id}")

    assert {each.status_code for each in (by_report_id, by_stored_id, by_case_id)} == {404}


def comparable(answer: httpx.Response) -> Any:
    """An answer without what differs at every request."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers, answer.json() | {"request_id": None}
