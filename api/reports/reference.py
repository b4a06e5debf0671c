"""Reference data every request needs and nobody changes often: categories and public keys."""

import threading
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, text

from api import problems
from api.reports.categories import Category, load_categories
from api.reports.sealing import Sealer, load_sealer
from geo.atlas import Atlases

log = structlog.get_logger()

REFRESH_S = 1.0
REFERENCE_EVERY = 10
NO_SEALING_KEY = "no key to seal contacts with: tinbao unseal create-keys"


@dataclass(frozen=True)
class Reference:
    """A snapshot."""

    categories: dict[str, Category]
    sealer: Sealer


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


def load_reference(engine: Engine) -> Reference:
    """Read it all."""
    with engine.connect() as connection:
        return Reference(load_categories(connection), load_sealer(connection))


class Refresher(threading.Thread):
    """Keeps a process's boundaries and reference data fresh, so that a change shows in seconds.

    A database that is away leaves what was known in force; before the first success nothing is,
    and `reference` raises `ServiceUnavailable`.
    """

    def __init__(self, engine: Engine, atlases: Atlases, fingerprint: str) -> None:
        super().__init__(name="refresher", daemon=True)
        self.engine, self.atlases, self.fingerprint = engine, atlases, fingerprint
        self.problem: str | None = "starting"
        self._reference: Reference | None = None
        self._stop_asked = threading.Event()

    @property
    def reference(self) -> Reference:
        """The reference data in force."""
        if self._reference is None:
            raise problems.ServiceUnavailable
        return self._reference

    def refresh(self, *, everything: bool) -> None:
        """One round; what goes wrong is kept in `problem`, for the log and for readiness."""
        try:
            if everything or self._reference is None:
                check_fingerprint(self.engine, self.fingerprint)
            self.atlases.refresh()
            if everything or self._reference is None:
                self._reference = load_reference(self.engine)
            self.problem = None if self._reference.sealer.ready else NO_SEALING_KEY
        except Exception as error:
            if self.problem != type(error).__name__:
                log.warning("reference.not_refreshed", exc_info=True)
            self.problem = type(error).__name__

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
        self.join()
