"""A town with its police and two reporters, who act through the API on a few cases at a time."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from sqlalchemy import Engine, Row, text

from api.accounts.tables import StaffRole
from api.app import create_app
from api.clock import now_asked
from api.local.client import uuid7
from api.secrets import token_hash
from api.settings import Settings
from tests import town
from tests.factories import caller, make_officer
from tests.town import IN_NORTH, IN_SOUTH, ON_BORDER

T = TypeVar("T")

STATIONS = ("w-00001", "w-00002", "p-01", "o-01", "vn")
LATEST = dt.timedelta(days=90)
"""How far a life may reach into the future; sessions last as long."""

SNAPSHOT = text("""
select r.case_id, r.state, r.version, r.station_id, r.kind, r.category, r.about_station,
       r.claimed_by, r.claimed_until, r.closed_at, s.kind as station_kind,
       array(select i.station_id from case_informed i where i.case_id = r.case_id) as informed,
       array(select e.kind from case_events e where e.case_id = r.case_id order by e.id) as events,
       array(select a.action from audit_events a where a.object_kind = 'case'
              and a.object_id = r.case_id::text and a.action <> 'case.read' order by a.id)
         as audited,
       array(select k.kind from acknowledgements k where k.subject = r.id order by k.seq) as inbox
  from reports r join stations s on s.id = r.station_id
 where r.case_id = any(:cases)
""")

GAPS = text("""
select station_id, year from register_entries group by station_id, year
having min(number) <> 1 or max(number) <> count(*) or count(distinct case_id) <> count(*)
union all
select station_id, year from registers r where last_number <>
       (select count(*) from register_entries e
         where (e.station_id, e.year) = (r.station_id, r.year))
""")


@dataclass(frozen=True)
class Person:
    """Somebody who acts: a member of staff, or (without a role) a reporter."""

    client: httpx.AsyncClient
    role: StaffRole | None = None
    station: str | None = None
    staff_id: uuid.UUID | None = None
    username: str | None = None


@dataclass(frozen=True)
class Case:
    """A case, and its reporter's id of it."""

    case_id: uuid.UUID
    report_id: uuid.UUID


class World:
    """The service, called in this process, and everybody who calls it."""

    def __init__(self, engine: Engine, settings: Settings, runner: asyncio.Runner) -> None:
        self.engine, self._runner = engine, runner
        self.connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self.app = create_app(settings)
        self.app.dependency_overrides[now_asked] = lambda: self.now
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.run(self._lifespan.__aenter__())
        self.app.state.refresher.refresh(everything=True)
        self.begin()
        self.reporter, self.stranger = self.device(), self.device()
        self.staff = [
            *(
                self.officer(station, role)
                for station in STATIONS
                for role in self.roles_at(station)
            ),
            self.officer(None, StaffRole.PROVINCE_COMMANDER),
            self.officer(None, StaffRole.ADMIN),
            self.officer(None, StaffRole.AUDITOR),
        ]

    def begin(self) -> None:
        """Now is now again."""
        self.now = self.began = dt.datetime.now(dt.UTC)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for the service."""
        return self._runner.get_loop().run_until_complete(coroutine)

    def close(self) -> None:
        """End the service."""
        self.connection.close()
        self.run(self._lifespan.__aexit__(None, None, None))

    @staticmethod
    def roles_at(station: str) -> list[StaffRole]:
        """Who works at a station: two of a kind, and a chief."""
        if station.startswith("o-"):
            return [StaffRole.OVERSIGHT] * 2
        return [StaffRole.DUTY_OFFICER] * 2 + [StaffRole.STATION_CHIEF]

    def officer(self, station: str | None, role: StaffRole) -> Person:
        """A member of staff, signed in for long."""
        token = make_officer(
            self.engine,
            station,
            role=role,
            now=self.began + LATEST,
            province_code="01" if role == StaffRole.PROVINCE_COMMANDER else None,
        )
        query = text(
            "select staff.id, username from staff join staff_sessions on staff_id = staff.id"
            " where token_hash = :hash"
        )
        staff_id, name = self.connection.execute(query, {"hash": token_hash(token)}).one()
        return Person(caller(self.app, token), role, station, staff_id, name)

    def device(self) -> Person:
        """A reporter."""
        client = caller(self.app)
        made = self.run(client.post("/v1/devices", json={})).json()
        client.headers["Authorization"] = f"Bearer {made['token']}"
        return Person(client)

    def ask(
        self, person: Person, method: str, url: str, *, patient: bool = False, **request: Any
    ) -> httpx.Response:
        """What somebody is answered; who is patient comes back when told that it is too busy."""
        while True:
            answer = self.run(person.client.request(method, url, **request))
            if not patient or answer.status_code != 503:
                return answer

    def cases(self) -> list[Case]:
        """A tip from the border, a crime in the same ward, and a complaint about the police."""
        return [
            self.case(town.report(ON_BORDER, accuracy_m=60.0)),
            self.case(town.report(IN_SOUTH, kind="crime_report", category="theft")),
            self.case(town.report(IN_NORTH, kind="complaint_about_police")),
        ]

    @staticmethod
    def some_station(case: Case) -> str:
        """Any station, another one for another case."""
        return STATIONS[case.case_id.int % len(STATIONS)]

    def case(self, body: dict[str, Any]) -> Case:
        """The case of a report that is sent."""
        report_id = uuid7()
        url = f"/v1/reports/{report_id}"
        sent = self.ask(self.reporter, "PUT", url, json=body, patient=True)
        assert sent.is_success, sent.text
        stored = self.app.state.keys.store_id(report_id)
        query = text("select case_id from reports where id = :id")
        return Case(self.connection.execute(query, {"id": stored}).scalar_one(), report_id)

    def snapshot(self, cases: list[Case]) -> dict[uuid.UUID, Row[Any]]:
        """What the database says of the cases."""
        ids = [each.case_id for each in cases]
        return {row.case_id: row for row in self.connection.execute(SNAPSHOT, {"cases": ids})}

    def gaps(self) -> list[Row[Any]]:
        """The registers whose numbers are not 1, 2, 3, ... with a case each."""
        return list(self.connection.execute(GAPS).all())


@contextmanager
def living(engine: Engine, settings: Settings) -> Iterator[World]:
    """The world while it lasts; its town must be in force, and its service without limits."""
    with asyncio.Runner() as runner:
        world = World(engine, settings, runner)
        try:
            yield world
        finally:
            world.close()
