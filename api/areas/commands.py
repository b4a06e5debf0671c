"""The `tinbao wards` and `tinbao stations` commands."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from api.areas import printing
from api.areas.activation import Activation, activate_edition, plan_moves
from api.areas.reown import CountsDifferError, Moves
from api.audit import audited
from api.clock import now
from api.db import owner_engine
from api.settings import SettingsError, load_settings
from geo import editions
from geo.features import FieldOptions
from geo.findings import ImportReport, diff_as_json
from geo.load import ImportRunningError, import_edition
from geo.station_files import StationsReport
from geo.station_files import import_stations as load_stations
from geo.successions import Succession, read_successions, store_successions

EX_CONFIG = 78

wards_app = typer.Typer(help="Ward boundaries and their editions.", no_args_is_help=True)
stations_app = typer.Typer(help="Police stations.", no_args_is_help=True)

EditionId = Annotated[int, typer.Argument(metavar="EDITION", help="Its number in `wards list`")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts")]


@contextmanager
def database() -> Iterator[Engine]:
    """The owner's engine; what goes wrong with it ends the command with one sentence."""
    status = 1
    try:
        engine = owner_engine(load_settings())
        try:
            yield engine
        finally:
            engine.dispose()
    except SettingsError as error:
        message, status = str(error), EX_CONFIG
    except (
        editions.AlreadyActivatedError,
        editions.EditionNotFoundError,
        ImportRunningError,
        CountsDifferError,
    ) as error:
        message = str(error)
    except OperationalError:
        message = "The database does not answer."
    else:
        return
    typer.echo(f"tinbao: {message}", err=True)
    raise typer.Exit(status)


def show(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        typer.echo(line)


def show_json(value: Any) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


@wards_app.command("import")
def import_wards(
    file: Annotated[str, typer.Argument(help="Any file or /vsi path of polygons GDAL reads")],
    effective_from: Annotated[
        dt.datetime,
        typer.Option(formats=["%Y-%m-%d"], help="Day from which it holds, 00:00 +07:00"),
    ],
    code_field: Annotated[str | None, typer.Option(help="Field of the ward's code")] = None,
    name_field: Annotated[str | None, typer.Option(help="Field of the ward's name")] = None,
    province_field: Annotated[str | None, typer.Option(help="Field of the province's code")] = None,
    province_name_field: Annotated[
        str | None, typer.Option(help="Field of the province's name")
    ] = None,
    type_field: Annotated[str | None, typer.Option(help="Field of phường, xã or đặc khu")] = None,
    attribution: Annotated[str, typer.Option(help="Whom to name beside the boundaries")] = "",
    succession: Annotated[
        Path | None, typer.Option(help="CSV of old_code, old_name, new_code, relation")
    ] = None,
    accept_overlaps: Annotated[
        bool, typer.Option("--accept-overlaps", help="Import even with new overlaps above 1 ha")
    ] = False,
    activate: Annotated[bool, typer.Option("--activate", help="Activate it at once")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be found; write nothing")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import ward boundaries as a new edition: all of it or nothing. Exit 1 if it is refused."""
    record = partial(record_import, successions_of(succession))
    activation = None
    with database() as engine:
        with printing.progress_shown() as progress:
            report = import_edition(
                engine,
                file,
                effective_from=effective_from.date(),
                fields=FieldOptions(
                    code_field, name_field, province_field, type_field, province_name_field
                ),
                attribution=attribution,
                accept_overlaps=accept_overlaps,
                dry_run=dry_run,
                progress=progress,
                recorded=record,
            )
        if activate and report.edition_id is not None:
            activation = activate_edition(engine, report.edition_id, now(), load_settings().indexes)
    if as_json:
        activated = None if activation is None else activation_as_json(activation)
        show_json(report.as_json() | {"dry_run": dry_run, "activation": activated})
    else:
        show(printing.import_lines(report))
        show(ending(report, activation))
    if report.refused:
        raise typer.Exit(1)


def record_import(
    successions: list[Succession], connection: Connection, report: ImportReport
) -> None:
    """What is kept of an import beside its edition, in the import's own transaction."""
    if successions:
        store_successions(connection, successions)
    connection.execute(
        audited(
            "edition.imported",
            actor_kind="operator",
            object_kind="edition",
            object_id=str(report.edition_id),
            reason=report.source,
        )
    )


def successions_of(file: Path | None) -> list[Succession]:
    """The rows of a succession file; a faulty one ends the command before anything is read."""
    if file is None:
        return []
    found = read_successions(file)
    if found.faults:
        show(f"FAULT {file.name}: {fault}" for fault in found.faults)
        raise typer.Exit(1)
    return found.rows


def ending(report: ImportReport, activation: Activation | None) -> Iterator[str]:
    """What became of an import."""
    if report.refused:
        yield f"REFUSED: {len(report.faults)} faults; nothing was written."
    elif report.edition_id is None:
        yield "Dry run: it could be imported; nothing was written."
    else:
        yield f"Imported as edition {report.edition_id}, effective from {report.effective_from}."
        if activation is None:
            yield f"It holds once it is activated: tinbao wards activate {report.edition_id}"
        else:
            yield from printing.activation_lines(activation)


@wards_app.command("diff")
def diff(edition: EditionId, as_json: AsJson = False) -> None:
    """What an edition changes against the one it replaces, and how many open reports would move."""
    with database() as engine, engine.connect() as connection:
        changes = editions.diff(connection, edition)
        moves = plan_moves(connection, edition, load_settings().indexes)
    if as_json:
        show_json(diff_as_json(changes) | {"moves": moves_as_json(moves)})
    else:
        show(printing.diff_lines(changes))
        show(printing.move_lines(moves, done=False))


@wards_app.command("list")
def list_editions(as_json: AsJson = False) -> None:
    """The editions, newest first; the one in force is marked."""
    with database() as engine, engine.connect() as connection:
        rows = editions.listed(connection)
        current = editions.in_force(connection, now())
    holding = None if current is None else current.id
    if as_json:
        show_json(
            [
                dict(row._mapping)
                | {
                    "effective_from": row.effective_from.isoformat(),
                    "in_force": row.id == holding,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        typer.echo(
            f"{'*' if row.id == holding else ' '} {row.id:4} from {row.effective_from}"
            f" {row.state:9} {row.wards:5} wards  {row.source}"
            f"{' (approximate)' if row.approximate else ''}"
        )
    if not rows:
        typer.echo("There is no edition yet: tinbao wards import FILE --effective-from DATE")


@wards_app.command("activate")
def activate_wards(
    edition: EditionId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many would move; change nothing")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let an edition hold from its date on; open reports follow in the same transaction."""
    with database() as engine:
        if dry_run:
            with engine.connect() as connection:
                moves = plan_moves(connection, edition, load_settings().indexes)
            if as_json:
                show_json({"edition_id": edition, "dry_run": True, "moves": moves_as_json(moves)})
            else:
                show(printing.move_lines(moves, done=False))
            return
        activation = activate_edition(engine, edition, now(), load_settings().indexes)
    if as_json:
        show_json(activation_as_json(activation))
    else:
        show(printing.activation_lines(activation))


def activation_as_json(activation: Activation) -> dict[str, Any]:
    """An activation in JSON's own types."""
    return {
        "edition_id": activation.edition.id,
        "effective_from": activation.edition.effective_from.isoformat(),
        "activation": activation.edition.activation,
        "holds": activation.holds,
        "open_reports": activation.open_reports,
        "moves": moves_as_json(activation.moves),
    }


def moves_as_json(moves: Moves) -> dict[str, Any]:
    """Moves in JSON's own types, the largest first."""
    return {
        "total": moves.total(),
        "pairs": [
            {"from": old, "to": new, "reports": count} for (old, new), count in moves.most_common()
        ],
    }


@stations_app.callback()
def stations_group() -> None:
    """Police stations."""


@stations_app.command("import")
def import_stations(
    file: Annotated[
        Path, typer.Argument(help="CSV (id?, ward_code, name, phone, lon, lat) or GeoJSON")
    ],
    as_json: AsJson = False,
) -> None:
    """Name stations, their phones and places, and whose ward is whose. Exit 1 if refused."""

    def record(connection: Connection, report: StationsReport) -> None:
        connection.execute(
            audited(
                "stations.imported",
                actor_kind="operator",
                object_kind="stations",
                object_id=file.name,
                reason=f"{report.stations} stations, {report.wards} wards",
            )
        )

    with database() as engine:
        report = load_stations(engine, file, recorded=record)
    if as_json:
        show_json(asdict(report) | {"refused": report.refused})
    else:
        show(printing.station_lines(report))
        if report.refused:
            typer.echo(f"REFUSED: {len(report.faults)} faults; nothing was written.")
    if report.refused:
        raise typer.Exit(1)
