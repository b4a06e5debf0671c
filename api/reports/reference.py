"""Reference data every request needs and nobody changes often: categories, public keys, clocks."""

import gc
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Engine, text

from api import problems
from api.accounts.tables import DEMO_PREFIX
from api.clock import now
from api.clocks.book import ClockBook
from api.clocks.rules import Shelf
from api.clocks.steps import INFO
from api.reports.categories import Category, load_categories
from api.reports.sealing import Sealer, load_sealer
from geo.atlas import Atlases

log = structlog.get_logger()

REFRESH_S = 1.0
REFERENCE_EVERY = 10
STOP_WITHIN_S = 5.0
STALE_S = 15.0
"""Longer than any edition takes to read: after this the thread hangs."""
NO_SEALING_KEY = "no key to seal contacts with: tinbao unseal create-keys"
DEMO_ACCOUNTS = "demo accounts in production: tinbao demo clear"
DEMO_BOUNDARIES = "approximate boundaries in production: import real ones"
OBJECTIONS = (NO_SEALING_KEY, DEMO_ACCOUNTS, DEMO_BOUNDARIES)


@dataclass(frozen=True)
class Reference:
    """A snapshot."""

    categories: dict[str, Category]
    sealer: Sealer
    clocks: ClockBook
    demo_accounts: bool


DEMO_STAFF = text("""
select exists (select from staff where disabled_at is null and starts_with(username, :prefix))
""")


class WrongKeysError(Exception):
    """The keys of this process are not those the database was first used with."""


def check_fingerprint(engine: Engine, fingerprint: str) -> None:
    """Tie the database to its keys at first use; raises `WrongKeysError` ever after.

    With other keys no report would be recognised when it is sent again.
    """
    name = {"name": "keys"}
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into installation (name, value) values (:name, :value)"
                " on conflict (name) do nothing"
            ),
            name | {"value": fingerprint},
        )
        found = connection.scalar(text("select value from installation where name = :name"), name)
    if found != fingerprint:
        raise WrongKeysError


def load_reference(engine: Engine, shelf: Shelf) -> Reference:
    """Read it all."""
    with engine.connect() as connection:
        return Reference(
            categories=load_categories(connection),
            sealer=load_sealer(connection),
            clocks=shelf.book(connection),
            demo_accounts=connection.execute(DEMO_STAFF, {"prefix": DEMO_PREFIX}).scalar_one(),
        )


class Refresher(threading.Thread):
    """Keeps a process's boundaries and reference data fresh, so that a change shows in seconds.

    A database that is away leaves what was known in force; before the first success nothing is,
    and `reference` raises `ServiceUnavailable`.
    """

    def __init__(
        self, engine: Engine, atlases: Atlases, fingerprint: str, *, production: bool
    ) -> None:
        super().__init__(name="refresher", daemon=True)
        self.production = production
        self.engine, self.atlases, self.fingerprint = engine, atlases, fingerprint
        self.problem: str | None = "starting"
        self._reference: Reference | None = None
        self._shelf = Shelf()
        self._rounded_at = time.monotonic()
        self._stop_asked = threading.Event()

    @property
    def reference(self) -> Reference:
        """The reference data in force; nothing is served while there is an objection to it."""
        if self._reference is None or self.problem in OBJECTIONS:
            raise problems.ServiceUnavailable
        return self._reference

    def session_info(self) -> dict[str, Any]:
        """What each request's session brings along: the clocks in force, once they are known."""
        return {} if self._reference is None else {INFO: self._reference.clocks}

    @property
    def stale(self) -> bool:
        """Whether the last round that ended is too long ago."""
        return time.monotonic() - self._rounded_at > STALE_S

    def refresh(self, *, everything: bool) -> None:
        """One round; what goes wrong is kept in `problem`, for the log and for readiness."""
        try:
            if everything or self._reference is None:
                check_fingerprint(self.engine, self.fingerprint)
            if self.atlases.refresh():
                gc.freeze()  # wards by the thousand, none of them garbage: not to be searched
            reference = self._reference
            if everything or reference is None:
                reference = self._take(load_reference(self.engine, self._shelf))
            self.problem = self._objection(reference)
        except Exception as error:
            if self.problem != type(error).__name__:
                log.warning("reference.not_refreshed", exc_info=True)
            self.problem = type(error).__name__
        self._rounded_at = time.monotonic()

    def _take(self, reference: Reference) -> Reference:
        """Let it hold; at first say which deadlines somebody has still to confirm."""
        if self._reference is None and (rules := reference.clocks.unchecked(now())):
            log.warning("clocks.legal_office_must_check", rules=rules)
        self._reference = reference
        return reference

    def _objection(self, reference: Reference) -> str | None:
        """What forbids serving with what was read."""
        if not reference.sealer.ready:
            return NO_SEALING_KEY
        if self.production and reference.demo_accounts:
            return DEMO_ACCOUNTS
        atlas = self.atlases.current(now())
        if self.production and atlas is not None and atlas.approximate:
            return DEMO_BOUNDARIES
        return None

    def run(self) -> None:
        """Refresh until told to stop."""
        rounds = 0
        while True:
            self.refresh(everything=rounds % REFERENCE_EVERY == 0)
            rounds += 1
            if self._stop_asked.wait(REFRESH_S):
                return

    def stop(self) -> None:
        """Ask the thread to end, and wait for it."""
        self._stop_asked.set()
        self.join(STOP_WITHIN_S)
