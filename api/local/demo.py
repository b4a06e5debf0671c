"""What a trial needs: approximate boundaries, accounts to sign in with, keys to seal with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.orm import Session

from api.accounts.staff import create_staff
from api.accounts.tables import DEMO_PREFIX, Staff, StaffRole, StaffSession
from api.areas.activation import activate_edition
from api.clock import now
from api.db import owner_engine
from api.reports.sealing import create_sealing_keys
from api.secrets import Keys, load_keys
from api.settings import Settings
from geo.atlas import Atlas, edition_in_force, load_atlas
from geo.demo import import_demo
from geo.routing import Place, route
from geo.tables import BoundaryEdition

SAMPLE_PLACE = (105.8524, 21.0287)
"""Hoàn Kiếm lake, Hà Nội: lon, lat."""
PROVINCE = "01"
NEIGHBOUR_KM = 20

Say = Callable[[str], None]


def load(settings: Settings, *, say: Say) -> None:
    """Load what is missing; what is there already stays, operators' own boundaries above all."""
    engine = owner_engine(settings)
    keys = load_keys(settings.keys)
    provide_edition(engine, settings.indexes, say)
    made = create_sealing_keys(engine, settings.keys / "unsealer")
    if made:
        say(f"Demo: made {len(made)} keys that seal reporters' names (0600, beside this database).")
    file = settings.home / "demo.json"
    if not still_good(engine, file):
        write_private(
            file, describe(settings, engine, provide_accounts(engine, keys, settings.indexes))
        )
        say("Demo: made accounts for each role; their passwords are in demo.json.")
    else:
        known = json.loads(file.read_text())
        write_private(file, known | {"base_url": base_url(settings)})
    engine.dispose()


def provide_edition(engine: Engine, indexes: Path, say: Say) -> None:
    """Import and activate the approximate edition, unless any edition is in force."""
    with Session(engine) as session:
        if session.scalar(select(BoundaryEdition.id).where(BoundaryEdition.state == "activated")):
            return
    say("Demo: drawing approximate boundaries round the wards' centres …")
    report = import_demo(engine)
    if report.edition_id is None:
        raise RuntimeError("the demo edition was refused")
    activate_edition(engine, report.edition_id, now(), indexes)
    say(f"Demo: {report.features} wards, approximate: about three of four points get their ward.")


def still_good(engine: Engine, file: Path) -> bool:
    """Whether demo.json's accounts are those of this database."""
    try:
        names = {account["username"] for account in json.loads(file.read_text())["accounts"]}
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return False
    with Session(engine) as session:
        active = select(Staff.username).where(Staff.disabled_at.is_(None))
        return names <= set(session.scalars(active))


def sample_stations(atlas: Atlas) -> tuple[str, str]:
    """The station of the sample place, and another ward's of the same province."""
    lon, lat = SAMPLE_PLACE
    own = route(atlas, Place(lon, lat, None, "pin")).owner_station_id
    near = atlas.index.nearest(lon, lat, NEIGHBOUR_KM * 1000.0)
    others = [atlas.station_of(atlas.ward_in(position)) for position, _ in near]
    return own, next(station for station in others if station != own)


def provide_accounts(engine: Engine, keys: Keys, indexes: Path) -> list[dict[str, Any]]:
    """Make the demo accounts anew, under names of their own."""
    with Session(engine) as session, session.begin():
        edition = edition_in_force(session.connection(), now())
        if edition is None:
            raise RuntimeError("no boundary edition is in force")
        own, other = sample_stations(load_atlas(session.connection(), edition.id, indexes))
        wanted: list[tuple[str, StaffRole, str | None, str | None]] = [
            ("officer", StaffRole.DUTY_OFFICER, own, None),
            ("chief", StaffRole.STATION_CHIEF, own, None),
            ("neighbour", StaffRole.DUTY_OFFICER, other, None),
            ("desk", StaffRole.DUTY_OFFICER, f"p-{PROVINCE}", None),
            ("national", StaffRole.DUTY_OFFICER, "vn", None),
            ("commander", StaffRole.PROVINCE_COMMANDER, None, PROVINCE),
            ("oversight", StaffRole.OVERSIGHT, None, PROVINCE),
            ("admin", StaffRole.ADMIN, None, None),
            ("auditor", StaffRole.AUDITOR, None, None),
        ]
        retire(session)
        return [
            account(session, keys, DEMO_PREFIX + name, role, station, province)
            for name, role, station, province in wanted
        ]


def account(
    session: Session,
    keys: Keys,
    username: str,
    role: StaffRole,
    station_id: str | None,
    province_code: str | None,
) -> dict[str, Any]:
    """One account, as demo.json lists it."""
    made = create_staff(
        session,
        keys,
        role=role,
        username=username,
        station_id=station_id,
        province_code=province_code,
    )
    stored = session.scalars(select(Staff).where(Staff.username == made.username)).one()
    return {
        "role": role,
        "username": made.username,
        "password": made.password,
        "totp_secret": made.totp_secret,
        "station_id": stored.station_id,
        "province_code": stored.province_code,
    }


def retire(session: Session) -> None:
    """Put earlier demo accounts out of use; their acts stay attributed to them."""
    old = select(Staff.id).where(Staff.username.startswith(DEMO_PREFIX, autoescape=True))
    session.execute(delete(StaffSession).where(StaffSession.staff_id.in_(old)))
    session.execute(
        update(Staff)
        .where(Staff.id.in_(old))
        .values(
            disabled_at=text("coalesce(disabled_at, now())"),
            username=text("'retired-' || id::text"),
        )
        .execution_options(synchronize_session=False)
    )


def describe(settings: Settings, engine: Engine, accounts: list[dict[str, Any]]) -> dict[str, Any]:
    """The contents of demo.json."""
    ids = sorted({each["station_id"] for each in accounts if each["station_id"]})
    with engine.connect() as connection:
        rows = connection.execute(
            text("select id, name, kind from stations where id = any(:ids) order by id"),
            {"ids": ids},
        )
        stations = [dict(row._mapping) for row in rows]
    return {
        "base_url": base_url(settings),
        "accounts": accounts,
        "stations": stations,
        "receipt": None,
    }


def base_url(settings: Settings) -> str:
    """Where the API listens."""
    return f"http://127.0.0.1:{settings.port}"


def write_private(file: Path, contents: dict[str, Any]) -> None:
    """Write JSON that only its owner may read, all at once."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(contents, ensure_ascii=False, indent=2) + "\n")
    part.replace(file)


def clear(settings: Settings, *, say: Say) -> None:
    """Put the demo accounts out of use and remove demo.json; reports and boundaries stay."""
    engine = owner_engine(settings)
    with Session(engine) as session, session.begin():
        retire(session)
    (settings.home / "demo.json").unlink(missing_ok=True)
    engine.dispose()
    say("The demo accounts are out of use.")
