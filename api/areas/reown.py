"""Giving open reports the owner that the edition in force says: a recorded act, batch by batch."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Row, TextClause, text

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
           claimed_province_code, station_id, routing, flags, reporter_key
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

SETTLE = f"""
update reports
   set edition_id = decided.edition_id, ward_code = decided.ward_code,
       province_code = decided.province_code,
       state = case when moved then 'received' else reports.state end,
       version = reports.version + moved::int,
       station_id = decided.station_id,
       confidence = case when moved then decided.confidence else reports.confidence end,
       routing = case when moved then decided.routing else reports.routing end,
       first_routing = case when moved then coalesce(first_routing, reports.routing)
                            else first_routing end,
       flags = case when moved
                    then array(select jsonb_array_elements_text(decided.routing -> 'flags'))
                    else reports.flags end,
       register_year = case when moved then null else register_year end,
       register_number = case when moved then null else register_number end
  from unnest(%(case_ids)s::uuid[], %(versions)s::int[], %(moved)s::bool[],
              %(edition_ids)s::int[], %(station_ids)s::text[], %(ward_codes)s::text[],
              %(province_codes)s::text[], %(confidences)s::text[], %(routings)s::jsonb[])
       as decided (case_id, version, moved, edition_id, station_id, ward_code, province_code,
                   confidence, routing)
 where reports.case_id = decided.case_id and reports.version = decided.version
   and reports.{IS_OPEN}
"""  # noqa: S608 - constants

FORGET_INFORMED = "delete from case_informed where case_id = any(%(case_ids)s)"

INFORM = """
insert into case_informed (case_id, station_id)
select * from unnest(%(case_ids)s::uuid[], %(station_ids)s::text[])
"""

TELL_HISTORY = """
with told as (
    select * from unnest(%(case_ids)s::uuid[], %(station_ids)s::text[], %(data)s::jsonb[])
        as told (case_id, station_id, data)
), history as (
    insert into case_events (case_id, kind, at, actor_kind, data)
    select case_id, 'report.rerouted', %(now)s, 'system', data from told
)
insert into audit_events (actor_kind, action, object_kind, object_id, scope)
select 'system', 'report.rerouted', 'case', case_id, station_id from told
"""


class CountsDifferError(RuntimeError):
    """Fewer reports were settled than were found: nothing of it may be committed."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An open report, and where the edition says it belongs."""

    report: Row[Any]
    decision: Routing

    @property
    def stays_by_choice(self) -> bool:
        """Whether a person chose its owner."""
        return bool(self.report.routing.get("rule") == TRANSFERRED)

    @property
    def moves(self) -> bool:
        """Whether its owner changes."""
        return not self.stays_by_choice and self.decision.owner_station_id != self.report.station_id


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
    return Decided(report, route(atlas, place, oversight=oversight))


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

    Those whose owner changes begin anew there as received, and their reporters are told; the
    others only follow to the edition, with the stations that are informed now. What a person
    transferred stays. Raises `CountsDifferError` rather than lose one.
    """
    decided = [decide(atlas, row) for row in rows]
    settle(connection, atlas, decided)
    tell(connection, atlas, [each for each in decided if each.moves], now)
    return moves_of(decided)


def moves_of(decided: Sequence[Decided]) -> Moves:
    """Count what moves, by where from and where to."""
    return Counter(
        (each.report.station_id, each.decision.owner_station_id) for each in decided if each.moves
    )


def settle(connection: Connection, atlas: Atlas, decided: Sequence[Decided]) -> None:
    """Write the decisions to the reports and to who is informed."""
    settled = connection.exec_driver_sql(
        SETTLE,
        {
            "case_ids": [each.report.case_id for each in decided],
            "versions": [each.report.version for each in decided],
            "moved": [each.moves for each in decided],
            "edition_ids": [atlas.edition_id] * len(decided),
            "station_ids": [
                each.decision.owner_station_id if each.moves else each.report.station_id
                for each in decided
            ],
            "ward_codes": [each.decision.ward_code for each in decided],
            "province_codes": [each.decision.province_code for each in decided],
            "confidences": [str(each.decision.confidence) for each in decided],
            "routings": [Jsonb(routing_of(atlas, each)) for each in decided],
        },
    )
    if settled.rowcount != len(decided):
        raise CountsDifferError(
            f"{len(decided)} open reports were found and {settled.rowcount} given an owner."
        )
    routed = [each for each in decided if not each.stays_by_choice]
    connection.exec_driver_sql(
        FORGET_INFORMED, {"case_ids": [each.report.case_id for each in routed]}
    )
    informed = [
        (each.report.case_id, station) for each in routed for station in each.decision.informed
    ]
    connection.exec_driver_sql(
        INFORM,
        {
            "case_ids": [case for case, _ in informed],
            "station_ids": [station for _, station in informed],
        },
    )


def routing_of(atlas: Atlas, each: Decided) -> dict[str, Any]:
    """The decision as it is stored; what was flagged about anything but the place stays flagged."""
    routing = stored_routing(atlas, each.decision)
    kept = [flag for flag in each.report.flags if flag.startswith("unknown-")]
    routing["flags"] = [*routing["flags"], *(f for f in kept if f not in routing["flags"])]
    return routing


def tell(connection: Connection, atlas: Atlas, moved: Sequence[Decided], now: dt.datetime) -> None:
    """Write each move to the case's history and the audit trail, and owe its reporter a message."""
    if not moved:
        return
    connection.exec_driver_sql(
        TELL_HISTORY,
        {
            "case_ids": [each.report.case_id for each in moved],
            "station_ids": [each.decision.owner_station_id for each in moved],
            "data": [
                Jsonb(
                    {
                        "from": each.report.station_id,
                        "to": each.decision.owner_station_id,
                        "edition_id": atlas.edition_id,
                    }
                )
                for each in moved
            ],
            "now": now,
        },
    )
    connection.exec_driver_sql(
        OWE_MANY,
        arrays(
            [
                Debt(
                    id=uuid.uuid4(),
                    subject=each.report.id,
                    recipient=each.report.reporter_key,
                    kind="report.rerouted",
                    data={"station": atlas.stations[each.decision.owner_station_id].name},
                    now=now,
                )
                for each in moved
            ]
        ),
    )
