"""What it means for open reports that another boundary edition begins to hold."""

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from api.areas.reown import (
    STRAGGLER,
    CountsDifferError,
    Moves,
    planned,
    reown_open_reports,
    reown_some,
)
from api.audit import audited
from api.reports.tables import IS_OPEN
from geo import editions, outlines, stations
from geo.atlas import Atlas, Atlases, load_atlas
from geo.directory import load_directory

SWEEP = 500
"""Reports the sweep re-owns in one transaction: a fraction of a second."""


COUNT_OPEN = text(f"select count(*) from reports where {IS_OPEN}")  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Activation:
    """What an activation did. `holds` is false for a future edition, or one that is superseded."""

    edition: editions.Edition
    holds: bool
    open_reports: int
    """How many there are; as many as before, or the transaction would not have committed."""
    moves: Moves


def plan_moves(connection: Connection, edition_id: int, indexes: Path | None = None) -> Moves:
    """How many open reports would move if an edition held now; changes nothing.

    Raises `EditionNotFoundError`.
    """
    editions.find(connection, edition_id)
    return planned(connection, load_atlas(connection, edition_id, indexes))


def activate_edition(
    engine: Engine, edition_id: int, now: dt.datetime, indexes: Path | None = None
) -> Activation:
    """Activate an edition and, if it holds from now on, re-own open reports: one transaction.

    A future edition is only recorded: the worker's sweep switches at its midnight. Raises
    `EditionNotFoundError`, `AlreadyActivatedError` or `CountsDifferError`; then nothing changed.
    Its boundaries are in the folder `indexes` before it holds, so that others only open them, and
    the outlines that ward tiles are made of are drawn.
    """
    # Reading the boundaries takes seconds, in which an open transaction would hold up inboxes.
    with engine.connect() as reading:
        atlas = load_atlas(reading, edition_id, indexes)
    outlines.draw(engine, edition_id)
    with engine.begin() as connection:
        edition = editions.activate(connection, edition_id, now)
        current = editions.in_force(connection, now)
        holds = current is not None and current.id == edition.id
        moves: Moves = Counter()
        if holds:
            cases = open_cases(connection)
            moves = reown_open_reports(connection, renamed(connection, atlas), now)
            if still_open(connection, cases) != len(cases):
                raise CountsDifferError("There would not be as many open reports as before.")
        connection.execute(
            audited(
                "edition.activated",
                actor_kind="operator",
                object_kind="edition",
                object_id=str(edition.id),
                reason=f"effective from {edition.effective_from}; {moves.total()} reports moved",
            )
        )
        open_reports = connection.execute(COUNT_OPEN).scalar_one()
    return Activation(edition, holds, open_reports, moves)


def renamed(connection: Connection, atlas: Atlas) -> Atlas:
    """Let the names of stations follow the edition that holds now; the atlas with those names."""
    stations.follow_names(connection, atlas.edition_id)
    return replace(atlas, directory=load_directory(connection))


def open_cases(connection: Connection) -> list[uuid.UUID]:
    """Every open case, locked against changes until the transaction ends."""
    return list(
        connection.scalars(
            text(f"select case_id from reports where {IS_OPEN} order by case_id for no key update")  # noqa: S608
        )
    )


def still_open(connection: Connection, cases: list[uuid.UUID]) -> int:
    """How many of these cases are open and have an owner."""
    count: int = connection.execute(
        text(f"""
            select count(*) from reports join stations on stations.id = reports.station_id
             where case_id = any(cast(:cases as uuid[])) and {IS_OPEN}
        """),  # noqa: S608
        {"cases": cases},
    ).scalar_one()
    return count


def reown_stragglers(engine: Engine, atlases: Atlases, now: dt.datetime) -> int:
    """Re-own open reports that have another edition than the one in force; how many moved.

    There are some after the midnight of a future edition, and when a report was accepted by the
    old edition just as another was activated. Usually there are none: that costs one look into
    an index. Many short transactions; what somebody is changing now is left for the next time.
    """
    atlas = atlases.current(now)
    if atlas is None:
        return 0
    with engine.connect() as connection:
        if not connection.scalar(STRAGGLER, {"edition": atlas.edition_id}):
            return 0
    with engine.begin() as connection:
        atlas = renamed(connection, atlas)
    total = 0
    while True:
        with engine.begin() as connection:
            current = editions.in_force(connection, now)
            if current is None or current.id != atlas.edition_id:
                return total
            moved = reown_some(connection, atlas, now, limit=SWEEP)
        if moved is None:
            return total
        total += moved
