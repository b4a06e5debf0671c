"""The service at a time of the test's choosing, and staff who are signed in then."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.clock import now_asked
from api.reports.tables import Report
from api.secrets import token_hash
from geo.tables import Station
from tests.clocks.year import moment
from tests.factories import caller, make_officer


class Then:
    """Staff act at given times; nothing is waited for."""

    def __init__(self, app: FastAPI, engine: Engine, station: Station) -> None:
        self.app, self.engine, self.station = app, engine, station
        self.staff: dict[str, tuple[StaffRole, str | None, str | None]] = {
            "officer": (StaffRole.DUTY_OFFICER, station.id, None),
            "colleague": (StaffRole.DUTY_OFFICER, station.id, None),
            "chief": (StaffRole.STATION_CHIEF, station.id, None),
            "commander": (StaffRole.PROVINCE_COMMANDER, None, station.province_code),
            "stranger": (StaffRole.PROVINCE_COMMANDER, None, "79"),
        }
        self.tokens: dict[str, str] = {}

    @asynccontextmanager
    async def at(self, when: str, who: str = "officer") -> AsyncIterator[httpx.AsyncClient]:
        """Somebody at a local time such as `2026-11-23 09:00`."""
        now = moment(when)
        if who not in self.tokens:
            role, station_id, province = self.staff[who]
            self.tokens[who] = make_officer(
                self.engine, station_id, role=role, now=now, province_code=province
            )
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "update staff_sessions set created_at = :now, seen_at = :now,"
                    " expires_at = :end where token_hash = :hash"
                ),
                {
                    "now": now,
                    "end": now + dt.timedelta(hours=1),
                    "hash": token_hash(self.tokens[who]),
                },
            )
        self.app.dependency_overrides[now_asked] = lambda: now
        try:
            async with caller(self.app, self.tokens[who]) as client:
                yield client
        finally:
            del self.app.dependency_overrides[now_asked]

    async def get(self, when: str, path: str, who: str = "officer") -> Any:
        """What somebody reads at a time."""
        async with self.at(when, who) as client:
            answer = await client.get(path, headers={"Accept-Language": "en"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(
        self, when: str, case: Report, path: str, who: str = "officer", **body: Any
    ) -> httpx.Response:
        """What somebody does with a case at a time, in the version it has."""
        with self.engine.connect() as connection:
            query = text("select version from reports where case_id = :id")
            version = connection.scalar(query, {"id": case.case_id})
        url, tag = f"/v1/cases/{case.case_id}/{path}", {"If-Match": f'"{version}"'}
        async with self.at(when, who) as client:
            return await client.post(url, headers=tag, json=body)

    async def clocks(self, when: str, case: Report, who: str = "officer") -> dict[str, Any]:
        """The clocks of a case by their names."""
        found = await self.get(when, f"/v1/cases/{case.case_id}", who)
        return {each["clock"]: each for each in found["clocks"]}

    def due_at(self, case: Report) -> str | None:
        """When the case is due, local time."""
        with self.engine.connect() as connection:
            found = connection.scalar(
                text(
                    "select to_char(due_at at time zone 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD HH24:MI')"
                    " from reports where case_id = :id"
                ),
                {"id": case.case_id},
            )
        return None if found is None else str(found)
