"""Examining an installation: settings, keys, database, boundaries, disk."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from api.clock import now
from api.clocks.calendar import local_day
from api.health import LEAST_FREE_BYTES
from api.migrations import latest_revision
from api.reports.sealing import load_sealer
from api.secrets import Keys, KeysMissing, load_keys
from api.settings import Settings, SettingsError
from geo.editions import in_force


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    good: bool
    what: str


CHECK_CLOCKS = (
    "clocks: WARNING: {rules} quote texts from before 2025;"
    " your legal office must check them (tinbao clocks list)"
)
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be found out without changing anything."""
    keys: Keys | None = None
    findings = []
    try:
        settings.check_mode(dict(os.environ))
        findings.append(Finding(True, f"mode {settings.mode}"))
    except SettingsError as error:
        findings.append(Finding(False, str(error)))
    try:
        keys = load_keys(settings.keys)
        findings.append(Finding(True, f"keys in {settings.keys}"))
    except KeysMissing as error:
        findings.append(Finding(False, str(error)))
    try:
        engine = create_engine(settings.service_url, connect_args={"connect_timeout": 5})
        with engine.connect() as connection:
            findings += examine_database(connection, keys)
        engine.dispose()
    except (SettingsError, SQLAlchemyError) as error:
        findings.append(Finding(False, f"database: {type(error).__name__}"))
    free = shutil.disk_usage(settings.home if settings.home.exists() else "/").free
    findings.append(Finding(free >= LEAST_FREE_BYTES, f"disk: {free // 2**20} MiB free"))
    push = settings.push.credentials_file
    words = f"push by {push}" if push else "no push credentials: acknowledgements by inbox only"
    findings.append(Finding(push is None or push.exists(), words))
    return findings


def examine_database(connection: Connection, keys: Keys | None) -> Iterator[Finding]:
    """Schema, durability, keys, boundaries, sealing."""
    connection.execute(text("set role tinbao_api"))
    at = connection.scalar(text("select version_num from alembic_version"))
    yield Finding(at == latest_revision(), f"schema at {at}, code expects {latest_revision()}")
    for name in DURABILITY:
        value = connection.scalar(text("select current_setting(:name)"), {"name": name})
        yield Finding(value == "on", f"{name} is {value}")
    known = connection.scalar(text("select value from installation where name = 'keys'"))
    if keys is not None:
        same = known in (None, keys.fingerprint)
        yield Finding(same, "keys belong to this database" if same else "keys of ANOTHER database")
    edition = in_force(connection, now())
    yield Finding(edition is not None, f"boundary edition in force: {edition and edition.id}")
    ready = load_sealer(connection).ready
    words = "contacts can be sealed" if ready else "no sealing key: tinbao unseal create-keys"
    yield Finding(ready, words)
    yield from examine_clocks(connection)


UNCHECKED = text("""
select id from clock_rules
where needs_check and (effective_to is null or effective_to > :today) order by id
""")


def examine_clocks(connection: Connection) -> Iterator[Finding]:
    """The deadlines whose sources somebody has still to confirm: a warning, not a fault."""
    rules = connection.scalars(UNCHECKED, {"today": local_day(now())}).all()
    if rules:
        yield Finding(True, CHECK_CLOCKS.format(rules=", ".join(rules)))
