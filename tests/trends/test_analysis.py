"""Whole provinces: weekdays, Tết, silence and rises, each worked out by hand."""

import datetime as dt

import numpy as np
import pytest

from api.trends.alerts import once
from api.trends.analysis import Analysis, forecast
from api.trends.answers import Asked, answer_of
from api.trends.seasons import kinds_of
from api.trends.series import ALL, GROUPS, Series

WEEKS = 104
TET_KIND = 4


def province(daily: np.ndarray, last: dt.date) -> Analysis:
    """The analysis of wards by day, when everybody reports thefts and only once."""
    days = daily.shape[1]
    counts = np.zeros((len(GROUPS), *daily.shape))
    counts[ALL] = counts[1] = daily
    weekly = counts.reshape(len(GROUPS), len(daily), -1, 7).sum(axis=3)
    windows = {}
    for span in (1, 4):
        each = weekly[:, :, -span:].sum(axis=2)
        windows[span] = np.concatenate([each, each.sum(axis=1, keepdims=True)], axis=1)
    narrow = np.zeros((len(GROUPS), len(daily) + 1, days // 7), dtype=np.bool_)
    first = last - dt.timedelta(days - 1)
    codes = tuple(f"{ward:05}" for ward in range(len(daily)))
    return Analysis(
        Series(
            first, codes, counts, weekly, weekly.sum(axis=1), counts.sum(axis=1), windows, 0, narrow
        )
    )


def flat(last: dt.date, *, each: float = 8.0, wards: int = 5, tet: float = 0.5) -> np.ndarray:
    """The same every day but at Tết."""
    kinds = kinds_of(last - dt.timedelta(7 * WEEKS - 1), 7 * WEEKS)
    return np.outer(np.full(wards, each), np.where(kinds == TET_KIND, tet, 1.0))


def next_week(analysis: Analysis) -> float:
    return forecast(analysis.model(ALL, of_wards=False), 0, 1).mean


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        # An ordinary week: seven days of 5 x 8.
        (dt.date(2026, 1, 18), 280),
        # 16 to 20 February 2026 are the feast: two days of 40, five of 20.
        (dt.date(2026, 2, 15), 180),
        # 1 to 7 February 2027: four days of 40, and 5, 6 and 7 February, of 20.
        (dt.date(2027, 1, 31), 220),
        # 8 and 9 February are the feast still; the rest of that week is ordinary.
        (dt.date(2027, 2, 7), 240),
    ],
)
def test_tet_moves_and_what_is_expected_moves_with_it(last: dt.date, expected: float) -> None:
    assert next_week(province(flat(last), last)) == pytest.approx(expected, rel=0.06)


def test_a_weekday_is_worth_what_it_was() -> None:
    last = dt.date(2026, 11, 15)
    daily = flat(last, tet=1.0)
    daily[:, 6::7] = 2.0

    days = province(daily, last).days(ALL).daily[-7:]

    assert days[6] / days[0] == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("weeks", [WEEKS, 30])
def test_a_quiet_tet_is_no_silence_though_it_was_never_seen(weeks: int) -> None:
    last = dt.date(2026, 2, 22)
    daily = flat(last)
    daily[:, : -7 * weeks] = 0

    assert province(daily, last).changes == []


def test_the_same_fall_in_an_ordinary_week_is_one() -> None:
    last = dt.date(2026, 5, 24)
    daily = flat(last)
    daily[:, -7:-2] *= 0.3

    found = province(daily, last).changes

    assert {(each.ward, each.direction, each.group) for each in found} >= {(None, "fewer", "all")}


def test_a_quiet_series_makes_a_plain_answer() -> None:
    last = dt.date(2026, 11, 15)

    answer = answer_of(province(flat(last), last), Asked(None, ALL, "day"))

    assert answer["step"] == "day"
    assert answer["changes"] == []
    assert [point["count"] for point in answer["series"]] == [40] * 91
    assert {point["expected"] for point in answer["series"]} == {40}


def test_a_service_of_six_weeks_expects_nothing_yet() -> None:
    last = dt.date(2026, 11, 15)
    daily = flat(last)
    daily[:, : -7 * 6] = 0

    answer = answer_of(province(daily, last), Asked(None, ALL, "week"))

    assert (answer["weeks_known"], answer["forecasts"], answer["changes"]) == (6, [], [])
    assert [point["count"] for point in answer["series"]] == [280] * 6
    assert {point["expected"] for point in answer["series"]} == {None}


def test_before_the_first_report_there_is_nothing_at_all() -> None:
    answer = answer_of(
        province(np.zeros((5, 7 * WEEKS)), dt.date(2026, 11, 15)), Asked(2, 3, "week")
    )

    assert (answer["weeks_known"], answer["series"]) == (0, [])


def test_a_whole_province_that_falls_silent_is_told_once() -> None:
    last = dt.date(2026, 11, 15)
    daily = flat(last, wards=30)
    daily[:, -28:] = 0

    found = province(daily, last).changes

    assert len({each.ward for each in found}) == 31
    assert [(each.ward, each.direction) for each in once(found)] == [(None, "fewer")]
    assert len(once([each for each in found if each.ward is not None])) == 30
