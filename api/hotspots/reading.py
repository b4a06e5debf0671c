"""Reading what layers count. Who reported becomes a number at once that says nothing of them."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from api.clock import VIETNAM
from api.hotspots.counting import (
    PLACE_RESOLUTION,
    Arranged,
    Incidents,
    arranged,
    numbered,
    ordered,
)
from api.hotspots.groups import Group
from geo import grid
from geo.grid import Cells, Ints

HISTORY_DAYS = 455
"""The longest window and what it is compared with."""
DAY_US, AHEAD_US = 86_400_000_000, 7 * 3_600_000_000
"""A day, and how far Vietnam's clocks are ahead of UTC: ever the same since 1975."""
UNVERIFIED_M = 1000
"""A circle of a larger radius says too little of where it was."""

UNUSED_BITS = 3 * (grid.FINEST - 9)
"""Of a cell of resolution 9: ever the same."""

GROUPS = tuple(Group)

# Each reason to leave a report out, in the order in which it is asked.
TESTS = {
    "duplicate": "report.state = 'duplicate'",
    "withdrawn": "report.state = 'withdrawn'",
    "closed_as_false": """report.state = 'not_actionable' and (
            select outcome.reason_code from case_outcomes as outcome
            where outcome.case_id = report.case_id order by outcome.id desc limit 1
        ) = 'false_report'""",
    "recorded_by_officers": "report.channel <> 'app'",
    "no_place": "report.cell_r9 is null",
    "unverified_place": f"""
        report.accuracy_m > {UNVERIFIED_M} or report.confidence in ('outside', 'unknown')""",
}
REASONS = (*TESTS, "sensitive")
REASON = " ".join(["case", *(f"when {test} then '{name}'" for name, test in TESTS.items()), "end"])

MATCHING = """
    report.received_at >= :since and report.received_at < :until
    and (cast(:provinces as text[]) is null or report.province_code = any(:provinces))
    and report.kind not in ('complaint_about_police', 'group_reconciliation')
    and not report.about_station and report.category <> 'officer_conduct'
    and not starts_with(report.station_id, 'o-')
"""

SENSITIVE_BIT, REASON_SHIFT = 16, 5
REASON_BITS = " ".join(
    f"when {test} then {(at + 1) << REASON_SHIFT}" for at, test in enumerate(TESTS.values())
)

# Whole columns as bytes: a row each would cost more than everything that is done with them. Facts
# are bits: 0-3 the group of the category, 4 whether that is sensitive, from 5 on why it is out.
READ = text(f"""
    with kinds as materialized (
        select code, case when sensitive then {SENSITIVE_BIT} else 0 end + coalesce(
            array_position(cast(:groups as text[]), hotspot_group) - 1, {len(GROUPS)}) as facts
        from categories
    )
    select string_agg(int8send(coalesce(report.cell_r9, 0)), ''),
        string_agg(timestamptz_send(report.received_at), ''),
        string_agg(int4send(kind.facts + case {REASON_BITS} else 0 end), ''),
        string_agg(coalesce(substr(report.reporter_key, 1, 8), '\\x0000000000000000'), '')
    from reports as report
    join kinds as kind on kind.code = report.category
    where {MATCHING}
""")  # noqa: S608 - made of the constants above

# A plan that is made for any provinces and any days reads a province's reports in seconds.
PLANNED = text("set local plan_cache_mode = force_custom_plan")


@dataclass(frozen=True)
class Reports:
    """The reports that count, of all groups: a row each."""

    cells: Cells
    """Of resolution 9."""
    days: Ints
    """Ordinals, of Vietnam's calendar."""
    groups: Ints
    """Positions in `GROUPS`."""
    reporters: Ints
    """Equal numbers are the same reporter; the anonymous of a place, a group and a day are one."""

    def of(self, group: Group) -> NDArray[np.bool_]:
        """Which are of a group."""
        if group == Group.ALL:
            return np.asarray(self.groups != GROUPS.index(Group.SENSITIVE))
        return np.asarray(self.groups == GROUPS.index(group))

    def only(self, rows: NDArray[np.bool_]) -> "Reports":
        """These rows."""
        if rows.all():
            return self
        return Reports(self.cells[rows], self.days[rows], self.groups[rows], self.reporters[rows])

    @cached_property
    def arranged(self) -> Arranged:
        """The same in the order in which they are counted."""
        return arranged(Incidents(self.cells, self.days, self.reporters))

    @property
    def digest(self) -> bytes:
        """Says whether two counts were made of the same."""
        first = self.days.min(initial=0)
        places, place = grid.distinct(self.cells)
        place, days, groups = ordered(place, self.days - first, self.groups)
        made = hashlib.sha256()
        for column in (places[place], days + first, groups):
            made.update(np.ascontiguousarray(column).tobytes())
        return made.digest()


@dataclass(frozen=True)
class LeftOut:
    """The reports that do not count, or only among the sensitive: a row each."""

    days: Ints
    groups: Ints
    """Positions in `GROUPS` of what the category would be in; beyond the last: in none."""
    reasons: Ints
    """Positions in `REASONS`."""

    def since(self, first: dt.date, group: Group) -> dict[str, int]:
        """How many there are of each reason, from a day on."""
        rows = self.days >= first.toordinal()
        if group != Group.ALL:
            rows &= self.groups == GROUPS.index(group)
        counts = np.bincount(self.reasons[rows], minlength=len(REASONS))
        return dict(zip(REASONS, counts.tolist(), strict=True))


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Vietnam."""
    return dt.datetime.combine(day, dt.time(), VIETNAM)


def read(
    connection: Connection, as_of: dt.date, until: dt.datetime, provinces: Sequence[str] | None
) -> tuple[Reports, LeftOut]:
    """What counts in the layers of a day, in these provinces or in all, and what does not."""
    connection.execute(PLANNED)
    found = connection.execute(
        READ,
        {
            "since": midnight(as_of - dt.timedelta(HISTORY_DAYS)),
            "until": until,
            "provinces": None if provinces is None else list(provinces),
            "groups": [str(group) for group in GROUPS],
        },
    ).one()
    cells, moments, facts, keys = (bytes(column or b"") for column in found)
    return parted(
        np.frombuffer(cells, ">i8").astype(np.uint64),
        days_of(np.frombuffer(moments, ">i8").astype(np.int64)),
        np.frombuffer(facts, ">i4").astype(np.int64),
        np.frombuffer(keys, ">i8").astype(np.int64),
    )


def days_of(microseconds: Ints) -> Ints:
    """The days in Vietnam's calendar of moments that are told since 2000, as PostgreSQL does."""
    return (microseconds + AHEAD_US) // DAY_US + dt.date(2000, 1, 1).toordinal()


def parted(cells: Cells, days: Ints, facts: Ints, keys: Ints) -> tuple[Reports, LeftOut]:
    """The reports that count and those that do not, given the facts that `READ` tells."""
    groups, reasons = facts & (SENSITIVE_BIT - 1), facts >> REASON_SHIFT
    sensitive = (facts & SENSITIVE_BIT) > 0
    out = (reasons > 0) | sensitive
    reason = np.where(reasons > 0, reasons - 1, REASONS.index("sensitive"))
    left_out = LeftOut(days[out], groups[out], reason[out])
    group = np.where(groups < len(GROUPS), groups, GROUPS.index(Group.OTHER))
    group[sensitive] = GROUPS.index(Group.SENSITIVE)
    if not reasons.any():
        return distinct(cells, days, group, keys), left_out
    rows = reasons == 0
    return distinct(cells[rows], days[rows], group[rows], keys[rows]), left_out


def distinct(cells: Cells, days: Ints, groups: Ints, keys: Ints) -> Reports:
    """The reports by cell, with reporters numbered anew.

    The anonymous of a place, a group and a day are one.
    """
    short = (cells >> np.uint64(UNUSED_BITS)).astype(np.int64)
    _, order = ordered(short - short.min(initial=0), np.arange(len(cells)))
    cells, days, groups, keys = cells[order], days[order], groups[order], keys[order]
    reporters = grid.distinct(keys)[1]
    anonymous = keys == 0
    if anonymous.any():
        places = numbered(grid.parents(cells[anonymous], PLACE_RESOLUTION))
        when = days[anonymous] - days.min()
        together = (places * len(GROUPS) + groups[anonymous]) * (when.max() + 1) + when
        reporters[anonymous] = -1 - grid.distinct(together)[1]
    return Reports(cells, days, groups, reporters)
