"""Weekdays, holidays and Tết: which days they are, and what is learnt of them."""

import datetime as dt

import numpy as np
import pytest

from api.trends.seasons import (
    FLAT,
    KINDS,
    YEARLY,
    kinds_of,
    leaning,
    season_of,
    tet,
    weekdays_of,
)


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (2024, dt.date(2024, 2, 10)),
        (2025, dt.date(2025, 1, 29)),
        (2026, dt.date(2026, 2, 17)),
        (2027, dt.date(2027, 2, 6)),
        (2028, dt.date(2028, 1, 26)),
    ],
)
def test_tet_is_where_the_moon_puts_it(year: int, day: dt.date) -> None:
    assert tet(year) == day


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-02-02", 0),
        ("2026-02-03", 2),
        ("2026-02-09", 2),
        ("2026-02-10", 3),
        ("2026-02-15", 3),
        ("2026-02-16", 4),
        ("2026-02-17", 4),
        ("2026-02-20", 4),
        ("2026-02-21", 5),
        ("2026-02-24", 5),
        ("2026-02-25", 6),
        ("2026-03-03", 6),
        ("2026-03-04", 0),
        ("2026-04-30", 1),
        ("2026-09-02", 1),
        ("2027-02-05", 4),
        ("2027-02-06", 4),
        ("2027-01-22", 0),
        ("2027-01-23", 2),
        ("2027-02-20", 6),
        ("2027-02-21", 0),
        ("2026-11-22", 0),
    ],
)
def test_the_kind_of_a_day(day: str, kind: int) -> None:
    assert kinds_of(dt.date.fromisoformat(day), 1).tolist() == [kind]


def test_what_is_announced_goes_before_the_calendar() -> None:
    day = dt.date(2026, 11, 25)

    assert kinds_of(day, 1, {day: False}).tolist() == [1]
    assert kinds_of(dt.date(2026, 9, 2), 1, {dt.date(2026, 9, 2): True}).tolist() == [0]


FIRST, DAYS = dt.date(2024, 11, 18), 728
WEEKDAYS = np.array([1.1, 1.0, 1.0, 1.0, 1.1, 1.1, 0.7])
SPECIAL = np.array([1.0, 0.8, 1.2, 1.3, 0.5, 0.8, 0.9])


def test_the_truth_is_learnt_from_two_years() -> None:
    weekdays, kinds = weekdays_of(FIRST, DAYS), kinds_of(FIRST, DAYS)
    growing = 80 * np.exp(np.arange(DAYS) / 1000)
    mean = growing * WEEKDAYS[weekdays] * SPECIAL[kinds]

    found = season_of(np.random.default_rng(1).poisson(mean).astype(float), weekdays, kinds)

    assert found.weekday == pytest.approx(WEEKDAYS, rel=0.05)
    assert found.special == pytest.approx(SPECIAL, rel=0.12)


def test_what_was_never_seen_has_no_effect_and_a_wide_margin() -> None:
    first = dt.date(2026, 5, 10)
    weekdays, kinds = weekdays_of(first, 180), kinds_of(first, 180)
    counts = np.full(180, 50.0)

    found = season_of(counts, weekdays, kinds)

    assert found.special[2:] == pytest.approx(np.ones(KINDS - 2))
    assert np.sqrt(found.unsure[2:]) == pytest.approx(np.full(KINDS - 2, 0.316), abs=0.01)
    assert found.unsure[0] == 0


def test_few_reports_stay_near_their_province_many_go_their_own_way() -> None:
    weekdays, kinds = weekdays_of(FIRST, DAYS), kinds_of(FIRST, DAYS)
    sundays = np.where(weekdays == 6, 1.0, 0.0)

    few = season_of(sundays * 0.1, weekdays, kinds, FLAT).weekday[6]
    many = season_of(sundays * 100, weekdays, kinds, FLAT).weekday[6]

    assert few < 1.5
    assert many > 4


def test_a_ward_leans_from_its_province_as_far_as_it_has_shown() -> None:
    weekdays = weekdays_of(FIRST, DAYS)
    province = np.full(DAYS, 100.0)
    counts = np.stack([np.where(weekdays == 5, 14.0, 1.0), np.where(weekdays == 5, 0.02, 0.0)])

    lean = leaning(counts, province, weekdays)

    assert lean[0, 5] > 3
    assert lean[1] == pytest.approx(np.ones(7), abs=0.1)
    assert lean.mean(axis=1) == pytest.approx([1, 1])


def test_a_year_of_tet_is_never_quite_like_the_next() -> None:
    weekdays, kinds = weekdays_of(FIRST, DAYS), kinds_of(FIRST, DAYS)

    found = season_of(np.full(DAYS, 1000.0), weekdays, kinds)

    assert np.all(found.unsure[1:] >= YEARLY**2)
