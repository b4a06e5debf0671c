"""Giving open reports the owner that the edition in force says: a recorded act, batch by batch."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Row, TextClause, text

from api.clocks.history import refresh
from api.clocks.rules import Shelf
from api.groups import notices as group_notices
from api.reports.routing import about_police, stored_routing
from api.reports.tables import IS_OPEN
from geo.atlas import Atlas
from geo.routing import Place, Routing, route
from notifications.outbox import OWE_MANY, Debt, arrays

Moves = Counter[tuple[str, str]]
"""How many open reports go from which station (id) to which."""

TRANSFERRED = "transferred"
"""The rule of a routing that a person decided: no edition takes such a case away again."""

ANOTHER_EDITION = "(edition_id < :edition or edition_id > :edition or edition_id is null)"
"""Written so that `ix_reports_edition` can serve it; `<>` could not."""

STRAGGLER = text(f"select exists (select from reports where {IS_OPEN} and {ANOTHER_EDITION})")  # noqa: S608

_BATCH = f"""
    select id, case_id, version, kind, category, about_station, ST_X(location) as lon,
           ST_Y(location) as lat, accuracy_m, place_source, claimed_ward_code,
           claimed_province_code, station_id, ward_code, province_code, routing, flags,
           reporter_key,
           (select ward_code from groups where groups.id = reports.group_id) as group_ward
      from reports
     where {IS_OPEN} and {ANOTHER_EDITION} and case_id > :after
     order by case_id
     limit :batch
"""  # noqa: S608 - constants
READ = text(_BATCH)
LOCK = text(_BATCH + " for no key update")
LOCK_FREE = text(_BATCH + " for no key update skip locked")
"""Of the rows that nobody else is changing now."""

FIRST = uuid.UUID(int=0)

REROUTED, REASSESSED = "report.rerouted", "report.reassessed"
"""Another station owns the case now; or the same one, and the place is judged otherwise."""

SEEN = ("ward", "confidence", "candidates", "rule", "flags", "informed")
"""What of a routing makes officers look again when it changes."""

SETTLE = f"""
update reports
   set edition_id = %(edition_id)s, version = reports.version + 1,
       ward_code = decided.ward_code, province_code = decided.province_code,
       station_id = decided.station_id, confidence = decided.confidence,
       routing = decided.routing, first_routing = coalesce(first_routing, reports.routing),
       flags = array(select jsonb_array_elements_text(decided.routing -> 'flags')),
       state = case when moved then 'received' else reports.state end,
       register_year = case when moved then null else register_year end,
       register_number = case when moved then null else register_number end,
       assignee_id = case when moved then null else assignee_id end,
       claimed_by = case when moved then null else claimed_by end,
       claimed_until = case when moved then null else claimed_until end,
       last_station_id = case when moved then null else last_station_id end,
       bounces = case when moved then 0 else bounces end
  from unnest(%(case_ids)s::uuid[], %(versions)s::int[], %(moved)s::bool[],
              %(station_ids)s::text[], %(ward_codes)s::text[], %(province_codes)s::text[],
              %(confidences)s::text[], %(routings)s::jsonb[])
       as decided (case_id, version, moved, station_id, ward_code, province_code, confidence,
                   routing)
 where reports.case_id = decided.case_id and reports.version = decided.version
   and reports.{IS_OPEN}
"""  # noqa: S608 - constants

FOLLOW = f"""
update reports set edition_id = %(edition_id)s
  from unnest(%(case_ids)s::uuid[], %(versions)s::int[]) as same (case_id, version)
 where reports.case_id = same.case_id and reports.version = same.version and reports.{IS_OPEN}
"""  # noqa: S608 - constants

FORGET_INFORMED = "delete from case_informed where case_id = any(%(case_ids)s)"

INFORM = """
insert into case_informed (case_id, station_id)
select * from unnest(%(case_ids)s::uuid[], %(station_ids)s::text[])
"""

RECORD = """
with told as (
    select * from unnest(%(case_ids)s::uuid[], %(kinds)s::text[], %(station_ids)s::text[],
                         %(data)s::jsonb[])
        as told (case_id, kind, station_id, data)
), history as (
    insert into case_events (case_id, kind, at, actor_kind, data)
    select case_id, kind, %(now)s, 'system', data from told
)
insert into audit_events (actor_kind, action, object_kind, object_id, scope)
select 'system', kind, 'case', case_id, station_id from told
"""


class CountsDifferError(RuntimeError):
    """Fewer reports were settled than were found: nothing of it may be committed."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An open report, and where the edition says it belongs."""

    report: Row[Any]
    decision: Routing
    routing: dict[str, Any]
    """The decision as it is stored, when it is."""

    @property
    def stays_by_choice(self) -> bool:
        """Whether a person chose its owner."""
        return bool(self.report.routing.get("rule") == TRANSFERRED)

    @property
    def moves(self) -> bool:
        """Whether its owner changes."""
        return not self.stays_by_choice and self.decision.owner_station_id != self.report.station_id

    @property
    def changes(self) -> bool:
        """Whether its owner changes, or anything else that officers see."""
        if self.stays_by_choice:
            return False
        before = (self.report.ward_code, self.report.province_code)
        return (
            self.moves
            or before != (self.decision.ward_code, self.decision.province_code)
            or any(self.report.routing.get(name) != self.routing[name] for name in SEEN)
        )

    @property
    def event(self) -> dict[str, Any]:
        """What the case's history says of it."""
        if self.moves:
            return {"from": self.report.station_id, "to": self.decision.owner_station_id}
        return {"ward_code": self.decision.ward_code, "confidence": self.decision.confidence}


def decide(atlas: Atlas, report: Row[Any]) -> Decided:
    """Route a stored report anew."""
    oversight = about_police(
        kind=report.kind, category=report.category, about_station=report.about_station
    )
    place = Place(
        lon=report.lon,
        lat=report.lat,
        accuracy_m=report.accuracy_m,
        source=report.place_source,
        ward_code=report.claimed_ward_code,
        province_code=report.claimed_province_code,
    )
    decision = route(atlas, place, group_ward=report.group_ward, oversight=oversight)
    return Decided(report, decision, routing_of(atlas, report, decision))


def routing_of(atlas: Atlas, report: Row[Any], decision: Routing) -> dict[str, Any]:
    """The decision as it is stored; what was flagged about anything but the place stays flagged."""
    routing = stored_routing(atlas, decision)
    kept = [flag for flag in report.flags if flag.startswith("unknown-")]
    routing["flags"] = [*routing["flags"], *(f for f in kept if f not in routing["flags"])]
    return routing


def batches(
    connection: Connection, statement: TextClause, edition_id: int, size: int
) -> Iterator[Sequence[Row[Any]]]:
    """Open reports of other editions, in order of their case ids."""
    after = FIRST
    while True:
        rows = connection.execute(
            statement, {"edition": edition_id, "after": after, "batch": size}
        ).all()
        if rows:
            yield rows
            after = rows[-1].case_id
        if len(rows) < size:
            return


def planned(connection: Connection, atlas: Atlas, *, batch: int = 1000) -> Moves:
    """Where open reports would go under an edition; changes nothing."""
    moves: Moves = Counter()
    for rows in batches(connection, READ, atlas.edition_id, batch):
        moves.update(moves_of([decide(atlas, row) for row in rows]))
    return moves


def reown_open_reports(
    connection: Connection, atlas: Atlas, now: dt.datetime, *, batch: int = 1000
) -> Moves:
    """Route every open report of another edition again; all in the caller's transaction."""
    moves: Moves = Counter()
    for rows in batches(connection, LOCK, atlas.edition_id, batch):
        moves.update(reown(connection, atlas, rows, now))
    return moves


def reown_some(connection: Connection, atlas: Atlas, now: dt.datetime, *, limit: int) -> int | None:
    """Route some open reports again that nobody is working on; how many moved, None if none is
    left."""
    rows = connection.execute(
        LOCK_FREE, {"edition": atlas.edition_id, "after": FIRST, "batch": limit}
    ).all()
    return reown(connection, atlas, rows, now).total() if rows else None


def reown(
    connection: Connection, atlas: Atlas, rows: Sequence[Row[Any]], now: dt.datetime
) -> Moves:
    """Route these (locked) reports again; where they went.

    Those whose owner changes begin anew there as received: their reporters are told, and their
    clocks follow. Those
    that stay with their station and look different to it are a new version of themselves; the
    others, and what a person transferred, only follow to the edition. Raises `CountsDifferError`
    rather than lose one.
    """
    decided = [decide(atlas, row) for row in rows]
    changed = [each for each in decided if each.changes]
    settled = settle(connection, atlas, changed)
    settled += follow(connection, atlas, [each for each in decided if not each.changes])
    if settled != len(decided):
        raise CountsDifferError(
            f"{len(decided)} open reports were found and {settled} given an owner."
        )
    record(connection, atlas, changed, now)
    moved = [each for each in decided if each.moves]
    tell(connection, atlas, moved, now)
    ids = [each.report.case_id for each in moved]
    group_notices.rerouted_many(connection, ids, now)
    if ids:
        refresh(connection, Shelf().book(connection), ids, now)
    return moves_of(decided)


def moves_of(decided: Sequence[Decided]) -> Moves:
    """Count what moves, by where from and where to."""
    return Counter(
        (each.report.station_id, each.decision.owner_station_id) for each in decided if each.moves
    )


def settle(connection: Connection, atlas: Atlas, changed: Sequence[Decided]) -> int:
    """Write the decisions to the reports and to who is informed; to how many reports."""
    settled = connection.exec_driver_sql(
        SETTLE,
        {
            "edition_id": atlas.edition_id,
            "case_ids": [each.report.case_id for each in changed],
            "versions": [each.report.version for each in changed],
            "moved": [each.moves for each in changed],
            "station_ids": [each.decision.owner_station_id for each in changed],
            "ward_codes": [each.decision.ward_code for each in changed],
            "province_codes": [each.decision.province_code for each in changed],
            "confidences": [str(each.decision.confidence) for each in changed],
            "routings": [Jsonb(each.routing) for each in changed],
        },
    )
    connection.exec_driver_sql(
        FORGET_INFORMED, {"case_ids": [each.report.case_id for each in changed]}
    )
    informed = [
        (each.report.case_id, station) for each in changed for station in each.decision.informed
    ]
    connection.exec_driver_sql(
        INFORM,
        {
            "case_ids": [case for case, _ in informed],
            "station_ids": [station for _, station in informed],
        },
    )
    return settled.rowcount


def follow(connection: Connection, atlas: Atlas, same: Sequence[Decided]) -> int:
    """Let reports that stay as they are follow to the edition; how many did."""
    return connection.exec_driver_sql(
        FOLLOW,
        {
            "edition_id": atlas.edition_id,
            "case_ids": [each.report.case_id for each in same],
            "versions": [each.report.version for each in same],
        },
    ).rowcount


def record(
    connection: Connection, atlas: Atlas, changed: Sequence[Decided], now: dt.datetime
) -> None:
    """Write each change to the case's history and the audit trail."""
    connection.exec_driver_sql(
        RECORD,
        {
            "case_ids": [each.report.case_id for each in changed],
            "kinds": [REROUTED if each.moves else REASSESSED for each in changed],
            "station_ids": [each.decision.owner_station_id for each in changed],
            "data": [Jsonb({**each.event, "edition_id": atlas.edition_id}) for each in changed],
            "now": now,
        },
    )


def tell(connection: Connection, atlas: Atlas, moved: Sequence[Decided], now: dt.datetime) -> None:
    """Owe the reporters of what moved a message."""
    connection.exec_driver_sql(
        OWE_MANY,
        arrays(
            [
                Debt(
                    id=uuid.uuid4(),
                    subject=each.report.id,
                    recipient=each.report.reporter_key,
                    kind=REROUTED,
                    data={"station": atlas.stations[each.decision.owner_station_id].name},
                    now=now,
                )
                for each in moved
            ]
        ),
    )
