"""Countable reports as series: who counts, where, on which day, by the wards of one edition.

A report is found a ward by the centre of its stored cell, whatever ward it was once given: so a
series goes on through a change of boundaries. A report without a place keeps its ward, where that
ward still is or went whole into one other; else it is left out, and how many were is said.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from api.hotspots.reading import MATCHING, REASON, midnight
from api.trends.changes import LEAST_REPORTERS
from geo.atlas import Atlas
from geo.grid import centres, parents

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PLACE_RESOLUTION = 7
"""A reporter counts once in a cell of this: about 5 square kilometres."""

GROUPS = ("all", "property", "violence", "drugs_gambling", "public_order", "safety", "other")
ALL = 0
WEEK = 7
HISTORY_WEEKS = 104
"""So much is read: two feasts of Tết, whenever it is asked."""
NOWHERE = -1

# Whole columns as bytes: a row each would cost more than everything that is done with them.
COUNTED = text(f"""
select string_agg(int8send(cell), ''), array_agg(ward), string_agg(int4send(day), ''),
    string_agg(int4send(category_group), ''), string_agg(reporter, '')
from (
    select coalesce(report.cell_r9, 0) as cell, report.ward_code as ward,
        (report.received_at at time zone 'Asia/Ho_Chi_Minh')::date - cast(:first as date) as day,
        coalesce(array_position(cast(:groups as text[]), category.hotspot_group), :other) - 1
            as category_group,
        coalesce(substr(report.reporter_key, 1, 8), '\\x0000000000000000') as reporter
    from reports as report
    join categories as category on category.code = report.category
    where {MATCHING} and not category.sensitive
        and ({REASON} is null
            or {REASON} = 'no_place' and report.confidence not in ('outside', 'unknown'))
    order by report.received_at
) as counted
""")  # noqa: S608 - made of constants
"""What counts, as for hotspots, and reports without a place besides; oldest first."""

SOURCES = text("""
select distinct ward.province_code
from wards as ward
join boundary_editions as edition on edition.id = ward.edition_id and edition.state = 'activated'
where ward.code in (
    select code from wards where edition_id = :edition and province_code = :province
    union
    select tied.old_code from ward_successions as tied
    join wards as present on present.code = tied.new_code
        and present.edition_id = :edition and present.province_code = :province
    union
    select tied.new_code from ward_successions as tied
    join wards as former on former.code = tied.old_code
        and former.edition_id = :edition and former.province_code = :province)
""")
"""Provinces, of any edition, that reports of a province's land were once given."""

TIED = text("select old_code, new_code, relation from ward_successions")


@dataclass(frozen=True)
class Counted:
    """Reports that count, oldest first: parallel arrays."""

    cell: Ints
    """The h3 cell of resolution 9; 0 without a place."""
    ward: NDArray[np.object_]
    day: Ints
    group: Ints
    reporter: Ints
    """A number for each reporter; 0 for the anonymous."""


def read(
    connection: Connection, first: dt.date, through: dt.date, provinces: Sequence[str] | None
) -> Counted:
    """The countable reports of some days (both included) in these provinces, or in all."""
    found = connection.execute(
        COUNTED,
        {
            "first": first,
            "since": midnight(first),
            "until": midnight(through + dt.timedelta(1)),
            "provinces": None if provinces is None else list(provinces),
            "groups": list(GROUPS),
            "other": len(GROUPS),
        },
    ).one()
    cells, wards, days, groups, reporters = found

    def numbers(column: Any, kind: str) -> Ints:
        return np.frombuffer(bytes(column or b""), kind).astype(np.int64)

    return Counted(
        cell=numbers(cells, ">i8"),
        ward=np.array(wards or [], dtype=np.object_),
        day=numbers(days, ">i4"),
        group=numbers(groups, ">i4"),
        reporter=numbers(reporters, ">i8"),
    )


def sources(connection: Connection, edition_id: int, province: str) -> list[str]:
    """The provinces whose reports may lie in this one as the edition draws it."""
    found = connection.scalars(SOURCES, {"edition": edition_id, "province": province})
    return sorted({province, *found})


def one_to_one(connection: Connection) -> dict[str, str]:
    """Former codes and the one unit that each became whole, and back where nothing else did."""
    forward: dict[str, list[str]] = {}
    back: dict[str, list[str]] = {}
    for old, new, relation in connection.execute(TIED):
        forward.setdefault(old, []).append(new if relation == "whole" else "")
        back.setdefault(new, []).append(old if relation == "whole" else "")
    found = {new: olds[0] for new, olds in back.items() if len(olds) == 1 and olds[0]}
    return found | {old: news[0] for old, news in forward.items() if len(news) == 1 and news[0]}


def wards_of(counted: Counted, atlas: Atlas, became: Mapping[str, str]) -> NDArray[np.object_]:
    """The ward of each report in an edition; None where it has none.

    A report near a province's border stays in the province it was given, though its cell's centre
    may lie in the next one: each counts in one place only.
    """
    cells, where = np.unique(counted.cell, return_inverse=True)
    by_cell = np.array(centre_wards(cells, atlas), dtype=np.object_)
    found: NDArray[np.object_] = by_cell[where] if len(cells) else counted.ward.copy()
    wards = atlas.wards
    for at, (own, ward) in enumerate(zip(counted.ward.tolist(), found.tolist(), strict=True)):
        if ward is None:
            code = own if own in wards else became.get(own or "")
            found[at] = code if code in wards else None
        elif own in wards and wards[own].province_code != wards[ward].province_code:
            found[at] = own
    return found


def centre_wards(cells: Ints, atlas: Atlas) -> list[str | None]:
    """The ward at the centre of each cell; None for no cell and for none there."""
    some = cells != 0
    lons, lats = centres(cells[some].astype(np.uint64)).T
    found = np.full(len(cells), None, dtype=np.object_)
    found[some] = atlas.wards_at(np.ascontiguousarray(lons), np.ascontiguousarray(lats))
    return list(found)


@dataclass(frozen=True)
class Series:
    """What an area's reports come to: its wards, and each day of whole weeks."""

    first: dt.date
    codes: tuple[str, ...]
    """The wards, in order."""
    daily: Floats
    """Group by ward by day: a reporter counts once for each group, parent cell and day."""
    weekly: Floats
    """Group by ward by week: how many reporters there were in the week."""
    whole_weekly: Floats
    """Group by week: how many in the area as a whole."""
    day_reporters: Floats
    """Group by day, of the area."""
    window_reporters: Mapping[int, Floats]
    """By weeks before the end: group by ward and, last, the area: how many in all of them."""
    left_out: int
    narrow: NDArray[np.bool_]
    """Group by ward and, last, the area, by week: what another edition's figures would narrow down
    to one to four reporters."""

    @property
    def days(self) -> int:
        """How many."""
        return int(self.daily.shape[2])


Drawn = tuple[NDArray[np.object_], NDArray[np.object_]]
"""The ward and the province of each report, as another edition draws them."""


def series_of(
    counted: Counted,
    wards: NDArray[np.object_],
    codes: Sequence[str],
    first: dt.date,
    days: int,
    others: Sequence[Drawn] = (),
) -> Series:
    """Count what lies in the wards of these codes; the days are whole weeks."""
    position = {code: at for at, code in enumerate(codes)}
    ward = np.array([position.get(code, NOWHERE) for code in wards.tolist()], dtype=np.int64)
    lost = int(np.count_nonzero([code is None for code in wards.tolist()]))
    area, weeks = len(codes), days // WEEK
    places = parents(counted.cell.astype(np.uint64), PLACE_RESOLUTION).astype(np.int64)
    parent = renumbered(np.where(counted.cell == 0, -1 - ward, places))
    reporter = renumbered(counted.reporter)
    anonymous = counted.reporter == 0
    everybody = np.where(anonymous, -np.cumsum(anonymous), reporter)
    daily = np.zeros((len(GROUPS), area, days))
    weekly = np.zeros((len(GROUPS), area, weeks))
    whole, present = np.zeros((len(GROUPS), weeks)), np.zeros((len(GROUPS), days))
    windows = {span: np.zeros((len(GROUPS), area + 1)) for span in (1, 4)}
    narrow = np.zeros((len(GROUPS), area + 1, weeks), dtype=np.bool_)
    elsewhere = [(numbered(wards), numbered(provinces)) for wards, provinces in others]
    for group in range(len(GROUPS)):
        of_group = (counted.group == group) | (group == ALL)
        kept = last_of(of_group, parent, counted.day, reporter)
        for by_ward, by_province in elsewhere:
            there = by_ward[kept], by_province[kept]
            compare(narrow[group], ward[kept], there, counted.day[kept] // WEEK, everybody[kept])
        kept = kept[ward[kept] != NOWHERE]
        place, day, who = ward[kept], counted.day[kept], everybody[kept]
        np.add.at(daily[group], (place, day), 1)
        week = day // WEEK
        add_distinct(weekly[group], place, week, who)
        add_distinct(whole[group][None], np.zeros_like(week), week, who)
        add_distinct(present[group][None], np.zeros_like(day), day, who)
        for span, reporters in windows.items():
            late = week >= weeks - span
            once = np.zeros(np.count_nonzero(late), dtype=np.int64)
            add_distinct(reporters[group][:, None], place[late], once, who[late])
            add_distinct(reporters[group][:, None], once + area, once, who[late])
    return Series(first, tuple(codes), daily, weekly, whole, present, windows, lost, narrow)


def renumbered(values: Ints) -> Ints:
    """The same by numbers from 0 on."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def numbered(codes: NDArray[np.object_]) -> Ints:
    """A number for each code; no ward at all is a code of its own."""
    return np.unique(codes.astype(str), return_inverse=True)[1].astype(np.int64)


def compare(
    narrow: NDArray[np.bool_], ward: Ints, there: tuple[Ints, Ints], week: Ints, who: Ints
) -> None:
    """Mark the weeks whose figures, beside those of another edition, would single out a few."""
    area = len(narrow) - 1
    inside = np.where(ward == NOWHERE, NOWHERE, area)
    for here, other in ((ward, there[0]), (inside, there[1])):
        once = firsts(here, other, week, who)
        pieces, counts = np.unique(
            np.stack([here[once], other[once], week[once]]), axis=1, return_counts=True
        )
        once = firsts(other, week, who)
        wholes, totals = np.unique(np.stack([other[once], week[once]]), axis=1, return_counts=True)
        known = dict(zip(map(tuple, wholes.T.tolist()), totals.tolist(), strict=True))
        for (place, code, at), count in zip(pieces.T.tolist(), counts.tolist(), strict=True):
            left = known[code, at] - count
            if place != NOWHERE and (count < LEAST_REPORTERS or 0 < left < LEAST_REPORTERS):
                narrow[place, at] = True


def firsts(*keys: Ints) -> Ints:
    """The place of one row of each combination of keys: the first one there is."""
    together, span = np.zeros(len(keys[0]), dtype=np.int64), 1
    for key in keys:
        least, most = (int(key.min()), int(key.max())) if len(key) else (0, 0)
        span *= most - least + 1
        together = together * (most - least + 1) + (key - least)
    assert span < 2**63  # noqa: S101 - keys are numbered, so that each is small
    return np.asarray(np.unique(together, return_index=True)[1], dtype=np.int64)


def last_of(within: NDArray[np.bool_], *keys: Ints) -> Ints:
    """The place of the last row of each combination of keys, of rows that are within."""
    rows = np.flatnonzero(within)[::-1]
    return np.asarray(np.sort(rows[firsts(*(key[rows] for key in keys))]))


def add_distinct(into: Floats, row: Ints, column: Ints, who: Ints) -> None:
    """Add one for each combination."""
    kept = firsts(row, column, who)
    np.add.at(into, (row[kept], column[kept]), 1)


def as_one(code: str, series: Series) -> Series:
    """An area without its parts, itself a part of a larger one."""
    return Series(
        series.first,
        (code,),
        series.daily.sum(axis=1, keepdims=True),
        series.whole_weekly[:, None],
        series.whole_weekly,
        series.day_reporters,
        {span: found[:, -1:] for span, found in series.window_reporters.items()},
        series.left_out,
        series.narrow[:, -1:].repeat(2, axis=1),
    )


def together(parts: Sequence[Series]) -> Series:
    """A larger area of parts that were made one; who reports in two of them counts in both."""
    windows = {}
    for span in parts[0].window_reporters:
        each = np.concatenate([part.window_reporters[span] for part in parts], axis=1)
        windows[span] = np.concatenate([each, each.sum(axis=1, keepdims=True)], axis=1)
    weekly = np.concatenate([part.weekly for part in parts], axis=1)
    narrow = np.any([part.narrow[:, -1:] for part in parts], axis=0)
    return Series(
        parts[0].first,
        tuple(code for part in parts for code in part.codes),
        np.concatenate([part.daily for part in parts], axis=1),
        weekly,
        weekly.sum(axis=1),
        np.sum([part.day_reporters for part in parts], axis=0),
        windows,
        sum(part.left_out for part in parts),
        np.concatenate([part.narrow[:, :1] for part in parts] + [narrow], axis=1),
    )
