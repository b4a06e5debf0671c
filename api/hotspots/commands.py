"""The `tinbao hotspots` commands: the service's own statistics on any file, without a service."""

import datetime as dt
import threading
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from api.hotspots.analysis import Table, analyse, area_of
from api.hotspots.counting import Incidents
from api.hotspots.files import FileError, check_exchanged, read_area, read_incidents
from geo import grid
from geo.grid import Cells

hotspots_app = typer.Typer(name="hotspots", no_args_is_help=True, add_completion=False)


@hotspots_app.callback()
def about() -> None:
    """Where reports concentrate, on any file."""


@hotspots_app.command("rank")
def rank(
    incidents: Annotated[Path, typer.Argument(help="CSV: date,category,lon,lat[,reporter]")],
    area: Annotated[Path, typer.Argument(help="GeoJSON with polygons, lon/lat")],
    as_of: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day counted")],
    resolution: Annotated[Literal["8", "9"], typer.Option(help="H3 resolution of the cells")],
    window: Annotated[Literal["7d", "28d", "90d"], typer.Option(help="Days up to that day")],
    out: Annotated[Path, typer.Option(help="CSV to write: a row for every cell of the area")],
) -> None:
    """Rank and test the cells of an area; every row of the file is of one group of categories.

    `score` ranks. `count` is the cell's reports in the window, each reporter once in a place of 5
    square kilometres. `expected`, p and q are about the cell with the six round it. Unrounded.
    """
    try:
        check_apart(out, incidents, area)
        cells = read_area(area, int(resolution))
        found = incidents_of(incidents, cells, int(resolution), as_of.date())
        days = int(window.removesuffix("d"))
        write(analyse(found, area_of(cells), as_of=as_of.date(), window=days), out)
    except FileError as error:
        typer.echo(f"tinbao: {error}", err=True)
        raise typer.Exit(1) from error


@hotspots_app.command("freeze")
def freeze_day(
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day counted; today")
    ] = None,
) -> None:
    """Make the service's layers of a day, as it does every night. What was told already stays."""
    # Only this command needs the service.
    from api.clock import now  # noqa: PLC0415
    from api.db import owner_engine  # noqa: PLC0415
    from api.hotspots.nightly import freeze  # noqa: PLC0415
    from api.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    engine = owner_engine(settings)
    day = None if as_of is None else as_of.date()
    made = freeze(engine, settings.indexes, threading.Event(), now(), day)
    engine.dispose()
    typer.echo(f"{made} layers made")


def check_apart(out: Path, *read: Path) -> None:
    """Refuse to write over what is read."""
    if out.exists() and any(each.exists() and out.samefile(each) for each in read):
        raise FileError(f"{out} is read: name another file to write")


def incidents_of(file: Path, cells: Cells, resolution: int, as_of: dt.date) -> Incidents:
    """What of a file lies in the area; says on standard error what is left out."""
    rows = read_incidents(file)
    found = Incidents(grid.cells_at(rows.lon, rows.lat, resolution), rows.days, rows.reporters)
    outside = np.flatnonzero(grid.positions(cells, found.cells) < 0)
    if len(outside):
        try:
            check_exchanged(rows, outside, cells, resolution)
        except FileError as error:
            raise FileError(f"{file}, {error}") from error
        typer.echo(f"{len(outside)} of {len(found)} rows lie outside the area: left out", err=True)
    if late := int((found.days > as_of.toordinal()).sum()):
        typer.echo(f"{late} of {len(found)} rows are after {as_of}: left out", err=True)
    return found


def write(table: Table, out: Path) -> None:
    """Write the table, a line for each cell."""
    columns: dict[str, list[Any]] = {
        "cell": grid.names(table.cells),
        "score": table.score.tolist(),
        "count": table.counts.tolist(),
        "expected": table.expected.tolist(),
        "p": table.p.tolist(),
        "q": table.q.tolist(),
        "is_hotspot": np.where(table.is_hotspot, "true", "false").tolist(),
        "p_emergence": table.p_emergence.tolist(),
        "q_emergence": table.q_emergence.tolist(),
        "is_rising": np.where(table.is_rising, "true", "false").tolist(),
        "gi_z": table.gi_z.tolist(),
        "pattern": table.pattern.tolist(),
    }
    lines = (",".join(map(str, row)) for row in zip(*columns.values(), strict=True))
    try:
        out.write_text("\n".join([",".join(columns), *lines, ""]))
    except OSError as error:
        raise FileError(f"{out} cannot be written") from error
