"""Taking reports in: one statement and one commit for one report or for many.

Accepting means durable: the report, its routing, the audit event, the inbox row and the pushes owed
are committed together before anyone is answered. Nothing here notifies inside the transaction.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from h3.api import basic_int as h3
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Json
from pydantic_core import to_json

from api.accounts.identity import ReporterIdentity
from api.clocks.book import ClockBook
from api.clocks.history import start_of
from api.groups.filing import as_uuid
from api.i18n import Language
from api.reports import receipts
from api.reports.acceptance import Accepted, Stored, answer_to
from api.reports.categories import Category
from api.reports.routing import decide, stored_routing
from api.reports.schemas import PlaceIn, ReportIn, parse_time
from api.reports.sealing import Sealer
from api.reports.tables import Channel
from api.secrets import Keys
from api.texts import folded
from geo.atlas import Atlas
from geo.routing import Routing
from notifications.outbox import OWE_CTES

CELL_RESOLUTION = 9
OTHER = "other"

# Column of `reports`, its type in the JSON that carries the rows. A row of intake is a dict with
# these keys and EXTRA's; bytes travel as hexadecimal digits.
COLUMNS: dict[str, str] = {
    "id": "uuid",
    "case_id": "uuid",
    "kind": "text",
    "category": "text",
    "category_word": "text",
    "text": "text",
    "folded": "text",
    "about_station": "boolean",
    "language": "text",
    "accuracy_m": "float8",
    "place_source": "text",
    "place_note": "text",
    "claimed_ward_code": "text",
    "claimed_province_code": "text",
    "cell_r9": "bigint",
    "observed_at": "timestamptz",
    "received_at": "timestamptz",
    "urgency": "smallint",
    "station_id": "text",
    "edition_id": "integer",
    "ward_code": "text",
    "province_code": "text",
    "confidence": "text",
    "routing": "jsonb",
    "channel": "text",
    "taken_by": "uuid",
    "group_id": "uuid",
    "reporter_kind": "text",
    "reporter_key": "bytea",
    "body_sha256": "bytea",
    "receipt_hash": "bytea",
    "receipt_key_id": "text",
    "receipt_signature": "bytea",
    "acknowledgement_id": "uuid",
    "due_at": "timestamptz",
}
EXTRA: dict[str, str] = {
    "lon": "float8",
    "lat": "float8",
    "acknowledgement_data": "jsonb",
    "contact_key_id": "text",
    "contact_sealed": "bytea",
    "request_id": "text",
}

pack = partial(to_json, bytes_mode="hex")

_ALL = COLUMNS | EXTRA
_NAMES = ", ".join(COLUMNS)
_FIELDS = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in _ALL.items())
_VALUES = ", ".join(
    f"decode({name}, 'hex') as {name}" if kind == "bytea" else name for name, kind in _ALL.items()
)

ACCEPT = f"""
with input as materialized (
    select {_VALUES}, position
    from rows from (json_to_recordset(%(rows)s::json) as ({_FIELDS})) with ordinality
        as input ({", ".join(_ALL)}, position)
), kept as (
    insert into reports ({_NAMES}, location, flags)
    select {_NAMES}, ST_SetSRID(ST_MakePoint(lon, lat), 4326),
        array(select jsonb_array_elements_text(routing -> 'flags'))
    from input order by id -- always in one order: batches that cross would deadlock
    on conflict do nothing
    returning case_id
), fresh as (
    select input.* from input join kept using (case_id) order by position
), informed as (
    insert into case_informed (case_id, station_id)
    select case_id, jsonb_array_elements_text(routing -> 'informed') from fresh
), history as (
    insert into case_events (case_id, kind, at, actor_kind, data)
    select case_id, 'report.received', received_at, 'reporter',
        jsonb_build_object('station_id', station_id, 'rule', routing -> 'rule')
    from fresh
), audited as (
    insert into audit_events (actor_kind, action, object_kind, object_id, scope, request_id)
    select 'reporter', 'report.received', 'case', case_id, station_id, request_id from fresh
), contacts as (
    insert into sealed_contacts (case_id, key_id, sealed)
    select case_id, contact_key_id, contact_sealed from fresh where contact_sealed is not null
), owing (id, subject, recipient, kind, data, created_at) as (
    select acknowledgement_id, id, reporter_key, 'report.received', acknowledgement_data,
        received_at
    from fresh
), {OWE_CTES}
select position from fresh
"""  # noqa: S608 - made of the constants above

STORED = """
select id, kind, category, language, received_at, body_sha256, reporter_key, receipt_key_id,
    receipt_signature, acknowledgement_id, coalesce(first_routing, routing) as routing
from reports where id = any(%(ids)s)
"""


class Intake(NamedTuple):
    """What turns a valid report into a row."""

    keys: Keys
    sealer: Sealer
    atlas: Atlas | None
    categories: dict[str, Category]
    clocks: ClockBook
    groups: Mapping[uuid.UUID, str] = MappingProxyType({})
    """The groups that the reporter may report as, and their wards."""
    channel: str = Channel.APP
    taken_by: uuid.UUID | None = None
    """The officer who writes it down, where it came by another channel."""

    def category(self, report: ReportIn) -> Category:
        """The category a report names, however it is written; `other` when we have none such."""
        word = report.category.strip().casefold()
        return self.categories.get(word) or self.categories[OTHER]

    def group_ward(self, report: ReportIn) -> str | None:
        """The ward of the group a report is filed as, if its reporter belongs to it."""
        group_id = as_uuid(report.group_id)
        return self.groups.get(group_id) if group_id is not None else None

    def decide(self, report: ReportIn) -> Routing:
        """Who owns a report, and why."""
        category = self.category(report)
        return decide(self.atlas, report, category.code, group_ward=self.group_ward(report))

    def row(
        self,
        report_id: uuid.UUID,
        code: str,
        report: ReportIn,
        decision: Routing,
        reporter: ReporterIdentity,
        now: dt.datetime,
        request_id: str | None,
    ) -> dict[str, Any]:
        """The row of a report, its contact sealed; it lacks the signature (see `sign`).

        Words are plain strings in it: pydantic's encoder takes long over a member of an enum.
        """
        case_id = uuid.uuid4()
        category = self.category(report)
        known = category.code == report.category or category.code != OTHER
        in_group = self.group_ward(report) is not None
        routing = stored_routing(self.atlas, decision)
        if not known:
            routing["flags"].append("unknown-category")
        if report.group_id is not None and not in_group:
            routing["flags"].append("unknown-group")
        body_hash = receipts.body_sha256(report)
        contact = report.contact and self.sealer.seal(
            report.contact.model_dump(), case_id=case_id, province_code=decision.province_code
        )
        return place_columns(report.place) | {
            "id": self.keys.store_id(report_id),
            "case_id": case_id,
            "kind": str(report.kind),
            "category": category.code,
            "category_word": None if known else report.category,
            "text": report.text,
            "folded": folded(f"{report.text} {report.place.note or ''}"),
            "about_station": report.about_station,
            "language": report.language,
            "observed_at": parse_time(report.observed_at) if report.observed_at else None,
            "received_at": now,
            "urgency": category.urgency,
            "station_id": decision.owner_station_id,
            "edition_id": decision.edition_id,
            "ward_code": decision.ward_code,
            "province_code": decision.province_code,
            "confidence": routing["confidence"],
            "routing": routing,
            "channel": str(self.channel),
            "taken_by": self.taken_by,
            "group_id": as_uuid(report.group_id) if in_group else None,
            "reporter_kind": str(reporter.kind),
            "reporter_key": reporter.key,
            "body_sha256": body_hash,
            "receipt_hash": self.keys.receipt_hash(code),
            "receipt_key_id": self.keys.signing_key_id,
            "acknowledgement_id": uuid.uuid4(),
            "due_at": self.clocks.first_due(
                report.kind, category.urgency, decision.ward_code, start_of(now, reporter.kind)
            ),
            "acknowledgement_data": {"station": routing["station"]["name"]},
            "contact_key_id": contact and contact.key_id,
            "contact_sealed": contact and contact.contents,
            "request_id": request_id,
        }

    def sign(self, report_id: uuid.UUID, row: dict[str, Any]) -> bytes:
        """The signature of the receipt of a report with this row."""
        return receipts.sign(
            self.keys,
            report_id=report_id,
            received_at=row["received_at"],
            body_hash=row["body_sha256"],
            station_id=row["station_id"],
            edition_id=row["edition_id"],
        )


@dataclass
class Submission:
    """A valid report on its way in."""

    intake: Intake
    report_id: uuid.UUID
    report: ReportIn
    reporter: ReporterIdentity
    now: dt.datetime
    request_id: str | None
    language: Language
    """Of the answer."""
    _code: str | None = None
    _decision: Routing | None = None
    _row: dict[str, Any] | None = None

    def code(self) -> str:
        """Its receipt code, made once."""
        if self._code is None:
            self._code = self.intake.keys.receipt_code(self.report_id)
        return self._code

    def decision(self) -> Routing:
        """Who owns it, decided once.

        Not a `cached_property`: all of those share a lock, so one that is made in a thread would
        hold up the others.
        """
        if self._decision is None:
            self._decision = self.intake.decide(self.report)
        return self._decision

    def row(self) -> dict[str, Any]:
        """Its row without the signature, made once: what is tried again stays the same case."""
        if self._row is None:
            self._row = self.intake.row(
                self.report_id,
                self.code(),
                self.report,
                self.decision(),
                self.reporter,
                self.now,
                self.request_id,
            )
        return self._row

    def signed_row(self) -> dict[str, Any]:
        """Its row."""
        row = self.row()
        if "receipt_signature" not in row:
            row["receipt_signature"] = self.intake.sign(self.report_id, row)
        return row

    def accepted(self, stored: Stored, *, created: bool) -> Accepted:
        """What became of it."""
        answer = answer_to(
            self.report_id,
            self.code(),
            stored,
            categories=self.intake.categories,
            language=self.language,
        )
        return Accepted(stored, created, answer)


def rows_of(submissions: Sequence[Submission]) -> list[dict[str, Any]]:
    """The rows of many reports: all are routed, then all written, then all signed.

    The processor keeps at hand what one of these takes, but not what all take: in turns, or each
    report in its own request, they need half as long again. So it is with their answers.
    """
    for each in submissions:
        each.decision()
    for each in submissions:
        each.row()
    return [each.signed_row() for each in submissions]


def place_columns(place: PlaceIn) -> dict[str, Any]:
    """What the reporter says of the place, and the h3 cell of a located one as it is stored."""
    cell = None
    if place.lon is not None and place.lat is not None:
        cell = h3.latlng_to_cell(place.lat, place.lon, CELL_RESOLUTION)
    return {
        "lon": place.lon,
        "lat": place.lat,
        "accuracy_m": place.accuracy_m,
        "place_source": str(place.source),
        "place_note": place.note,
        "claimed_ward_code": place.ward_code,
        "claimed_province_code": place.province_code,
        "cell_r9": cell,
    }


async def accept(
    connection: AsyncConnection[Any], submissions: Sequence[Submission]
) -> list[Accepted]:
    """Store the reports that are new, all in one statement; for each what is stored, new or old.

    Of concurrent requests with one id exactly one creates it: the others wait for its commit at the
    primary key, then read what it stored.
    """
    rows = rows_of(submissions)
    packed = Json(rows, dumps=pack)
    created = await (await connection.execute(ACCEPT, {"rows": packed}, prepare=True)).fetchall()
    new = {position for (position,) in created}
    old = [row["id"] for position, row in enumerate(rows, 1) if position not in new]
    known = await find(connection, old) if old else {}
    return [
        each.accepted(stored_of(row), created=True)
        if position in new
        else each.accepted(known[row["id"]], created=False)
        for position, (each, row) in enumerate(zip(submissions, rows, strict=True), 1)
    ]


def stored_of(row: dict[str, Any]) -> Stored:
    """What a row that was just stored holds."""
    return Stored(*[row[name] for name in Stored._fields])


async def find(
    connection: AsyncConnection[Any], ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Stored]:
    """The stored reports of these stored ids."""
    async with connection.cursor(row_factory=class_row(Stored)) as cursor:
        await cursor.execute(STORED, {"ids": list(ids)}, prepare=True)
        return {row.id: row for row in await cursor.fetchall()}


async def find_each(
    connection: AsyncConnection[Any], ids: Sequence[uuid.UUID]
) -> list[Stored | None]:
    """`find` for a lane."""
    found = await find(connection, ids)
    return [found.get(each) for each in ids]
