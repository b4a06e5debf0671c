"""A reporter's phone and an officer's desk, for tests of what they do with one case."""

import uuid
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.identity import DEVICE_PREFIX, new_token
from api.accounts.tables import Device, StaffRole
from api.local.client import uuid7
from api.reports.tables import Report
from api.secrets import Keys, token_hash
from geo.tables import Station
from tests.factories import caller, keep, make_officer, make_report

ROUTING: dict[str, Any] = {
    "station": {"id": "w", "name": "Công an", "phone": None, "kind": "ward"},
    "ward": {
        "code": "00001",
        "name": "Phường Cửa Nam",
        "type": "ward",
        "province_code": "01",
        "province_name": "Hà Nội",
    },
    "edition": None,
    "confidence": "certain",
    "candidates": [],
    "rule": "contains",
    "informed": [],
}


def rows(engine: Engine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """What a query finds, with the owner's rights."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


class Desk:
    """An officer's: takes steps with the version they last saw."""

    def __init__(
        self,
        app: FastAPI,
        engine: Engine,
        station: Station,
        role: StaffRole = StaffRole.DUTY_OFFICER,
    ) -> None:
        self.http = caller(app, make_officer(engine, station, role=role))

    async def see(self, case: Report, **headers: str) -> dict[str, Any]:
        """The case."""
        answer = await self.http.get(f"/v1/cases/{case.case_id}", headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def step(
        self, case: Report, path: str, version: int | None = None, **body: Any
    ) -> httpx.Response:
        """One step; of the present version unless told otherwise."""
        if version is None:
            version = (await self.see(case))["version"]
        return await self.http.post(
            f"/v1/cases/{case.case_id}/{path}", json=body, headers={"If-Match": f'"{version}"'}
        )

    async def done(self, case: Report, path: str, **body: Any) -> dict[str, Any]:
        """One step that is taken; the case afterwards."""
        answer = await self.step(case, path, **body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def take(self, case: Report) -> dict[str, Any]:
        """Enter it into the register."""
        return await self.done(case, "acknowledgement")

    async def resolve(self, case: Report, public_text: str = "Đã nhắc nhở.") -> dict[str, Any]:
        """End it well."""
        return await self.done(
            case, "resolution", reason_code="warned", note="Nội bộ.", public_text=public_text
        )


class Phone:
    """A reporter's: a device with one report of its own."""

    def __init__(self, app: FastAPI, engine: Engine, keys: Keys, station: Station) -> None:
        self.app, self.engine, self.keys, self.station = app, engine, keys, station
        self.token, device = new_token(DEVICE_PREFIX), uuid.uuid4()
        keep(engine, Device(id=device, token_hash=token_hash(self.token)))
        self.key = keys.reporter_key(f"device:{device}")
        self.http = caller(app, self.token)
        self.report_id = uuid7()

    def send(self, **facts: Any) -> Report:
        """The report, as its station's case."""
        self.report_id = uuid7()
        made: dict[str, Any] = {
            "id": self.keys.store_id(self.report_id),
            "reporter_key": self.key,
            "routing": ROUTING | {"informed": list(facts.get("informed", ()))},
        }
        return make_report(self.engine, self.station, **made | facts)

    @property
    def url(self) -> str:
        """Where the report is for its reporter."""
        return f"/v1/my/reports/{self.report_id}"

    async def read(self) -> dict[str, Any]:
        """The report."""
        answer = await self.http.get(self.url)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def messages(self, **asked: Any) -> dict[str, Any]:
        """A page of the dialogue."""
        answer = await self.http.get(f"{self.url}/messages", params=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def say(self, words: str, message_id: uuid.UUID | None = None) -> httpx.Response:
        """Say something to the station."""
        body = {"id": str(message_id or uuid.uuid4()), "text": words}
        return await self.http.post(f"{self.url}/messages", json=body)

    async def act(self, path: str, **body: Any) -> httpx.Response:
        """Another act."""
        return await self.http.post(f"{self.url}/{path}", json=body)

    def inbox_kinds(self, case: Report) -> list[str]:
        """What the reporter was told, in order."""
        found = "select kind from acknowledgements where subject = :id order by xid, seq"
        return [kind for (kind,) in rows(self.engine, found, id=case.id)]
