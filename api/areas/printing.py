"""What the boundary commands say to people; scripts take `--json`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.areas.activation import Activation
from api.areas.reown import Moves
from geo.editions import Diff, summary
from geo.findings import MUCH, ImportReport
from geo.station_files import StationsReport
from geo.topology import SLIVER_M

SHOWN = 10
"""Lines of a list that may be long; all of it is in the JSON."""

STAGES = {
    "read": "Reading the file",
    "draw": "Drawing cells",
    "compare neighbours": "Comparing neighbours",
    "write": "Writing wards",
}


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal, one plain line per stage elsewhere; both on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield tell_plainly
        return
    columns = (
        TextColumn("{task.description:22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks = {
            stage: bars.add_task(words, total=None, visible=False)
            for stage, words in STAGES.items()
        }
        yield lambda stage, done, total: bars.update(
            tasks[stage], completed=done, total=total, visible=True
        )


def tell_plainly(stage: str, done: int, total: int) -> None:
    """Say when a stage begins and, if it has many steps, when it is done."""
    if done == 0:
        sys.stderr.write(f"{STAGES[stage]} ...\n")
    elif done == total > 1:
        sys.stderr.write(f"{STAGES[stage]}: {total:,} done\n")


def import_lines(report: ImportReport) -> Iterator[str]:
    """An import's account: what is in the file, its faults of geometry, what changes, warnings."""
    yield (
        f"{report.source}: {report.features:,} features, {report.wards:,} good wards in"
        f" {report.provinces} provinces, {report.vertices:,} vertices"
    )
    if report.fields:
        yield "Fields: " + ", ".join(f"{what} = {name}" for what, name in report.fields.items())
    yield from repair_lines(report)
    yield from topology_lines(report)
    if report.changes is not None:
        yield from diff_lines(report.changes)
    yield from some((f"Warning: {warning}" for warning in report.warnings), len(report.warnings))
    for fault in report.faults:
        yield f"FAULT {fault.kind}: {fault}"


def repair_lines(report: ImportReport) -> Iterator[str]:
    """The shapes that were invalid."""
    if report.repaired:
        yield f"Repaired: {len(report.repaired)} invalid shapes"
        yield from some(
            (
                f"  {each['ward']}: {each['reason']}"
                f" ({', '.join(each['rings']) or 'rings among each other'};"
                f" area {each['area_change_m2']:+.2f} m2)"
                for each in report.repaired
            ),
            len(report.repaired),
        )
    if report.small_parts:
        yield f"Small parts: {report.small_parts} parts of wards are below 10 m2"


def topology_lines(report: ImportReport) -> Iterator[str]:
    """Overlaps and gaps, the largest ones in full."""
    area = sum(overlap.area_m2 for overlap in report.overlaps)
    slivers = sum(overlap.width_m < SLIVER_M for overlap in report.overlaps)
    yield (
        f"Overlaps: {len(report.overlaps)} pairs, {area / 1e6:.3f} km2;"
        f" {slivers} are slivers below {SLIVER_M:g} m"
    )
    for overlap in report.overlaps[:5]:
        yield (
            f"  {' / '.join(overlap.codes)}: {overlap.area_m2:,.0f} m2,"
            f" {overlap.width_m:,.1f} m wide, at {overlap.lon:.5f} {overlap.lat:.5f}"
        )
    area = sum(gap.area_m2 for gap in report.gaps)
    slivers = sum(gap.width_m < SLIVER_M for gap in report.gaps)
    yield f"Gaps: {len(report.gaps)}, {area / 1e6:.3f} km2; {slivers} are slivers"


def diff_lines(changes: Diff) -> Iterator[str]:
    """What one edition changes against another."""
    if changes.against is None:
        yield "There is no real edition to compare it with."
        return
    words = ", ".join(
        f"{count:,} {what.replace('_', ' ')}" for what, count in summary(changes).items()
    )
    yield f"Against edition {changes.against}: {words}"
    for what, codes in (("added", changes.added), ("vanished", changes.vanished)):
        if codes:
            yield f"  {what}: {', '.join(codes[:SHOWN])}" + more(codes)
    for old, new in changes.recoded.items():
        yield f"  {old} is {new} now"
    for code, (before, after) in islice(changes.renamed.items(), SHOWN):
        yield f"  {code}: {before} is {after} now"
    for change in changes.area_changes[:SHOWN]:
        if abs(change.share) > MUCH:
            yield f"  {change.code} {change.name}: area {change.share:+.0%}"


def more(listed: list[str]) -> str:
    """What is said of the rest of a list."""
    return f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""


def some(lines: Iterator[str], count: int) -> Iterator[str]:
    """The first lines of a list, and how many are left out."""
    yield from islice(lines, SHOWN)
    if count > SHOWN:
        yield f"  ... and {count - SHOWN:,} more (--json lists them all)"


def move_lines(moves: Moves, *, done: bool) -> Iterator[str]:
    """How many open reports go from where to where."""
    verb = "moved" if done else "would move"
    yield f"Open reports that {verb}: {moves.total():,}"
    for (old, new), count in moves.most_common(SHOWN):
        yield f"  {old} -> {new}: {count:,}"
    if len(moves) > SHOWN:
        yield f"  ... and {len(moves) - SHOWN:,} more pairs of stations"


def activation_lines(activation: Activation) -> Iterator[str]:
    """What an activation did."""
    edition = activation.edition
    if activation.holds:
        yield f"Edition {edition.id} is in force. Open reports: {activation.open_reports:,}."
        yield from move_lines(activation.moves, done=True)
    else:
        yield (
            f"Edition {edition.id} is activated; it holds from {edition.effective_from},"
            " 00:00 +07:00, unless a later one does."
        )


def station_lines(report: StationsReport) -> Iterator[str]:
    """What an import of stations did."""
    for fault in report.faults:
        yield f"FAULT {fault}"
    if not report.refused:
        yield (
            f"{report.stations:,} stations ({report.created:,} of them new)"
            f" for {report.wards:,} wards"
        )
