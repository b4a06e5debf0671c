"""Officers of any station, and what they do with cases."""

import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.local.client import uuid7
from tests import town as places
from tests.factories import caller, make_officer

SOUTH, NORTH, DESK, OVERSIGHT, NATION = "w-00001", "w-00002", "p-01", "o-01", "vn"
REASON = "Ở bên kia đường, thuộc phường bạn."


@dataclass
class Police:
    """Officers of any station, and what the database says."""

    app: FastAPI
    engine: Engine
    open: AsyncExitStack
    phone: httpx.AsyncClient
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def at(self, station: str) -> httpx.AsyncClient:
        """An officer of a station."""
        if station not in self.clients:
            role = StaffRole.OVERSIGHT if station.startswith("o-") else StaffRole.DUTY_OFFICER
            client = caller(self.app, make_officer(self.engine, station, role=role))
            self.clients[station] = await self.open.enter_async_context(client)
        return self.clients[station]

    async def step(
        self, station: str, case_id: uuid.UUID, path: str, **body: Any
    ) -> httpx.Response:
        """A step by an officer who sees the case as it is."""
        tag = {"If-Match": f'"{self.case(case_id).version}"'}
        client = await self.at(station)
        return await client.post(f"/v1/cases/{case_id}/{path}", headers=tag, json=body)

    async def move(self, station: str, case_id: uuid.UUID, to: str) -> httpx.Response:
        """A transfer."""
        return await self.step(station, case_id, "transfer", station_id=to, reason=REASON)

    async def report(self, where: Any, **facts: Any) -> tuple[uuid.UUID, uuid.UUID]:
        """Somebody's report: its id, and the case's."""
        report_id = uuid7()
        body = places.report(where, **facts)
        accepted = await self.phone.put(f"/v1/reports/{report_id}", json=body)
        assert accepted.status_code == 201, accepted.text
        stored = self.app.state.keys.store_id(report_id)
        (found,) = self.rows("select case_id from reports where id = :id", id=stored)
        return report_id, found.case_id

    def rows(self, query: str, **given: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(query), given))

    def case(self, case_id: uuid.UUID) -> Any:
        """The row, with who is informed."""
        (found,) = self.rows(
            "select *, ST_X(location) as lon, array(select station_id from case_informed i"
            " where i.case_id = r.case_id order by 1) as informed"
            " from reports r where case_id = :id",
            id=case_id,
        )
        return found

    def traces(self, case_id: uuid.UUID) -> tuple[list[str], list[str], list[str]]:
        """The kinds of its events, audit events, and messages to the reporter."""
        event = "select kind from case_events where case_id = :id order by id"
        audit = (
            "select action from audit_events where object_id = :id and action <> 'case.read'"
            " order by id"
        )
        inbox = (
            "select kind from acknowledgements where subject ="
            " (select id from reports where case_id = :id) order by seq"
        )
        return (
            [row.kind for row in self.rows(event, id=case_id)],
            [row.action for row in self.rows(audit, id=str(case_id))],
            [row.kind for row in self.rows(inbox, id=case_id)],
        )
