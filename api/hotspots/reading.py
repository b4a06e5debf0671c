"""Reading what layers count. Who reported becomes a number at once that says nothing of them."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from api.clock import VIETNAM
from api.hotspots.counting import Incidents
from api.hotspots.groups import Group
from geo import grid
from geo.grid import Cells, Ints

HISTORY_DAYS = 455
"""The longest window and what it is compared with."""
UNVERIFIED_M = 1000
"""A circle of a larger radius says too little of where it was."""

GROUPS = tuple(Group)

# Each reason to leave a report out, in the order in which it is asked.
REASON = f"""
    case
        when report.state = 'duplicate' then 'duplicate'
        when report.state = 'withdrawn' then 'withdrawn'
        when report.state = 'not_actionable' and (
            select outcome.reason_code from case_outcomes as outcome
            where outcome.case_id = report.case_id order by outcome.id desc limit 1
        ) = 'false_report' then 'closed_as_false'
        when report.channel <> 'app' then 'recorded_by_officers'
        when report.cell_r9 is null then 'no_place'
        when report.accuracy_m > {UNVERIFIED_M} or report.confidence in ('outside', 'unknown')
            then 'unverified_place'
    end
"""  # noqa: S608 - made of the constant above
REASONS = (
    "duplicate",
    "withdrawn",
    "closed_as_false",
    "recorded_by_officers",
    "no_place",
    "unverified_place",
    "sensitive",
)

MATCHING = """
    report.received_at >= :since and report.received_at < :until
    and (cast(:provinces as text[]) is null or report.province_code = any(:provinces))
    and report.kind not in ('complaint_about_police', 'group_reconciliation')
    and not report.about_station and report.category <> 'officer_conduct'
    and not starts_with(report.station_id, 'o-')
"""

# Whole columns as bytes: a row each would cost more than everything that is done with them.
COUNTED = text(f"""
    select string_agg(int8send(cell), ''), string_agg(int4send(day), ''),
        string_agg(int4send(category_group), ''), string_agg(reporter, '')
    from (
        select report.cell_r9 as cell,
            (report.received_at at time zone 'Asia/Ho_Chi_Minh')::date - date '0001-01-01' as day,
            case when category.sensitive then {GROUPS.index(Group.SENSITIVE)}
                else coalesce(array_position(cast(:groups as text[]), category.hotspot_group) - 1,
                    {GROUPS.index(Group.OTHER)}) end as category_group,
            coalesce(substr(report.reporter_key, 1, 8), '\\x0000000000000000') as reporter
        from reports as report
        join categories as category on category.code = report.category
        where {MATCHING} and {REASON} is null
    ) as counted
""")  # noqa: S608 - made of the constants above

EXCLUDED = text(f"""
    select coalesce({REASON}, 'sensitive') as reason, count(*)
    from reports as report
    join categories as category on category.code = report.category
    where {MATCHING} and ({REASON} is not null or category.sensitive)
        and (:category_group = 'all' or category.hotspot_group = :category_group)
    group by 1
""")  # noqa: S608 - made of the constants above


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

    def of(self, group: Group) -> "Reports":
        """Those of a group."""
        number = GROUPS.index(group)
        if group == Group.ALL:
            rows = self.groups != GROUPS.index(Group.SENSITIVE)
        else:
            rows = self.groups == number
        return self.only(rows)

    def only(self, rows: NDArray[np.bool_]) -> "Reports":
        """These rows."""
        return Reports(self.cells[rows], self.days[rows], self.groups[rows], self.reporters[rows])

    def incidents(self, resolution: int) -> Incidents:
        """The same by cells of a resolution."""
        return Incidents(grid.parents(self.cells, resolution), self.days, self.reporters)

    @property
    def digest(self) -> bytes:
        """Says whether two counts were made of the same."""
        order = np.lexsort((self.reporters, self.groups, self.days, self.cells))
        made = hashlib.sha256()
        for column in (self.cells, self.days, self.groups):
            made.update(np.ascontiguousarray(column[order]).tobytes())
        return made.digest()


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Vietnam."""
    return dt.datetime.combine(day, dt.time(), VIETNAM)


def read(
    connection: Connection, as_of: dt.date, until: dt.datetime, provinces: Sequence[str] | None
) -> Reports:
    """What counts in the layers of a day, in these provinces or in all."""
    found = connection.execute(
        COUNTED,
        {
            "since": midnight(as_of - dt.timedelta(HISTORY_DAYS)),
            "until": until,
            "provinces": None if provinces is None else list(provinces),
            "groups": [str(group) for group in GROUPS],
        },
    ).one()
    cells, days, groups, keys = (bytes(column or b"") for column in found)
    return distinct(
        np.frombuffer(cells, ">i8").astype(np.uint64),
        np.frombuffer(days, ">i4").astype(np.int64) + dt.date(1, 1, 1).toordinal(),
        np.frombuffer(groups, ">i4").astype(np.int64),
        np.frombuffer(keys, ">i8").astype(np.int64),
    )


def distinct(cells: Cells, days: Ints, groups: Ints, keys: Ints) -> Reports:
    """The reports with reporters numbered anew; the anonymous are one by place, group and day."""
    reporters = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    anonymous = keys == 0
    if anonymous.any():
        places = grid.parents(cells[anonymous], 7).astype(np.int64)
        together = np.stack([places, groups[anonymous], days[anonymous]], axis=1)
        numbers = np.unique(together, axis=0, return_inverse=True)[1].reshape(-1)
        reporters[anonymous] = -1 - numbers
    return Reports(cells, days, groups, reporters)


def excluded(
    connection: Connection,
    first: dt.date,
    until: dt.datetime,
    provinces: Sequence[str] | None,
    group: Group,
) -> dict[str, int]:
    """How many reports of a window were left out, and why."""
    rows = connection.execute(
        EXCLUDED,
        {
            "since": midnight(first),
            "until": until,
            "provinces": None if provinces is None else list(provinces),
            "category_group": group,
        },
    )
    found = {reason: int(count) for reason, count in rows}
    return {reason: found.get(reason, 0) for reason in REASONS}
