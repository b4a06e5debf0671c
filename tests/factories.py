"""Rows for tests: each factory takes what a test is about and makes up the rest. All commit."""

import datetime as dt
import os
import secrets
import uuid
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.accounts.identity import STAFF_PREFIX, new_token
from api.accounts.staff import Credentials, create_staff
from api.accounts.tables import ReporterKind, Staff, StaffRole, StaffSession
from api.reports.tables import CaseEvent, CaseInformed, Report
from api.secrets import Keys, token_hash
from api.tables import Base as ServiceRow
from api.texts import folded
from geo.tables import Base as PlaceRow
from geo.tables import Province, Station, StationKind

NOON = dt.datetime(2026, 11, 22, 5, 3, 41, tzinfo=dt.UTC)
"""12:03:41 in Vietnam."""

Row = TypeVar("Row", bound=ServiceRow | PlaceRow)


def unique(prefix: str) -> str:
    """A name that no other test has."""
    return f"{prefix}{secrets.token_hex(5)}"


def keep(engine: Engine, row: Row, *more: ServiceRow | PlaceRow) -> Row:
    """Commit rows in their order; the first one, readable afterwards."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        for each in (row, *more):
            session.add(each)
            session.flush()
    return row


def make_province(engine: Engine) -> Province:
    """A province without wards."""
    return keep(engine, Province(code=unique("P"), name="Tỉnh Thử Nghiệm"))


def make_station(engine: Engine, **facts: Any) -> Station:
    """A ward station."""
    made = {"id": unique("w-"), "kind": StationKind.WARD, "name": "Công an phường Thử Nghiệm"}
    return keep(engine, Station(**made | facts))


def make_report(
    engine: Engine, station: Station | str, *, informed: tuple[str, ...] = (), **facts: Any
) -> Report:
    """A tip that its station has received from a device, with the first line of its history."""
    case_id = facts.pop("case_id", None) or uuid.uuid4()
    station_id = station if isinstance(station, str) else station.id
    received_at = facts.setdefault("received_at", NOON)
    kind = facts.setdefault("reporter_kind", ReporterKind.DEVICE)
    anonymous = kind == ReporterKind.ANONYMOUS
    made = {
        "id": uuid.uuid4(),
        "case_id": case_id,
        "kind": "tip",
        "category": "noise",
        "text": "Karaoke sau nửa đêm.",
        "about_station": False,
        "language": "vi",
        "location": "SRID=4326;POINT(105.8524 21.0287)",
        "accuracy_m": 25.0,
        "place_source": "gps",
        "urgency": 1,
        "station_id": station_id,
        "confidence": "certain",
        "routing": {"station": {"id": station_id}, "rule": "contains", "informed": list(informed)},
        "reporter_key": None if anonymous else os.urandom(32),
        "body_sha256": os.urandom(32),
        "receipt_hash": os.urandom(32),
        "receipt_key_id": "key",
        "receipt_signature": os.urandom(64),
        "acknowledgement_id": uuid.uuid4(),
    }
    facts = made | facts
    facts.setdefault("folded", folded(f"{facts['text']} {facts.get('place_note') or ''}"))
    report = Report(**facts)
    received = CaseEvent(
        case_id=case_id, kind="report.received", at=received_at, actor_kind="reporter", data={}
    )
    seers = [CaseInformed(case_id=case_id, station_id=each) for each in informed]
    return keep(engine, report, received, *seers)


def make_staff(
    engine: Engine, keys: Keys, role: StaffRole = StaffRole.DUTY_OFFICER, **place: Any
) -> Credentials:
    """An account with a real password and second factor, as `tinbao staff create` makes it."""
    with Session(engine) as session, session.begin():
        return create_staff(session, keys, role=role, username=unique("staff."), **place)


def make_officer(
    engine: Engine,
    station: Station | str | None,
    *,
    role: StaffRole = StaffRole.DUTY_OFFICER,
    now: dt.datetime | None = None,
    **facts: Any,
) -> str:
    """The token of a session that is good for an hour; nobody can sign in to its account."""
    now = now or dt.datetime.now(dt.UTC)
    staff = Staff(
        id=uuid.uuid4(),
        username=unique("officer."),
        password_hash="",
        totp_secret=b"",
        recovery_hashes=[],
        role=role,
        station_id=station.id if isinstance(station, Station) else station,
        **facts,
    )
    token = new_token(STAFF_PREFIX)
    session = StaffSession(
        token_hash=token_hash(token),
        staff_id=staff.id,
        created_at=now,
        seen_at=now,
        expires_at=now + dt.timedelta(hours=1),
    )
    keep(engine, staff, session)
    return token


def caller(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """Somebody at an address of their own who calls the service, signed in or not."""
    address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(address, 1)),
        base_url="http://test",
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
