"""Which boundary edition holds at a moment, activating one, and what it changes."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
"""Legal dates begin at midnight here."""

COUNTED_CHANGE = 0.001
"""Area changes below a thousandth of a ward are left out of a diff: redrawn, not moved."""

IN_FORCE = """
    select id, effective_from, approximate, source, attribution, activation
      from boundary_editions
     where state = 'activated'
       and effective_from <= (cast(:at as timestamptz) at time zone 'Asia/Ho_Chi_Minh')::date
     order by effective_from desc, activation desc
     limit 1
"""
"""The edition that holds at `:at`; a few dozen rows at most, so it needs no index."""


@dataclass(frozen=True, slots=True)
class Edition:
    """An activated boundary edition."""

    id: int
    effective_from: dt.date
    approximate: bool
    source: str
    attribution: str
    activation: int


def in_force(connection: Connection, at: dt.datetime) -> Edition | None:
    """The edition that holds at `at`, or None before the first one."""
    row = connection.execute(text(IN_FORCE), {"at": at}).one_or_none()
    return None if row is None else Edition(*row)


class EditionNotFoundError(ValueError):
    """There is no such edition, or its import has not finished."""


class AlreadyActivatedError(ValueError):
    """The edition was activated before; an activation is never repeated or taken back."""


def due(effective_from: dt.date, now: dt.datetime) -> bool:
    """Whether an edition effective from that day has begun at `now`."""
    return effective_from <= now.astimezone(HANOI).date()


def activate(connection: Connection, edition_id: int, now: dt.datetime) -> Edition:
    """Let an imported edition hold from its date on; of two with one date the later wins.

    Activations are serialised by an advisory lock kept until the transaction ends, so their
    numbers have no gaps and no ties. Raises `EditionNotFoundError` or `AlreadyActivatedError`.
    """
    connection.execute(text("select pg_advisory_xact_lock(hashtext('tinbao.activation'))"))
    row = connection.execute(
        text("""
            update boundary_editions
               set state = 'activated', activated_at = :now,
                   activation = (select coalesce(max(activation), 0) + 1 from boundary_editions)
             where id = :id and state = 'imported'
            returning id, effective_from, approximate, source, attribution, activation
        """),
        {"id": edition_id, "now": now},
    ).one_or_none()
    if row is not None:
        return Edition(*row)
    state = find(connection, edition_id).state
    raise AlreadyActivatedError(f"Edition {edition_id} is {state} already.")


def find(connection: Connection, edition_id: int) -> Row[tuple[int, dt.date, bool, str]]:
    """An edition whose import has finished: `id, effective_from, approximate, state`."""
    row = connection.execute(
        text("""
            select id, effective_from, approximate, state from boundary_editions
             where id = :id and state <> 'loading'
        """),
        {"id": edition_id},
    ).one_or_none()
    if row is None:
        raise EditionNotFoundError(f"There is no edition {edition_id}.")
    return row


def listed(connection: Connection) -> list[Row[tuple[int, dt.date, bool, str, int, str, int]]]:
    """Every finished edition, newest date first: `id, effective_from, approximate, state,
    activation, source, wards`."""
    return list(
        connection.execute(
            text("""
                select e.id, e.effective_from, e.approximate, e.state, e.activation, e.source,
                       (select count(*) from wards w where w.edition_id = e.id) as wards
                  from boundary_editions e
                 where e.state <> 'loading'
                 order by e.effective_from desc, e.activation desc nulls first, e.id desc
            """)
        )
    )


@dataclass(frozen=True, slots=True)
class WardFacts:
    """What a diff compares of one ward."""

    name: str
    type: str
    province_code: str
    area_m2: float


@dataclass(frozen=True, slots=True)
class AreaChange:
    """A ward whose area differs between two editions, in m2."""

    code: str
    name: str
    before_m2: float
    after_m2: float

    @property
    def share(self) -> float:
        """The change as a part of the area before."""
        return self.after_m2 / self.before_m2 - 1 if self.before_m2 else float("inf")


@dataclass(frozen=True, slots=True)
class Diff:
    """What one edition changes against another; codes sorted, area changes largest first."""

    against: int | None
    added: list[str]
    vanished: list[str]
    recoded: dict[str, str]
    """Old code -> new code, for wards known under an alias."""
    succeeded: dict[str, list[str]]
    """Vanished code -> the new units its area went to, by the succession table."""
    renamed: dict[str, tuple[str, str]]
    retyped: dict[str, tuple[str, str]]
    area_changes: list[AreaChange]


def compare(
    before: Mapping[str, WardFacts],
    after: Mapping[str, WardFacts],
    *,
    against: int | None,
    aliases: Mapping[str, str],
    successions: Mapping[str, list[str]],
) -> Diff:
    """What `after` changes against `before`; a code and its alias are the same ward."""
    recoded = {
        code: aliases[code]
        for code in before.keys() - after.keys()
        if aliases.get(code) in after and aliases.get(code) not in before
    }
    pairs = {code: recoded.get(code, code) for code in before}
    kept = sorted((old, new) for old, new in pairs.items() if new in after)
    vanished = sorted(old for old, new in pairs.items() if new not in after)
    changes = [
        AreaChange(new, after[new].name, before[old].area_m2, after[new].area_m2)
        for old, new in kept
    ]
    return Diff(
        against=against,
        added=sorted(after.keys() - {new for _, new in kept}),
        vanished=vanished,
        recoded=recoded,
        succeeded={
            code: reached
            for code in vanished
            if (reached := [new for new in successions.get(code, []) if new in after])
        },
        renamed={
            new: (before[old].name, after[new].name)
            for old, new in kept
            if before[old].name != after[new].name
        },
        retyped={
            new: (before[old].type, after[new].type)
            for old, new in kept
            if before[old].type != after[new].type
        },
        area_changes=sorted(
            (change for change in changes if abs(change.share) > COUNTED_CHANGE),
            key=lambda change: (-abs(change.share), change.code),
        ),
    )


def facts(connection: Connection, edition_id: int) -> dict[str, WardFacts]:
    """The wards of an edition by code, without their boundaries."""
    rows = connection.execute(
        text("""
            select code, name, type, province_code, area_m2 from wards
             where edition_id = :edition order by code
        """),
        {"edition": edition_id},
    )
    return {row.code: WardFacts(*row[1:]) for row in rows}


def aliases(connection: Connection) -> dict[str, str]:
    """Alias -> code; most aliases are listed in both directions."""
    return {
        row.alias: row.code
        for row in connection.execute(text("select alias, code from ward_aliases"))
    }


def successions(connection: Connection) -> dict[str, list[str]]:
    """Old code -> the codes it went into, the main one first."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(
        text("""
            select old_code, new_code from ward_successions
             order by old_code,
                      array_position(array['whole', 'part_main', 'part'], relation), new_code
        """)
    ):
        found.setdefault(row.old_code, []).append(row.new_code)
    return found


def reference_for(
    connection: Connection, effective_from: dt.date, *, other_than: int | None = None
) -> int | None:
    """The real edition that one of that date is to be compared with, or None if there is none.

    It is the one it would replace; failing that, the real edition imported last.
    """
    row = connection.execute(
        text("""
            select id from boundary_editions
             where state <> 'loading' and not approximate
               and id is distinct from cast(:other as bigint)
             order by (activation is not null and effective_from <= :from) desc,
                      case when activation is not null and effective_from <= :from
                           then effective_from end desc nulls last,
                      activation desc nulls last, id desc
             limit 1
        """),
        {"other": other_than, "from": effective_from},
    ).one_or_none()
    return None if row is None else row.id


def diff(connection: Connection, edition_id: int) -> Diff:
    """What a finished edition changes against the real one it would replace (or did)."""
    edition = find(connection, edition_id)
    against = None
    if not edition.approximate:
        against = reference_for(connection, edition.effective_from, other_than=edition_id)
    return compare(
        {} if against is None else facts(connection, against),
        facts(connection, edition_id),
        against=against,
        aliases=aliases(connection),
        successions=successions(connection),
    )


def summary(changes: Diff) -> Counter[str]:
    """How many wards a diff touches, by what happens to them."""
    return Counter(
        added=len(changes.added),
        vanished=len(changes.vanished),
        recoded=len(changes.recoded),
        renamed=len(changes.renamed),
        retyped=len(changes.retyped),
        area_changed=len(changes.area_changes),
    )
