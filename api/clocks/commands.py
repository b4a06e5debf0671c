"""The `tinbao clocks` commands: which rules hold, new ones, days off, working hours."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from api.audit import audited
from api.clock import now
from api.clocks.calendar import DAY, Calendar, local_day, public_days
from api.clocks.deadlines import Rule
from api.clocks.recompute import recompute
from api.clocks.rules import RuleError, RulesFile, Shelf, add_rules
from api.clocks.tables import CalendarDay, WorkingHours
from api.db import owner_engine
from api.settings import SettingsError, load_settings
from api.texts import clean, said

clocks_app = typer.Typer(help="Clocks: rules, days off, working hours.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True)

Source = Annotated[str, typer.Option(help="Who says so: the document and its date")]


def refuse(message: str) -> NoReturn:
    """Say why not, on standard error, and end."""
    typer.echo(f"tinbao: {message}", err=True)
    raise typer.Exit(1)


def cited(words: str, option: str) -> str:
    """A name or a source as it is kept; refuses one that says nothing."""
    try:
        return said(clean(words))
    except PydanticCustomError as error:
        refuse(f"Clocks cite their source: {option} is no good, {error}.")


@contextmanager
def owned() -> Iterator[Engine]:
    """The owner's engine; what goes wrong ends the command with one sentence."""
    try:
        engine = owner_engine(load_settings())
        try:
            yield engine
        finally:
            engine.dispose()
    except (RuleError, SettingsError) as error:
        refuse(str(error))
    except OperationalError:
        refuse("The database does not answer.")


@clocks_app.command("list")
def list_rules(
    everything: Annotated[
        bool, typer.Option("--all", help="Also rules that hold no longer or not yet")
    ] = False,
) -> None:
    """Show the rules that hold today, with their sources."""
    with owned() as engine, engine.connect() as connection:
        rules = Shelf().book(connection).rules
    today = local_day(now())
    table = Table("id", "clock", "for", "time", "from", "source", "holds", "check")
    for rule in rules:
        if everything or rule.holds_on(today):
            table.add_row(*row_of(rule))
    out.print(table)
    if unchecked := [rule.id for rule in rules if rule.needs_check and rule.holds_on(today)]:
        out.print(f"Your legal office has still to confirm: {', '.join(unchecked)}")


def row_of(rule: Rule) -> list[str]:
    """A rule as a line of a table."""
    whom = [
        *sorted(rule.kinds or ()),
        *(f"urgency {each}" for each in sorted(rule.urgencies or ())),
    ]
    if rule.ward_codes is not None:
        whom.append(f"{len(rule.ward_codes)} wards")
    source = " ".join(filter(None, [rule.article, rule.citation]))
    return [
        rule.id,
        rule.clock,
        ", ".join(whom) or "all",
        f"{rule.amount} {rule.unit}",
        rule.runs_from,
        source,
        f"{rule.effective_from} - {rule.effective_to or ''}",
        "to check" if rule.needs_check else "",
    ]


@clocks_app.command("import")
def import_rules(
    file: Annotated[Path, typer.Argument(help='JSON: {"rules": [...]}')],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be new")] = False,
) -> None:
    """Add rules from a file. What each one `follows` ends on the day it begins; nothing is edited.

    Clocks that run already keep the rule they began with.
    """
    try:
        asked = RulesFile.model_validate_json(file.read_bytes())
    except OSError:
        refuse(f"{file} cannot be read")
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            where = ".".join(str(part) for part in each["loc"])
            typer.echo(f"{where}: {each['msg']}", err=True)
        refuse(f"{file} is not a file of rules")
    with owned() as engine, engine.connect() as connection, connection.begin() as transaction:
        added = add_rules(connection, asked.rules)
        if dry_run:
            transaction.rollback()
    out.print(f"{'Would add' if dry_run else 'Added'} {len(added)} rules: {', '.join(added)}")


@clocks_app.command("recompute")
def recompute_deadlines() -> None:
    """Work out every open case's deadline now; the worker does it each night."""
    with owned() as engine:
        with engine.connect() as connection:
            book = Shelf().book(connection)
        changed = recompute(engine, book, now())
    out.print(f"{changed} deadlines moved.")


@clocks_app.command("holidays")
def show_holidays(year: Annotated[int, typer.Argument(min=2000, max=2100)]) -> None:
    """Show the days of a year that are otherwise than their weekday says."""
    with owned() as engine, engine.connect() as connection:
        calendar = Shelf().book(connection).calendar
        rows = connection.execute(select(CalendarDay.day, CalendarDay.name))
        names = {row.day: row.name for row in rows}
    for day, words in unusual(calendar, year):
        out.print(f"{day} {day:%a}  {'worked' if calendar.is_worked(day) else 'off':6}  "
                  f"{names.get(day, words)}")  # fmt: skip


def unusual(calendar: Calendar, year: int) -> Iterator[tuple[dt.date, str]]:
    """The holidays of a year, and what was announced otherwise."""
    off, day = public_days(year).off, dt.date(year, 1, 1)
    while day.year == year:
        usual = day.isoweekday() in calendar.hours_on(day).weekdays
        if day in off or day in calendar.days or calendar.is_worked(day) != usual:
            yield day, off.get(day, "")
        day += DAY


@clocks_app.command("day")
def set_day(
    day: Annotated[dt.datetime, typer.Argument(formats=["%Y-%m-%d"])],
    name: Annotated[str, typer.Option(help="What it is called")],
    source: Source,
    working: Annotated[bool, typer.Option("--working/--off", help="Whether it is worked")] = False,
) -> None:
    """Say of one day whether it is worked, as the Government announced it."""
    name, source = cited(name, "--name"), cited(source, "--source")
    values = {"day": day.date(), "working": working, "name": name, "source": source}
    statement = insert(CalendarDay).values(values)
    with owned() as engine, engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=[CalendarDay.day], set_=values)
        )
        note(connection, "calendar_day.set", str(day.date()), source)
    out.print(f"{day.date()} is {'worked' if working else 'off'}. Running deadlines follow tonight,"
              " or now with: tinbao clocks recompute")  # fmt: skip


@clocks_app.command("hours")
def set_hours(
    effective_from: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    span: Annotated[list[str], typer.Option(help="Such as 07:30-11:30; several times")],
    source: Source,
    weekdays: Annotated[str, typer.Option(help="ISO: Monday is 1")] = "1,2,3,4,5",
) -> None:
    """Set the working hours from a day on."""
    source = cited(source, "--source")
    spans = sorted(span_of(each) for each in span)
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        refuse("The spans overlap.")
    values: dict[str, Any] = {
        "effective_from": effective_from.date(),
        "weekdays": weekdays_of(weekdays),
        "spans": [list(each) for each in spans],
        "source": source,
    }
    statement = insert(WorkingHours).values(values)
    with owned() as engine, engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[WorkingHours.effective_from], set_=values
            )
        )
        note(connection, "working_hours.set", str(effective_from.date()), source)
    out.print(f"Working hours from {effective_from.date()}: {', '.join(span)}")


def span_of(words: str) -> tuple[str, str]:
    """A span such as `07:30-11:30`."""
    opens, _, closes = words.partition("-")
    try:
        times = [dt.time.fromisoformat(each.strip()) for each in (opens, closes)]
    except ValueError:
        refuse(f"{words} is no span such as 07:30-11:30.")
    if times[0] >= times[1]:
        refuse(f"{words} ends before it begins.")
    return f"{times[0]:%H:%M}", f"{times[1]:%H:%M}"


def weekdays_of(words: str) -> list[int]:
    """Weekdays such as `1,2,3`."""
    found = sorted({each.strip() for each in words.split(",")})
    if not found or not set(found) <= set("1234567"):
        refuse("Weekdays are numbers from 1 (Monday) to 7, with commas.")
    return [int(each) for each in found]


def note(connection: Connection, action: str, object_id: str, source: str) -> None:
    """Write into the trail who changed the calendar: the command line."""
    connection.execute(
        audited(
            action,
            actor_kind="operator",
            object_kind="calendar",
            object_id=object_id,
            reason=source,
        )
    )
