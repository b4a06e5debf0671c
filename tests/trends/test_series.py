"""Counting by hand: who counts how often, in days, in weeks and in all."""

import datetime as dt

import numpy as np
import pytest

from api.trends.series import ALL, GROUPS, NOWHERE, Counted, Series, firsts, series_of
from geo.grid import cells_at

FIRST = dt.date(2026, 11, 2)
HERE, FAR = (int(cell) for cell in cells_at([105.81, 105.95], [21.01, 21.01], 9))
THEFT, FIGHT = GROUPS.index("property"), GROUPS.index("violence")

Row = tuple[int, int, int, int, str]
"""Day, cell, group, reporter, ward."""


def counted(*rows: Row) -> tuple[Counted, np.ndarray]:
    """Reports, oldest first, and their wards."""
    day, cell, group, reporter, ward = zip(*rows, strict=True)
    wards = np.array(ward, dtype=np.object_)
    numbers = [np.array(column, dtype=np.int64) for column in (cell, day, group, reporter)]
    return Counted(numbers[0], wards, numbers[1], numbers[2], numbers[3]), wards


def series(*rows: Row) -> Series:
    """The series of two weeks in the wards a and b."""
    reports, wards = counted(*rows)
    return series_of(reports, wards, ["a", "b"], FIRST, 14)


@pytest.mark.parametrize(
    ("rows", "days", "reporters"),
    [
        ([(0, HERE, THEFT, 7, "a")] * 5, 1, 1),
        ([(0, HERE, THEFT, 7, "a"), (1, HERE, THEFT, 7, "a")], 2, 1),
        ([(0, HERE, THEFT, 7, "a"), (0, HERE, THEFT, 8, "a")], 2, 2),
        ([(0, HERE, THEFT, 7, "a"), (0, FAR, THEFT, 7, "a")], 2, 1),
        ([(0, HERE, THEFT, 7, "a"), (0, HERE, FIGHT, 7, "a")], 1, 1),
        ([(0, HERE, THEFT, 0, "a")] * 9, 1, 1),
        ([(0, HERE, THEFT, 0, "a"), (1, HERE, THEFT, 0, "a")], 2, 2),
        ([(0, HERE, THEFT, 0, "a"), (0, FAR, THEFT, 0, "a")], 2, 2),
        ([(0, 0, THEFT, 7, "a"), (0, 0, THEFT, 7, "a"), (0, 0, THEFT, 8, "a")], 2, 2),
    ],
)
def test_how_often_a_reporter_counts(rows: list[Row], days: int, reporters: int) -> None:
    found = series(*rows)

    assert found.daily[ALL].sum() == days
    assert found.weekly[ALL].sum() == found.whole_weekly[ALL].sum() == reporters


def test_a_report_counts_where_its_reporter_was_last() -> None:
    found = series((0, HERE, THEFT, 7, "a"), (0, HERE, THEFT, 7, "b"))

    assert found.daily[THEFT, :, 0].tolist() == [0, 1]


def test_who_reports_in_two_wards_is_one_reporter_of_the_whole() -> None:
    found = series((0, HERE, THEFT, 7, "a"), (1, HERE, THEFT, 7, "b"), (8, FAR, FIGHT, 7, "b"))

    assert found.weekly[ALL].tolist() == [[1, 0], [1, 1]]
    assert found.whole_weekly[ALL].tolist() == [1, 1]
    assert found.window_reporters[1][ALL].tolist() == [0, 1, 1]
    assert found.window_reporters[4][ALL].tolist() == [1, 1, 1]
    assert found.daily[FIGHT].sum() == 1


def test_what_lies_elsewhere_is_not_counted_and_what_lies_nowhere_is_said() -> None:
    reports, wards = counted((0, HERE, THEFT, 7, "c"), (0, FAR, THEFT, 8, "a"))
    wards = np.append(wards[:1], [None])

    found = series_of(reports, wards, ["a", "b"], FIRST, 14)

    assert found.daily.sum() == 0
    assert found.left_out == 1


def test_firsts_are_the_first_rows_of_their_kind() -> None:
    one, other = np.array([3, NOWHERE, 3, 3]), np.array([0, 5, 0, 1])

    assert sorted(firsts(one, other).tolist()) == [0, 1, 3]
    assert firsts(one[:0], other[:0]).tolist() == []
