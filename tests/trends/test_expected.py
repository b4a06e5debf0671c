"""What is expected and what is found, against simulations of a known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from api.hotspots.significance import adjusted
from api.trends import protection, tails
from api.trends.analysis import LEVELS, forecast
from api.trends.changes import FALSE_SHARE, windows_of
from api.trends.expected import BURN_IN, model_of

WEEKS = 80


def flat(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weeks without a season, and four to come."""
    return counts.astype(float), np.full((len(counts), WEEKS + 4), 7.0), np.zeros(WEEKS + 4)


@given(
    st.integers(0, 200),
    st.floats(0.05, 150),
    st.floats(1.0, 6.0),
)
def test_the_tails_are_those_of_the_negative_binomial(
    count: int, mean: float, dispersion: float
) -> None:
    m, v = np.array(mean), np.array(mean * (dispersion + 1e-3))
    size = mean**2 / (float(v) - mean)
    judge = stats.nbinom(size, size / (size + mean))

    assert tails.at_least(count, m, v) == pytest.approx(judge.sf(count - 1), rel=1e-6, abs=1e-12)
    assert tails.at_most(count, m, v) == pytest.approx(judge.cdf(count), rel=1e-6, abs=1e-12)
    assert tails.log_chance(count, m, v) == pytest.approx(judge.logpmf(count), rel=1e-5, abs=1e-6)


def test_without_dispersion_they_are_those_of_poisson() -> None:
    counts, mean = np.arange(0, 40.0), np.full(40, 12.0)

    assert tails.at_least(counts, mean, mean) == pytest.approx(
        stats.poisson.sf(counts - 1, 12), rel=1e-5
    )
    assert tails.log_chance(counts, mean, mean) == pytest.approx(
        stats.poisson.logpmf(counts, 12), rel=1e-5
    )


def test_intervals_hold_as_many_as_they_say_even_of_small_counts() -> None:
    rng = np.random.default_rng(2)
    for mean in (12.0, 30.0, 200.0):
        seen = rng.poisson(mean, 20_000)
        for level, slack in ((50, 0.11), (80, 0.06), (95, 0.03)):
            out = (1 - level / 100) / 2
            low, high = (
                tails.quantile(each, np.array([mean]), np.array([mean])) for each in (out, 1 - out)
            )
            inside = np.mean((seen >= low) & (seen <= high))
            assert inside == pytest.approx(level / 100, abs=slack)


def test_a_level_that_stands_still_is_found_and_one_that_grows_is_followed() -> None:
    rng = np.random.default_rng(3)
    still = model_of(*flat(rng.poisson(100, (1, WEEKS))))
    growing = model_of(*flat(rng.poisson(100 * 1.02 ** np.arange(WEEKS), (1, WEEKS))))

    assert still.outlook(1).mean[0, WEEKS] == pytest.approx(100, rel=0.06)
    assert growing.outlook(1).mean[0, WEEKS] == pytest.approx(100 * 1.02**WEEKS, rel=0.08)


def test_calibration_over_many_series_with_more_than_poisson_noise() -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(60 * rng.gamma(8, 1 / 8, (80, WEEKS)))
    inside: dict[int, list[float]] = {level: [] for level in LEVELS}
    for row in counts:
        model = model_of(*flat(row[None]))
        for weeks in (1, 4):
            for level, share in forecast(model, 0, weeks).right.items():
                inside[level].append(share)

    for level in LEVELS:
        assert np.mean(inside[level]) == pytest.approx(level / 100, abs=0.06)


def nights(rng: np.random.Generator, rise: float = 1.0) -> tuple[bool, bool]:
    """Whether anything is found in a province of 126 wards, and in the one ward that rose."""
    mean = np.outer(3 * rng.gamma(1.2, 1 / 1.2, 126) + 0.1, np.ones(WEEKS))
    mean[0] = 12
    mean[0, -1] *= rise
    counts = rng.poisson(mean * rng.gamma(10, 0.1, mean.shape))
    found = np.stack([each.more for each in windows_of(*flat(counts))])
    flags = adjusted(found) <= FALSE_SHARE
    return bool(flags.any()), bool(flags[:, 0].any())


def test_where_nothing_has_changed_hardly_anything_is_found() -> None:
    rng = np.random.default_rng(5)

    false = sum(nights(rng)[0] for _ in range(60))

    assert false <= 3


def test_a_fivefold_rise_of_an_ordinary_ward_is_mostly_found() -> None:
    rng = np.random.default_rng(6)

    right = sum(nights(rng, rise=5)[1] for _ in range(20))

    assert right >= 15


def test_the_outbreak_of_the_past_hides_no_other() -> None:
    counts = np.random.default_rng(7).poisson(20, (3, WEEKS))
    counts[0, -20] = 120
    counts[0, -1] = 60

    assert windows_of(*flat(counts))[0].more[0] < 1e-5


def test_a_ward_that_falls_silent_is_found_over_four_weeks() -> None:
    counts = np.random.default_rng(8).poisson(12, (126, WEEKS))
    counts[5, -4:] = 0

    fewer = adjusted(np.stack([each.fewer for each in windows_of(*flat(counts))]))

    assert np.argwhere(fewer.min(axis=0) <= FALSE_SHARE).ravel().tolist() == [5]


def test_too_little_is_known_to_test_a_young_service() -> None:
    counts = np.full((3, BURN_IN), 9.0)

    assert windows_of(counts, np.full((3, BURN_IN + 4), 7.0), np.zeros(BURN_IN + 4)) == []


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_a_whole_beside_its_parts_proves_nobody_of_fewer_than_five(
    parts: list[int],
) -> None:
    counts = [np.array([float(part)]) for part in parts]
    small = sum(part for part in parts if part < protection.STEP)
    whole = np.array([float(sum(parts))])

    told = protection.lowered(whole, counts, hidden=np.array([float(small)]))

    most = sum(
        protection.at_most(protection.floored(part))[0]
        for part in counts
        if protection.floored(part)[0]
    )
    assert told <= whole
    assert told % protection.STEP == 0
    if 0 < small < protection.STEP:
        assert told <= most
