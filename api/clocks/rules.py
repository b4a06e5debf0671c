"""Reading the rules and the calendar; adding rules, which closes those they follow."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection, Row, insert, select, update

from api.audit import audited
from api.clocks.book import ClockBook
from api.clocks.calendar import Calendar, Hours
from api.clocks.deadlines import HANDED_OVER, Extension, Rule, RunsFrom, Unit
from api.clocks.tables import Basis, CalendarDay, ClockRule, WorkingHours
from api.reports.tables import ReportKind

RULES = select(*ClockRule.__table__.columns).order_by(ClockRule.id)
DAYS = select(CalendarDay.day, CalendarDay.working).order_by(CalendarDay.day)
HOURS = select(WorkingHours.effective_from, WorkingHours.weekdays, WorkingHours.spans).order_by(
    WorkingHours.effective_from
)


@dataclass(frozen=True)
class Stored:
    """Everything of the clocks as it is stored; two that are equal give the same book."""

    rules: tuple[tuple[Any, ...], ...]
    days: tuple[tuple[Any, ...], ...]
    hours: tuple[tuple[Any, ...], ...]

    def book(self) -> ClockBook:
        """The book it makes."""
        names = [column.name for column in ClockRule.__table__.columns]
        rules = [rule_of(dict(zip(names, row, strict=True))) for row in self.rules]
        hours = [
            Hours(
                effective_from,
                frozenset(weekdays),
                tuple((dt.time.fromisoformat(a), dt.time.fromisoformat(b)) for a, b in spans),
            )
            for effective_from, weekdays, spans in self.hours
        ]
        return ClockBook(rules, Calendar(hours, dict(self.days)))


def stored(
    rules: Sequence[Row[Any]], days: Sequence[Row[Any]], hours: Sequence[Row[Any]]
) -> Stored:
    """What these rows say."""
    return Stored(*(tuple(tuple(row) for row in rows) for rows in (rules, days, hours)))


def read_stored(connection: Connection) -> Stored:
    """Read it all."""
    return stored(*(connection.execute(each).all() for each in (RULES, DAYS, HOURS)))


class Shelf:
    """Keeps the last book, so that the years it has worked out last as long as its data do."""

    def __init__(self) -> None:
        self._stored: Stored | None = None
        self._book: ClockBook | None = None

    def book(self, connection: Connection) -> ClockBook:
        """The book in force."""
        found = read_stored(connection)
        if self._book is None or found != self._stored:
            self._stored, self._book = found, found.book()
        return self._book


def rule_of(row: dict[str, Any]) -> Rule:
    """A stored rule."""
    return Rule(
        id=row["id"],
        clock=row["clock"],
        name_vi=row["name_vi"],
        name_en=row["name_en"],
        kinds=some(row["kinds"]),
        urgencies=some(row["urgencies"]),
        ward_codes=some(row["ward_codes"]),
        amount=row["amount"],
        unit=Unit(row["unit"]),
        runs_from=RunsFrom(row["runs_from"]),
        stops_at=frozenset(row["stops_at"]),
        pauses=row["pauses"],
        extensions=tuple(Extension(**each) for each in row["extensions"]),
        notice_days=row["notice_days"],
        ladder=tuple(dt.timedelta(minutes=each) for each in row["ladder_minutes"]),
        basis=row["basis"],
        citation=row["citation"],
        article=row["article"],
        needs_check=row["needs_check"],
        effective_from=row["effective_from"],
        effective_to=row["effective_to"],
    )


def some(values: list[Any] | None) -> frozenset[Any] | None:
    """A set, or all."""
    return None if values is None else frozenset(values)


Word = Annotated[str, Field(min_length=1, max_length=500)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,99}$")]
Amount = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class ExtensionIn(BaseModel):
    """How far an extension may reach."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: Amount
    unit: Literal[Unit.DAYS, Unit.MONTHS]
    counts_from: Literal["start", "deadline"]


class RuleIn(BaseModel):
    """A new rule, as a file gives it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    follows: Slug | None = None
    """The rule it takes the place of, which is closed on the day this one begins."""
    clock: Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,49}$")]
    name_vi: Word
    name_en: Word
    kinds: Annotated[list[ReportKind], Field(min_length=1)] | None = None
    urgencies: Annotated[list[Annotated[int, Field(ge=1, le=3)]], Field(min_length=1)] | None = None
    ward_codes: list[Word] | None = None
    amount: Amount
    unit: Unit
    runs_from: RunsFrom
    stops_at: Annotated[list[Word], Field(min_length=1)]
    pauses: bool
    extensions: list[ExtensionIn] = []
    notice_days: Annotated[int, Field(ge=0, le=60)] = 0
    ladder_minutes: Annotated[
        list[Annotated[int, Field(ge=0, le=525_600)]], Field(min_length=1, max_length=3)
    ]
    basis: Basis
    citation: Word
    article: Word | None = None
    needs_check: bool = True
    effective_from: dt.date

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.ladder_minutes != sorted(self.ladder_minutes):
            raise ValueError("ladder_minutes must not go down")
        if self.extensions and self.unit not in (Unit.DAYS, Unit.MONTHS):
            raise ValueError("only days and months can be extended")
        unknown = [each for each in self.stops_at if not each.startswith("report.")]
        if unknown:
            raise ValueError(f"stops_at names steps, such as {HANDED_OVER}")
        return self


class RulesFile(BaseModel):
    """A file of rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: Annotated[list[RuleIn], Field(min_length=1)]


class RuleError(ValueError):
    """A rule cannot be added; the message says what to mend."""


def add_rules(connection: Connection, added: Sequence[RuleIn]) -> list[str]:
    """Add rules and close those they follow, in the caller's transaction; the ids that are new.

    A rule that is already there as it is in the file is left alone; one that differs is refused,
    because rules are never edited.
    """
    known = {row["id"]: row for row in map(dict, connection.execute(RULES).mappings())}
    new = []
    for rule in added:
        values = rule.model_dump(mode="python", exclude={"follows"})
        values["extensions"] = [each.model_dump(mode="json") for each in rule.extensions]
        if rule.id in known:
            there = {name: known[rule.id][name] for name in values}
            if there != values:
                raise RuleError(f"{rule.id} is there already and says something else.")
            continue
        if rule.follows is not None:
            close_rule(connection, known, rule.follows, rule.effective_from)
        connection.execute(insert(ClockRule).values(**values))
        connection.execute(
            audited(
                "clock_rule.added",
                actor_kind="operator",
                object_kind="clock_rule",
                object_id=rule.id,
            )
        )
        new.append(rule.id)
    return new


def close_rule(
    connection: Connection, known: dict[str, dict[str, Any]], rule_id: str, on: dt.date
) -> None:
    """Let a rule end on a day; clocks that run by it go on doing so."""
    found = known.get(rule_id)
    if found is None:
        raise RuleError(f"There is no rule {rule_id}.")
    if found["effective_to"] is not None:
        raise RuleError(f"{rule_id} ends on {found['effective_to']} already.")
    if on <= found["effective_from"]:
        raise RuleError(f"{rule_id} begins on {found['effective_from']}: it cannot end by {on}.")
    connection.execute(update(ClockRule).where(ClockRule.id == rule_id).values(effective_to=on))
    connection.execute(
        audited(
            "clock_rule.closed",
            actor_kind="operator",
            object_kind="clock_rule",
            object_id=rule_id,
        )
    )
