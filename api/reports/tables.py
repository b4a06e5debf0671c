"""Reports and cases: two sides of one row. What officers may read is granted column by column."""

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import ReporterKind, Staff
from api.groups.tables import Group
from api.tables import Base
from geo.crs import WGS84
from geo.tables import BoundaryEdition, Station, one_of
from notifications.tables import XID8


class ReportKind(StrEnum):
    """What is reported, as the law tells them apart."""

    TIP = "tip"
    CRIME_REPORT = "crime_report"
    PUBLIC_ORDER = "public_order"
    PETITION = "petition"
    COMPLAINT_ABOUT_POLICE = "complaint_about_police"
    GROUP_RECONCILIATION = "group_reconciliation"


class State(StrEnum):
    """The life of a report; the last four are the closed ones."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    NEED_INFO = "need_info"
    RESOLVED = "resolved"
    NOT_ACTIONABLE = "not_actionable"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"


OPEN = (State.RECEIVED, State.ACKNOWLEDGED, State.IN_PROGRESS, State.NEED_INFO)
CLOSED = tuple(state for state in State if state not in OPEN)
IS_OPEN = sql("state in ('received', 'acknowledged', 'in_progress', 'need_info')")


class PlaceSource(StrEnum):
    """How the phone came by the place."""

    GPS = "gps"
    NETWORK = "network"
    PIN = "pin"
    ADDRESS = "address"
    UNKNOWN = "unknown"


class Channel(StrEnum):
    """How a report reached the police."""

    APP = "app"
    WALK_IN = "walk_in"
    PHONE = "phone"
    LETTER = "letter"


class Category(Base):
    """What can be reported: data, which a deployer changes."""

    __tablename__ = "categories"

    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
    kinds: Mapped[list[str]]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    urgency: Mapped[int] = mapped_column(SmallInteger)
    """3 emergency, 2 urgent, 1 normal."""
    emergency_call: Mapped[str | None]
    """The number to ring when life is in danger: 113, 114 or 115."""
    sensitive: Mapped[bool]
    hotspot_group: Mapped[str] = mapped_column(server_default="other")
    """Which of the groups of `api.hotspots.groups` it counts in; sensitive ones in none of them."""
    questions: Mapped[list[Any]] = mapped_column(JSONB)


class Report(Base):
    """A report (its reporter's side) and a case (its station's side).

    `id` is the reporter's report id under a secret permutation (see `api.secrets`), so neither an
    officer nor the reader of a dump can replay it; `case_id` is all that officers ever see.
    """

    __tablename__ = "reports"
    __table_args__ = (
        one_of("kind", ReportKind),
        one_of("state", State),
        one_of("place_source", PlaceSource),
        one_of("reporter_kind", ReporterKind),
        one_of("channel", Channel),
        CheckConstraint("(reporter_key is null) = (reporter_kind = 'anonymous')", "reporter"),
        CheckConstraint(
            "location is null or (ST_X(location) between -180 and 180"
            " and ST_Y(location) between -90 and 90)",
            name="location",
        ),
        Index(
            "ix_reports_queue",
            "station_id",
            sql("urgency desc"),
            "received_at",
            "case_id",
            postgresql_where=IS_OPEN,
        ),
        Index("ix_reports_station", "station_id", "received_at"),
        Index(
            "ix_reports_map",
            "station_id",
            "quad",
            postgresql_include=["case_id", "urgency", "state", "kind", "category", "due_at"],
            postgresql_where=IS_OPEN,
        ),
        Index(
            "ix_reports_reporter",
            "reporter_key",
            "received_at",
            postgresql_where=sql("reporter_key is not null"),
        ),
        Index(
            "ix_reports_group",
            "group_id",
            "received_at",
            postgresql_where=sql("group_id is not null"),
        ),
        Index("ix_reports_edition", "edition_id", postgresql_where=IS_OPEN),
        Index("ix_reports_received", "received_at", postgresql_using="brin"),
        Index(
            "ix_reports_ladder",
            sql("coalesce(ladder_at, due_at)"),
            postgresql_where=sql(f"due_at is not null and {IS_OPEN}"),
        ),
        Index(
            "ix_reports_hotspots",
            "province_code",
            "received_at",
            postgresql_include=[
                "cell_r9",
                "category",
                "state",
                "station_id",
                "confidence",
                "accuracy_m",
                "channel",
                "case_id",
                "reporter_key",
            ],
            postgresql_where=sql(
                "kind not in ('complaint_about_police', 'group_reconciliation')"
                " and not about_station and category <> 'officer_conduct'"
            ),
        ),
        Index(
            "ix_reports_duplicate_of",
            "duplicate_of",
            postgresql_where=sql("duplicate_of is not null"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(server_default=State.RECEIVED)
    version: Mapped[int] = mapped_column(server_default=sql("1"))
    kind: Mapped[str]
    category: Mapped[str] = mapped_column(ForeignKey(Category.code))
    category_word: Mapped[str | None]
    """What the reporter's app called it when that is no category of ours (then `other`)."""
    text: Mapped[str]
    folded: Mapped[str] = mapped_column(server_default="")
    """Text and place note as searches compare them (see `api.texts.folded`)."""
    about_station: Mapped[bool]
    language: Mapped[str]
    location: Mapped[WKBElement | None] = mapped_column(
        Geometry("POINT", srid=WGS84, spatial_index=False)
    )
    quad: Mapped[int | None] = mapped_column(
        BigInteger, Computed("web_quad(location)", persisted=True)
    )
    """Where the location is in web Mercator (see `geo.quads`): a tile is a range of these."""
    accuracy_m: Mapped[float | None]
    place_source: Mapped[str]
    place_note: Mapped[str | None]
    claimed_ward_code: Mapped[str | None]
    claimed_province_code: Mapped[str | None]
    cell_r9: Mapped[int | None] = mapped_column(BigInteger)
    """The h3 cell of resolution 9 (about 0.1 km2) that holds the location."""
    observed_at: Mapped[dt.datetime | None]
    received_at: Mapped[dt.datetime]
    urgency: Mapped[int] = mapped_column(SmallInteger)
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey(BoundaryEdition.__table__.c.id))
    """The edition under which the present owner was found."""
    ward_code: Mapped[str | None]
    province_code: Mapped[str | None]
    confidence: Mapped[str]
    routing: Mapped[dict[str, Any]]
    """The decision: what the reporter is told, the rule, the flags and who is informed."""
    first_routing: Mapped[dict[str, Any] | None]
    """The decision at intake, once another has replaced it: a repeated PUT answers by it."""
    flags: Mapped[list[str]] = mapped_column(server_default=sql("'{}'"))
    channel: Mapped[str] = mapped_column(server_default=Channel.APP)
    taken_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))
    """Who wrote it down for somebody at the desk, on the phone or in a letter."""
    group_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Group.id))
    """The group that a member of it filed the report as; a group claimed otherwise is a flag."""
    register_year: Mapped[int | None] = mapped_column(SmallInteger)
    register_number: Mapped[int | None]
    assignee_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))
    claimed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))
    """Who works on it alone, until `claimed_until`."""
    claimed_until: Mapped[dt.datetime | None]
    last_station_id: Mapped[str | None] = mapped_column(ForeignKey(Station.__table__.c.id))
    """Which station handed it over; only to there can it be bounced."""
    bounces: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    closed_at: Mapped[dt.datetime | None]
    duplicate_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("reports.case_id"))
    """The case it was linked to, which is linked to none itself."""
    merged_count: Mapped[int] = mapped_column(server_default=sql("0"))
    """How many other cases are linked to this one as reports of the same thing."""
    due_at: Mapped[dt.datetime | None]
    """The earliest deadline of its running clocks (see `api.clocks`)."""
    ladder_at: Mapped[dt.datetime | None]
    """When a clock is next overdue, once the first is: what is told of that is `overdue_clocks`."""
    reporter_kind: Mapped[str]
    reporter_key: Mapped[bytes | None]
    body_sha256: Mapped[bytes]
    receipt_hash: Mapped[bytes] = mapped_column(unique=True)
    receipt_key_id: Mapped[str]
    receipt_signature: Mapped[bytes]
    acknowledgement_id: Mapped[uuid.UUID]
    """The "received" row of the inbox, which every answer to the same PUT repeats."""


class CaseInformed(Base):
    """A station that sees a case read-only because the place may be its own.

    Triggers copy from the case what its place in the queue depends on.
    """

    __tablename__ = "case_informed"
    __table_args__ = (
        Index("ix_case_informed_station", "station_id", "received_at", "case_id"),
        Index(
            "ix_case_informed_queue",
            "station_id",
            sql("urgency desc"),
            "received_at",
            "case_id",
            postgresql_where=sql("open"),
        ),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id), primary_key=True)
    urgency: Mapped[int] = mapped_column(SmallInteger)
    received_at: Mapped[dt.datetime]
    open: Mapped[bool]


class CaseEvent(Base):
    """What happened to a case, in order; append-only. `xid` tells the order of commits."""

    __tablename__ = "case_events"
    __table_args__ = (
        Index("ix_case_events_case", "case_id", "id"),
        Index("ix_case_events_feed", "xid", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    xid: Mapped[int] = mapped_column(XID8(), server_default=sql("pg_current_xact_id()"))
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id))
    kind: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    actor_kind: Mapped[str]
    actor_id: Mapped[str | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))


class SealedContact(Base):
    """A reporter's name and phone, readable only with their province's private key."""

    __tablename__ = "sealed_contacts"

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("sealing_keys.id"))
    sealed: Mapped[bytes]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class SealingKey(Base):
    """The public half of a province's (or the national desk's, `vn`) sealing key."""

    __tablename__ = "sealing_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(index=True)
    suite: Mapped[str]
    public_key: Mapped[bytes]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Register(Base):
    """The last number of a station's register in a year. Its row lock makes numbers gapless."""

    __tablename__ = "registers"

    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id), primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    last_number: Mapped[int]


class RegisterEntry(Base):
    """One line of a station's register: a number, the case, and when it was entered.

    A case has one line there, however often it comes back.
    """

    __tablename__ = "register_entries"
    __table_args__ = (UniqueConstraint("station_id", "case_id"),)

    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id), primary_key=True)
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), index=True)
    entered_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
