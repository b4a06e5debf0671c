"""The feed: every change of every case, in the order in which changes were committed.

A change is a row of `case_events`; its place is `(xid, id)`. Nothing is read before every older
transaction has ended, so a reader that remembers its place misses nothing and meets nothing twice.
What is told is the case as it is when the feed is read: who may see it now is told, nobody else.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from notifications.inbox import Position

CHANNEL = "tinbao_cases"
"""The channel that says: something happened to a case."""
LAST_OF_XID = 2**63 - 1

READ = """
select event.xid::text as xid, event.id, event.kind, report.case_id, report.state, report.version,
    report.category, report.urgency, report.station_id as owner,
    array(select station_id from case_informed where case_id = report.case_id) as informed,
    event.data ->> 'from' as left_station
from (
    select * from case_events
    where (xid, id) > (%(xid)s::text::xid8, %(id)s)
        and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by xid, id
    limit %(limit)s
) as event
join reports as report on report.case_id = event.case_id
order by event.xid, event.id
"""
"""Served by `ix_case_events_feed`. Every event has its report, so a short page is the last one."""

END = "select pg_snapshot_xmin(pg_current_snapshot())::text"


@dataclass(frozen=True)
class Change:
    """Something happened to a case."""

    position: Position
    kind: str
    case_id: uuid.UUID
    state: str
    version: int
    category: str
    urgency: int
    owner: str
    informed: frozenset[str]
    left_station: str | None
    """The station a step took the case away from."""

    @property
    def concerns(self) -> frozenset[str]:
        """The stations to be told."""
        left = {self.left_station} if self.left_station else frozenset[str]()
        return self.informed | {self.owner} | left

    def relation(self, station_id: str) -> str | None:
        """What the case is to a station: `owner`, `informed`, or None when it is out of sight."""
        if station_id == self.owner:
            return "owner"
        return "informed" if station_id in self.informed else None


def changes(rows: Iterable[Sequence[Any]]) -> list[Change]:
    """The rows of `READ`, of whichever driver."""
    return [
        Change(
            position=Position(int(xid), event_id),
            kind=kind,
            case_id=case_id,
            state=state,
            version=version,
            category=category,
            urgency=urgency,
            owner=owner,
            informed=frozenset(informed),
            left_station=left,
        )
        for xid, event_id, kind, case_id, state, version, category, urgency, owner, informed, left
        in rows
    ]  # fmt: skip


def after(position: Position, limit: int) -> dict[str, object]:
    """The parameters of `READ`."""
    return {"xid": str(position.xid), "id": position.seq, "limit": limit}


def before(oldest_running: str) -> Position:
    """The place behind everything that is committed, by the answer to `END`."""
    return Position(int(oldest_running) - 1, LAST_OF_XID)
