"""Every statistic against an implementation that is not ours."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from api.hotspots import ranking
from api.hotspots.gi_star import gi_star, moments
from api.hotspots.patterns import Pattern, Steps, classify, mann_kendall
from api.hotspots.ranking import (
    BANDWIDTHS_M,
    bands,
    likelihood,
    scores,
    smoothed,
    surroundings,
    weights,
)
from api.hotspots.significance import adjusted, at_least, share_between
from geo import grid
from geo.grid import EARTH_RADIUS_M, Cells, Floats, Ints
from tests.hotspots.maps import disc

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what these say while they load is not ours to mend
    import pymannkendall
    from esda.getisord import G_Local
    from libpysal.weights import W


@st.composite
def counted_cells(draw: st.DrawFn) -> tuple[Cells, Ints]:
    """Some cells, whole or with holes, and a count for each; all alike or all nothing too."""
    cells = disc(draw(st.integers(1, 3)), draw(st.sampled_from([8, 9])))
    kept = draw(st.lists(st.booleans(), min_size=len(cells), max_size=len(cells)))
    cells = cells[np.array(kept)] if sum(kept) >= 2 else cells
    counts = st.lists(st.integers(0, 50), min_size=len(cells), max_size=len(cells))
    alike = st.integers(0, 9).map(lambda count: [count] * len(cells))
    return cells, np.array(draw(counts | alike), np.int64)


def our_z(cells: Cells, counts: Ints) -> Floats:
    """Gi* of the counts."""
    around = grid.neighbourhoods(cells)
    mean, deviation = moments(counts)
    return gi_star(around.sums(counts), around.sizes, mean=mean, deviation=deviation)


def esdas_z(cells: Cells, counts: Ints) -> Floats:
    """The same from esda; where it divides by nothing it answers with no number."""
    around = grid.neighbourhoods(cells)
    near = {
        each: [int(other) for other in row if other < len(cells)]
        for each, row in enumerate(around.members)
    }
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it warns of islands and of what it divides by nothing
        weights = W(near, silence_warnings=True)
        found = G_Local(counts.astype(float), weights, transform="B", permutations=0, star=None)
    return np.asarray(found.Zs)


@settings(max_examples=150, deadline=None)
@given(counted_cells())
def test_gi_star_is_esdas(case: tuple[Cells, Ints]) -> None:
    ours = our_z(*case)

    theirs = esdas_z(*case)
    different = len(np.unique(case[1])) > 1
    sizes = grid.neighbourhoods(case[0]).sizes
    possible = different & (sizes < len(sizes))
    assert np.isfinite(ours).all()
    assert np.abs(ours - theirs)[possible].max(initial=0) <= 1e-9
    assert not ours[~possible].any()


@pytest.mark.parametrize("count", [0, 7])
def test_where_all_cells_are_alike_nothing_stands_out(count: int) -> None:
    cells = disc(3)

    z = our_z(cells, np.full(len(cells), count))

    assert not z.any()


def test_gi_star_of_one_cell_or_none_is_nothing() -> None:
    assert our_z(disc(0), np.array([5])).tolist() == [0.0]
    assert our_z(disc(0)[:0], np.array([], np.int64)).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_is_benjamini_and_hochbergs(p: list[float]) -> None:
    ours = adjusted(np.array(p))

    assert np.abs(ours - stats.false_discovery_control(p)).max() <= 1e-9


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80), st.floats(0, 1)), min_size=1))
def test_the_tail_is_the_exact_binomial(cases: list[tuple[int, int, float]]) -> None:
    found, trials, chance = (np.array(column) for column in zip(*cases, strict=True))

    ours = at_least(found, trials, chance)

    assert np.allclose(ours, stats.binom.sf(found - 1, trials, chance), rtol=1e-9, atol=1e-15)


@given(st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(max(n, 1)))))
def test_the_interval_is_clopper_and_pearsons(case: tuple[int, int]) -> None:
    found, trials = case

    low, high = share_between(np.array([found]), trials)

    theirs = stats.binomtest(found, trials).proportion_ci(method="exact")
    assert [low[0], high[0]] == pytest.approx([theirs.low, theirs.high], abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.integers(-6, 6) | st.floats(-3, 3), min_size=3, max_size=20))
def test_mann_kendall_is_pymannkendalls(series: list[float]) -> None:
    s, p = mann_kendall(np.array([series], float))

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it divides by the variance of a constant
        theirs = pymannkendall.original_test(series)
    assert s[0] == theirs.s
    assert p[0] == pytest.approx(theirs.p if theirs.s else 1.0, abs=1e-6)


def a_place(hot: str, trend: int = 0, usual: int = 0) -> Pattern:
    """The pattern of one place: its hot steps as ones, and whether its z rises or falls.

    It has ten reports in a hot step and the `usual` number in others, of a thousand everywhere.
    """
    steps = np.array([[step == "1" for step in hot]])
    found = np.where(steps, 10, usual)
    z, totals = trend * np.arange(len(hot), dtype=float)[None, :], np.full(len(hot), 1_000)
    return Pattern(classify(Steps(steps, z, found, found, totals, totals))[0])


@pytest.mark.parametrize(
    ("hot", "trend", "pattern"),
    [
        ("000000000001", 0, "new"),
        ("000000000001", 1, "new"),  # its trend is not asked for
        ("000000000011", 0, "consecutive"),
        ("001111111111", 0, "consecutive"),  # ten of twelve are less than nine tenths
        ("011111111111", 0, "persistent"),
        ("111111111111", 0, "persistent"),
        ("110111111111", 0, "persistent"),
        ("111111111111", 1, "intensifying"),
        ("011111111111", 1, "intensifying"),
        ("111111111111", -1, "diminishing"),
        ("111111011111", -1, "diminishing"),
        ("100000000001", 0, "sporadic"),
        ("010101010101", 0, "sporadic"),
        ("110000000011", 0, "sporadic"),  # hot at the end for two, but hot before as well
        ("111111111110", 0, "historical"),
        ("111111111110", 1, "historical"),
        ("111111111100", 0, "none"),  # ten of twelve and over
        ("000000000010", 0, "none"),
        ("000000000000", 0, "none"),
        ("111111111", 0, "none"),  # nine weeks are too few to say anything
        ("1111111111", 0, "persistent"),
        ("", 0, "none"),
    ],
)
def test_a_pattern_is_what_esri_publishes(hot: str, trend: int, pattern: str) -> None:
    assert a_place(hot, trend) == pattern


@pytest.mark.parametrize("hot", ["000000000001", "000000000011"])
def test_a_busy_place_that_was_just_below_the_line_is_not_new(hot: str) -> None:
    assert a_place(hot, usual=1) in {"new", "consecutive"}
    assert a_place(hot, usual=8) == "sporadic"


def test_a_trend_that_chance_would_show_is_none() -> None:
    z = np.array([[3.0, 4, 3, 5, 3, 4, 5, 3, 4, 5, 3, 4]])
    found, totals = np.full((1, 12), 10), np.full(12, 1_000)

    steps = Steps(np.ones((1, 12), bool), z, found, found, totals, totals)

    assert classify(steps)[0] == "persistent"


def heights(cells: Cells, metres: float) -> Floats:
    """A Gaussian of height 1 over each cell, at each cell, cut at three standard deviations."""
    lon, lat = np.radians(grid.centres(cells)).T
    half = (lon[:, None] - lon) / 2, (lat[:, None] - lat) / 2
    haversine = np.sin(half[1]) ** 2 + np.cos(lat[:, None]) * np.cos(lat) * np.sin(half[0]) ** 2
    apart = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(haversine))
    return np.where(apart <= 3 * metres, np.exp(-0.5 * (apart / metres) ** 2), 0)


@settings(max_examples=60, deadline=None)
@given(counted_cells())
def test_smoothing_is_a_gaussian_on_the_sphere(case: tuple[Cells, Ints]) -> None:
    cells, counts = case

    ours = smoothed(counts.astype(float), grid.centres(cells))

    assert len(ours) == len(BANDWIDTHS_M)
    for metres, smooth in zip(BANDWIDTHS_M, ours, strict=True):
        naive = heights(cells, metres)
        assert np.allclose(smooth.spread, naive @ counts, rtol=1e-6, atol=1e-9)
        assert np.allclose(smooth.reach, np.where(counts > 0, naive.sum(axis=1), 0), rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(counted_cells())
def test_a_map_is_judged_by_what_it_tells_of_each_report_without_it(
    case: tuple[Cells, Ints],
) -> None:
    cells, counts = case

    for metres, smooth in zip(
        BANDWIDTHS_M, smoothed(counts.astype(float), grid.centres(cells)), strict=True
    ):
        naive = heights(cells, metres)
        told = 0.0
        for at in np.repeat(np.arange(len(cells)), counts):
            without = counts.astype(float)
            without[at] -= 1
            density = naive @ without
            share = density[at] / density.sum() if density.any() else 0
            told += np.log(0.95 * share + 0.05 / len(cells))
        assert likelihood(counts.astype(float), smooth) == pytest.approx(told, rel=1e-6, abs=1e-9)


def test_the_surroundings_are_as_wide_as_reports_lie_together() -> None:
    cells = disc(12, 9)
    centres, rng = grid.centres(cells), np.random.default_rng(1)
    crowded, scattered = np.zeros(len(cells)), (rng.random(len(cells)) < 0.1).astype(float)
    crowded[rng.choice(len(cells), 12, replace=False)] = 30

    for counts, metres in ((crowded, 250), (scattered, 1_000)):
        naive = heights(cells, metres) @ counts
        expected = naive * counts.sum() / naive.sum()
        assert np.allclose(surroundings(counts, centres), expected, rtol=1e-6)
        assert surroundings(counts, centres).sum() == pytest.approx(counts.sum())


def test_a_lone_report_says_least_of_its_surroundings() -> None:
    cells = disc(4)
    lone = np.zeros(len(cells))
    lone[7] = 1

    expected = surroundings(lone, grid.centres(cells))

    widest = heights(cells, 1_000)[7]
    assert np.allclose(expected, widest / widest.sum(), rtol=1e-6)


def test_a_score_is_the_formula() -> None:
    cells = disc(4)
    counts = np.zeros(len(cells))
    counts[[3, 3, 20]] = [5, 5, 1]
    expected = surroundings(counts, grid.centres(cells))

    score = scores(counts, grid.centres(cells))

    assert score[3] == pytest.approx((5 + 3) / (1 + 3 / expected[3]))
    assert score[4] == pytest.approx(3 / (1 + 3 / expected[4]))
    assert not scores(np.zeros(len(cells)), grid.centres(cells)).any()


def test_neighbours_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = disc(6)
    counts = np.random.default_rng(2).poisson(1.0, len(cells)).astype(float)
    whole = scores(counts, grid.centres(cells))

    monkeypatch.setattr(ranking, "AT_ONCE", 5)

    assert np.allclose(scores(counts, grid.centres(cells)), whole, rtol=1e-12)


def test_a_report_loses_half_its_weight_in_sixty_days_or_in_a_long_history_in_180() -> None:
    assert weights(np.array([0, 60, 120])).tolist() == [1, 0.5, 0.25]
    assert weights(np.array([0, 180, 364])).tolist() == pytest.approx([1, 0.5, 2 ** (-364 / 180)])
    assert weights(np.array([], np.int64)).tolist() == []


def test_bands_are_shares_of_the_area_and_ties_follow_the_cells() -> None:
    score = np.concatenate([np.zeros(100), [5.0, 4.0], np.zeros(98)])

    band = bands(score)

    assert band[[100, 101]].tolist() == ["top1", "top1"]
    assert [int((band == name).sum()) for name in ("top1", "top5", "top10", "rest")] == [
        2,
        8,
        10,
        180,
    ]
    assert set(band[:8]) == {"top5"}
    assert set(band[8:18]) == {"top10"}


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_no_band_holds_a_higher_score_than_the_one_before(score: list[float]) -> None:
    band = bands(np.array(score))

    held = [np.array(score)[band == name] for name in ("top1", "top5", "top10", "rest")]
    full = [part for part in held if len(part)]
    assert all(before.min() >= after.max() for before, after in pairwise(full))
