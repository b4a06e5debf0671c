"""A month of a small province, worked out by hand. Urgent tips are due four hours after they came.

28 days to Sat 21 Nov 2026: from Sun 25 Oct.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from api.clocks.rules import Shelf
from api.reports.tables import CaseEvent
from api.scorecards.keeping import count_stays
from geo.tables import Jurisdiction, Province, StationKind
from tests.clocks.year import moment
from tests.factories import keep, make_officer, make_report, make_station, unique
from tests.shown import wait_for_older

NOW = moment("2026-11-22 12:00")

Event = tuple[Any, ...]
"""When, what, and facts of the history."""


@dataclass
class Town:
    """Two wards, a desk and an oversight office of a province, and who reads their cards."""

    province: str
    a: str
    b: str
    desk: str
    oversight: str
    engine: Engine
    cases: dict[str, str] = field(default_factory=dict)

    def tell(self, name: str, where: str, came: str, *events: Event, **facts: Any) -> None:
        """A case that came at a time, and what became of it; `where` it is after that."""
        given: dict[str, Any] = {
            "urgency": 2,
            "reporter_kind": "account",
            "province_code": self.province,
        }
        report = make_report(self.engine, where, received_at=moment(came), **given | facts)
        self.cases[name] = str(report.case_id)
        rows = [
            CaseEvent(
                case_id=report.case_id, kind=kind if "." in kind else f"report.{kind}",
                at=moment(at), actor_kind="staff", data=data[0] if data else {},
            )
            for at, kind, *data in events
        ]  # fmt: skip
        for row in rows:
            keep(self.engine, row)

    def reader(self, role: StaffRole, place: str | None = None, province: str | None = None) -> str:
        """The token of somebody signed in."""
        return make_officer(self.engine, place, role=role, now=NOW, province_code=province)

    def commander(self) -> str:
        """The province's."""
        return self.reader(StaffRole.PROVINCE_COMMANDER, province=self.province)

    def chief(self, station: str) -> str:
        """A station's."""
        return self.reader(StaffRole.STATION_CHIEF, station)


def make_town(engine: Engine, worker: Engine, now: dt.datetime) -> Town:
    """The province, and its month counted by the worker."""
    code = unique("P")
    keep(engine, Province(code=code, name="Tỉnh Thử Nghiệm"))

    def station(kind: StationKind) -> str:
        return make_station(engine, kind=kind, province_code=code).id

    town = Town(
        code,
        station(StationKind.WARD),
        station(StationKind.WARD),
        station(StationKind.PROVINCE_DESK),
        station(StationKind.OVERSIGHT),
        engine,
    )
    keep(engine, Jurisdiction(ward_code=unique("W"), station_id=town.a))
    happened(town)
    count(engine, worker, now, batch=7)
    return town


def count(engine: Engine, worker: Engine, now: dt.datetime, *, batch: int = 1000) -> int:
    """Count everything written so far: every older transaction of the cluster must be over."""
    wait_for_older(engine)
    return count_stays(worker, Shelf(), now, batch=batch)


# fmt: off
def happened(town: Town) -> None:
    """The month."""
    a, b, tell = town.a, town.b, town.tell
    moved = {"from": a, "to": b}
    tell("in time", a, "2026-11-02 09:00", ("2026-11-02 10:00", "acknowledged"),
         ("2026-11-03 09:00", "resolved", {"reason_code": "warned"}))
    tell("late", a, "2026-11-02 09:00", ("2026-11-02 14:00", "acknowledged"),
         ("2026-11-03 21:00", "dismissed", {"reason_code": "false_report"}))
    tell("transferred", b, "2026-11-03 09:00", ("2026-11-03 10:00", "transferred", moved),
         ("2026-11-03 11:00", "acknowledged"), ("2026-11-05 09:00", "resolved"))
    tell("reopened", a, "2026-11-04 09:00", ("2026-11-04 09:30", "acknowledged"),
         ("2026-11-05 09:00", "resolved"), ("2026-11-06 09:00", "reopened"),
         ("2026-11-06 12:00", "acknowledged"))
    tell("duplicate", a, "2026-11-05 09:00", ("2026-11-05 09:20", "linked"))
    tell("withdrawn", a, "2026-11-05 10:00", ("2026-11-05 10:30", "withdrawn"))
    tell("desk", a, "2026-11-09 09:00", ("2026-11-09 09:00", "acknowledged"), channel="walk_in")
    tell("never read", b, "2026-11-10 09:00", ("2026-11-12 09:00", "case.urged"))
    tell("rerouted", a, "2026-11-11 08:00",
         ("2026-11-11 09:00", "rerouted", {"from": b, "to": a}),
         ("2026-11-11 10:00", "acknowledged"))
    tell("complaint", town.oversight, "2026-11-11 08:00", ("2026-11-11 09:00", "acknowledged"),
         ("2026-11-11 10:00", "corrected", {"from": b, "to": town.oversight, "changes": {}}),
         kind="complaint_about_police")
    tell("before", a, "2026-10-20 09:00", ("2026-10-20 10:00", "acknowledged"),
         ("2026-10-30 09:00", "resolved"))
    # 24 hours for handing over pass on Wed 4 Nov; the outcome is due on the 23rd, 24:00.
    tell("crime", b, "2026-11-03 09:00", ("2026-11-03 10:00", "acknowledged"),
         ("2026-11-20 09:00", "resolved"), kind="crime_report")
    # After the window.
    tell("today", b, "2026-11-22 09:00", ("2026-11-22 09:30", "acknowledged"))
# fmt: on


A = {
    "open_at_start": 1, "received": 7, "recorded": 1, "reopened": 1, "transferred_in": 0,
    "bounced_in": 0, "rerouted_in": 1, "acknowledged": 6, "answered": 4, "dismissed": 1,
    "closed_unanswered": 2, "transferred_out": 1, "bounced_out": 0, "rerouted_out": 0,
    "missed": 1, "overdue_at_end": 0, "urged": 0, "open_at_end": 3,
}  # fmt: skip
B = {
    "open_at_start": 0, "received": 3, "recorded": 0, "reopened": 0, "transferred_in": 1,
    "bounced_in": 0, "rerouted_in": 0, "acknowledged": 2, "answered": 2, "dismissed": 0,
    "closed_unanswered": 0, "transferred_out": 0, "bounced_out": 0, "rerouted_out": 1,
    "missed": 2, "overdue_at_end": 1, "urged": 1, "open_at_end": 1,
}  # fmt: skip
"""Counted by hand; withdrawals are too few to be shown."""
