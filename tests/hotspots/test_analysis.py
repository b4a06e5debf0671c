"""What a map says of made-up places: nothing of chance, something of what is there.

Small versions of the maps of `bench/hotspots.py`, which holds the full ones.
"""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from api.hotspots.analysis import analyse, area_of
from api.hotspots.counting import Incidents
from geo.grid import parents
from tests.hotspots.maps import (
    AS_OF,
    LAST,
    by_chance,
    disc,
    reports,
    ring,
    round_area,
    table,
    together,
)

AREA = round_area(18)
"""1,027 cells: a quarter of the maps of the bench, with a quarter of their reports."""

MAPS = 40


@pytest.mark.parametrize("n", [50, 250, 1_000])
def test_chance_is_hardly_ever_called_a_hotspot(n: int) -> None:
    rng = np.random.default_rng(n)

    flagged = sum(table(by_chance(rng, AREA, n), AREA).is_hotspot.any() for _ in range(MAPS))

    assert flagged <= 0.05 * MAPS


def test_a_lasting_pattern_without_news_is_hardly_ever_called_rising_or_new() -> None:
    rng = np.random.default_rng(77)
    share = rng.pareto(1.2, len(AREA.cells)) + 0.05
    rising, new, busy = 0, 0, 0
    for _ in range(MAPS):
        at = rng.choice(len(share), 6_000, p=share / share.sum())
        found = table(reports(AREA.cells[at], LAST - rng.integers(0, 392, 6_000)), AREA)
        rising += bool(found.is_rising.any())
        new += bool(np.isin(found.pattern, ["new", "consecutive"]).any())
        busy += bool((found.pattern == "sporadic").any())

    assert busy, "no place is near the line"
    assert rising <= 0.05 * MAPS
    assert new <= 0.05 * MAPS


def test_a_place_with_ten_times_the_risk_is_found() -> None:
    rng = np.random.default_rng(2)
    middle = ring(AREA)
    found, elsewhere = 0, 0
    for _ in range(MAPS):
        hotspots = table(by_chance(rng, AREA, 250, risk=10), AREA).is_hotspot
        found += bool(hotspots[middle].any())
        near = AREA.neighbourhoods.members[middle]
        elsewhere += int(np.delete(hotspots, np.unique(near)).sum())

    assert found >= 0.9 * MAPS
    assert elsewhere <= 0.7 * MAPS


def test_what_becomes_more_is_rising_and_what_was_always_so_is_not() -> None:
    rng = np.random.default_rng(3)
    before = by_chance(rng, AREA, 3_000, days=392)
    place, busy = AREA.cells[ring(AREA)], AREA.cells[40]
    burst = reports(np.repeat(place, 2), LAST, np.arange(14))
    usual = reports(np.repeat(busy, 390), LAST - np.arange(390), 5_000 + np.arange(390))

    found = table(together(before, burst, usual), AREA)

    assert found.is_rising[ring(AREA)].all()
    assert found.is_hotspot[40]
    assert not found.is_rising[40]


@pytest.mark.parametrize("devices", [1, 3])
@pytest.mark.parametrize("scatter", [1, 7], ids=["one cell", "neighbourhood"])
def test_a_flood_from_few_devices_paints_nothing(devices: int, scatter: int) -> None:
    rng = np.random.default_rng(devices)
    flagged = 0
    for _ in range(MAPS):
        target = AREA.neighbourhoods.members[rng.integers(len(AREA.cells))]
        target = target[target < len(AREA.cells)][:scatter]
        flood = reports(
            AREA.cells[rng.choice(target, 50)],
            LAST - rng.integers(0, 28, 50),
            rng.integers(0, devices, 50),
        )
        found = table(together(by_chance(rng, AREA, 250), flood), AREA)
        flagged += bool(found.is_hotspot.any() or found.is_rising.any())
        assert (found.reporters >= 5)[found.is_hotspot].all()

    assert flagged <= 0.05 * MAPS


def test_three_who_insist_and_two_by_chance_are_no_hotspot() -> None:
    place, rng = AREA.cells[ring(AREA)[:1]], np.random.default_rng(12)
    others = reports(place.repeat(2))
    once, again = (reports(place.repeat(3 * n), LAST, np.arange(3 * n) % 3) for n in (1, 16))
    background = by_chance(rng, round_area(8), 20)

    quiet, insisted = (table(together(background, others, each), AREA) for each in (once, again))

    assert quiet.is_hotspot[ring(AREA)].all()
    assert not insisted.is_hotspot.any()
    assert np.array_equal(quiet.p, insisted.p)


def test_reporters_at_the_meeting_of_places_count_there_once() -> None:
    """Four people who report from each of three places they stand between are four people."""
    whole = (row[row < len(AREA.cells)] for row in AREA.neighbourhoods.members)
    between = next(row for row in whole if len(set(parents(AREA.cells[row], 7))) == 3)
    flood = [reports(AREA.cells[between], LAST, reporter) for reporter in range(4)]

    found = table(together(*flood, by_chance(np.random.default_rng(4), AREA, 250)), AREA)

    assert found.around.max() > found.reporters.max()
    assert found.q.min() <= 0.05
    assert not found.is_hotspot.any()


def test_p_and_expected_are_about_the_neighbourhood() -> None:
    incidents = by_chance(np.random.default_rng(5), AREA, 300)

    found = table(incidents, AREA)

    share = AREA.neighbourhoods.sizes / len(AREA.cells)
    assert found.counts.sum() == 300
    assert np.array_equal(found.around, AREA.neighbourhoods.sums(found.counts))
    assert np.allclose(found.expected, 300 * share)
    assert np.allclose(found.p, stats.binom.sf(found.around - 1, 300, share), rtol=1e-9)
    assert np.allclose(found.q, stats.false_discovery_control(found.p), rtol=1e-9)


def test_emergence_compares_the_neighbourhoods_share_of_two_windows() -> None:
    incidents = by_chance(np.random.default_rng(6), AREA, 900, days=80)

    found = table(incidents, AREA, window=7)

    ages = LAST - incidents.days
    at = np.searchsorted(AREA.cells, incidents.cells)
    now, before = (
        AREA.neighbourhoods.sums(np.bincount(at[rows], minlength=len(AREA.cells)))
        for rows in (ages < 7, (ages >= 7) & (ages < 63))
    )
    chance = (ages < 7).sum() / (ages < 63).sum()
    theirs = stats.binom.sf(now - 1, now + before, chance)
    assert np.allclose(found.p_emergence, theirs, rtol=1e-9)


@pytest.mark.parametrize("window", [7, 28, 90])
@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_next_to_nothing_say_nothing(n: int, window: int) -> None:
    found = table(reports(AREA.cells[:n]), AREA, window)

    assert found.counts.sum() == n
    assert not found.is_hotspot.any()
    assert not found.is_rising.any()
    assert set(found.pattern) == {"none"}
    numbers = (found.score, found.expected, found.p, found.q, found.p_emergence, found.gi_z)
    assert all(np.isfinite(column).all() for column in numbers)
    assert (found.q[found.around == 0] == 1).all()


@pytest.mark.parametrize("cells", [0, 1, 2])
def test_an_area_of_hardly_a_cell_is_no_trouble(cells: int) -> None:
    small = area_of(disc(1)[:cells])

    found = table(reports(np.repeat(disc(1)[:1], 30)), small)

    assert len(found.cells) == cells
    assert not found.is_hotspot.any()
    assert np.isfinite(found.gi_z).all()


def test_without_a_past_nothing_rises_and_no_pattern_is_told() -> None:
    rng = np.random.default_rng(7)
    hot = reports(np.repeat(AREA.cells[ring(AREA)], 10), LAST - rng.integers(0, 28, 70))

    found = table(together(by_chance(rng, AREA, 500), hot), AREA)

    assert found.is_hotspot[ring(AREA)].all()
    assert (found.q_emergence == 1).all()
    assert set(found.pattern) == {"none"}


def a_story(weeks: str, seed: int = 8) -> str:
    """What is said of the middle cell, when in each week marked its neighbourhood was busy."""
    rng = np.random.default_rng(seed)
    place = AREA.cells[ring(AREA)]
    busy = [
        reports(np.repeat(place, 3 + ord(how) - ord("1")), LAST - 7 * (len(weeks) - 1 - week))
        for week, how in enumerate(weeks)
        if how != "."
    ]
    found = table(together(by_chance(rng, AREA, 1_200, days=84), *busy), AREA)
    return str(found.pattern[ring(AREA)[0]])


@pytest.mark.parametrize(
    ("weeks", "pattern"),
    [
        ("...........1", "new"),
        (".........111", "consecutive"),
        ("11..1...1..1", "sporadic"),
        ("111111111111", "persistent"),
        ("11111111111.", "historical"),
        ("123456789:;<", "intensifying"),
        ("<;:987654321", "diminishing"),
        ("............", "none"),
    ],
)
def test_twelve_weeks_tell_a_pattern(weeks: str, pattern: str) -> None:
    assert a_story(weeks) == pattern


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([7, 28, 90]))
def test_bands_of_counts_never_flag_what_the_counts_do_not(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    area = round_area(8)
    incidents = by_chance(rng, area, int(rng.integers(1, 3_000)), days=200, risk=30)

    exact, banded = table(incidents, area, window), table(incidents, area, window, floor_to=5)

    assert (banded.p >= exact.p - 1e-12).all()
    assert (banded.p_emergence >= exact.p_emergence - 1e-12).all()
    assert not (banded.is_hotspot & ~exact.is_hotspot).any()
    assert not (banded.is_rising & ~exact.is_rising).any()
    assert np.array_equal(banded.score, exact.score)


def test_bands_of_counts_hide_whether_a_band_holds_few_or_none() -> None:
    area = round_area(8)
    background = reports(np.repeat(area.cells[ring(area)], 3)[:20])
    tables = [
        table(together(background, reports(np.repeat(area.cells[:1], n))), area, floor_to=5)
        for n in (0, 4)
    ]

    for name in ("p", "q", "p_emergence", "q_emergence", "gi_z", "expected", "is_hotspot"):
        assert np.array_equal(getattr(tables[0], name), getattr(tables[1], name)), name


def test_the_future_and_elsewhere_are_not_counted() -> None:
    here = by_chance(np.random.default_rng(9), AREA, 200)
    future = reports(AREA.cells[:50], LAST + 1)
    elsewhere = reports(disc(25)[:50])
    cells = {*AREA.cells.tolist()}
    assert not cells & {*elsewhere.cells.tolist()}

    found = table(together(here, future, elsewhere), AREA)

    for name, column in vars(table(here, AREA)).items():
        assert np.array_equal(column, getattr(found, name)), name


def test_the_window_ends_with_its_day() -> None:
    ages = np.array([0, 6, 7, 27, 28])
    incidents = reports(np.repeat(AREA.cells[:1], 5), LAST - ages)

    counts = [
        int(analyse(incidents, AREA, as_of=day, window=window).counts.sum())
        for day, window in [(AS_OF, 7), (AS_OF, 28), (AS_OF - dt.timedelta(days=1), 7)]
    ]

    assert counts == [2, 4, 2]


def test_a_table_does_not_depend_on_the_order_of_the_reports() -> None:
    rng = np.random.default_rng(10)
    sent = by_chance(rng, AREA, 400, days=300)
    incidents = Incidents(sent.cells, sent.days, rng.integers(0, 60, 400))

    found = table(incidents.only(rng.permutation(400)), AREA)

    for name, column in vars(table(incidents, AREA)).items():
        assert np.array_equal(column, getattr(found, name)), name
