"""Funnel limits by simulation: equal stations are flagged as seldom as said, a worse one found."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from api.scorecards.funnel import (
    LEAST,
    UNJUDGED,
    Z998,
    Limits,
    Peers,
    dispersion,
    judged,
    peers_of,
    tail,
    wilson,
)

RATE = 0.85
SIZES = {"tiny": (5, 20), "small": (20, 100), "middle": (100, 1000), "large": (1000, 5000)}


def places(hits: Any, out_of: Any, peers: Peers) -> list[str | None]:
    """Where stations lie."""
    return [each.place for each in judged(list(hits), list(out_of), peers)]


def outside(hits: int, out_of: int, limits: Limits | None) -> bool:
    """Whether a station lies at or beyond its limits as they are drawn."""
    assert limits is not None
    rate = hits / out_of
    below = limits.low is not None and rate <= limits.low
    return below or (limits.high is not None and rate >= limits.high)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("drawn", "nominal"), [("limits_95", 0.05), ("limits_998", 0.002)])
def test_equal_stations_are_flagged_at_the_nominal_rate_whatever_their_size(
    size: str, drawn: str, nominal: float
) -> None:
    random = np.random.default_rng(20261122)
    low, high = SIZES[size]
    sizes = random.integers(low, high + 1, 20_000)
    hits = random.binomial(sizes, RATE)

    every = judged(hits.tolist(), sizes.tolist(), Peers(RATE, 1.0, 130))
    found = [
        outside(int(x), int(n), getattr(each, drawn))
        for x, n, each in zip(hits, sizes, every, strict=True)
    ]
    flagged = sum(found) / len(found)

    # Never more often than said; nearly as often where whole numbers allow it.
    assert flagged <= nominal * 1.25
    if low >= 100:
        assert flagged >= nominal * 0.7


def test_a_province_of_equal_stations_of_1_to_5000_flags_one_in_five_hundred() -> None:
    random = np.random.default_rng(7)
    flagged, asked = 0, 0
    for _ in range(60):
        sizes = np.unique(np.geomspace(1, 5000, 130).astype(int)).repeat(2)
        hits = random.binomial(sizes, RATE)
        peers = peers_of(hits.tolist(), sizes.tolist())
        found = places(hits, sizes, peers)
        asked += sum(each is not None for each in found)
        flagged += sum(each in ("below", "above") for each in found)

    assert asked > 8_000
    assert 0.0005 <= flagged / asked <= 0.003


def test_the_tiniest_are_not_the_worst_by_chance() -> None:
    random = np.random.default_rng(11)
    sizes = np.array([3, 5, 8, 20, 60, 200, 900, 3000] * 16)
    worst = []
    for _ in range(200):
        hits = random.binomial(sizes, RATE)
        peers = peers_of(hits.tolist(), sizes.tolist())
        found = places(hits, sizes, peers)
        worst += [n for n, place in zip(sizes, found, strict=True) if place == "below"]

    # 16 of 128 stations are of each size: no size has more than its share of what chance flags.
    tiny = sum(n <= 20 for n in worst)
    assert tiny / (200 * 16 * 4) <= 0.0015


@pytest.mark.parametrize("place", range(3))
def test_a_truly_worse_station_is_found_among_equal_ones(place: int) -> None:
    random = np.random.default_rng(place)
    sizes = random.integers(50, 800, 130)
    hits = random.binomial(sizes, RATE)
    sizes[place], hits[place] = 300, random.binomial(300, RATE - 0.15)
    peers = peers_of(hits.tolist(), sizes.tolist())

    assert places(hits, sizes, peers)[place] == "below"


def test_stations_that_differ_anyway_widen_the_limits_and_a_bad_one_is_still_found() -> None:
    random = np.random.default_rng(3)
    rates = np.clip(random.normal(RATE, 0.04, 130), 0, 1)
    sizes = random.integers(300, 900, 130)
    hits = random.binomial(sizes, rates)
    hits[0] = int(sizes[0] * 0.55)
    peers = peers_of(hits.tolist(), sizes.tolist())
    flagged = [each != "within" for each in places(hits, sizes, peers)]
    bare = Peers(peers.target, 1.0, peers.stations)
    without = [each != "within" for each in places(hits, sizes, bare)]

    assert peers.dispersion > 3
    assert places(hits, sizes, peers)[0] == "below"
    assert (sum(flagged) <= 4, sum(without) > 15) == (True, True)


def test_chance_alone_does_not_widen_the_limits() -> None:
    random = np.random.default_rng(5)
    sizes = random.integers(5, 2000, 130)
    factors = [dispersion(random.binomial(sizes, RATE), sizes, RATE) for _ in range(100)]

    assert factors.count(1.0) >= 90
    assert max(factors) < 1.6


def test_out_of_fewer_than_five_nothing_is_said() -> None:
    peers = Peers(RATE, 1.0, 130)

    assert judged([0, 0], [LEAST - 1, 0], peers) == [UNJUDGED, UNJUDGED]
    assert places([0], [LEAST], peers) == ["below"]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_where_all_are_the_same_nobody_stands_out(rate: float) -> None:
    out_of = [10] * 20
    peers = peers_of([int(10 * rate)] * 20, out_of)

    assert places([int(10 * rate)], [10], peers) == ["within"]


def test_no_case_no_peers() -> None:
    assert peers_of([], []) == Peers(None, 1.0, 0)
    assert peers_of([0, 0], [0, 0]).target is None


@pytest.mark.parametrize(
    ("hits", "out_of", "low", "high"),
    # Newcombe 1998, table I: the method without continuity correction.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_intervals_are_those_of_the_literature(
    hits: int, out_of: int, low: float, high: float
) -> None:
    assert wilson(hits, out_of) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("dispersion", [1.0, 2.3])
def test_the_tails_are_those_of_the_binomial_distribution(dispersion: float) -> None:
    random = np.random.default_rng(23)
    sizes = random.integers(LEAST, 5000, 4000)
    hits = random.binomial(sizes, np.clip(random.normal(RATE, 0.1, 4000), 0, 1))
    seldom = tail(Z998, dispersion)

    below = binom.cdf(hits, sizes, RATE) <= seldom
    above = binom.sf(hits - 1, sizes, RATE) <= seldom
    expected = np.where(below, "below", np.where(above, "above", "within"))

    assert places(hits, sizes, Peers(RATE, dispersion, 130)) == expected.tolist()
    assert {"below", "within", "above"} <= set(expected)


def test_what_is_judged_is_what_is_drawn() -> None:
    peers = Peers(RATE, 1.7, 130)
    for out_of in (5, 6, 13, 40, 177, 2500):
        every = judged(range(out_of + 1), [out_of] * (out_of + 1), peers)
        for hits, found in enumerate(every):
            assert outside(hits, out_of, found.limits_998) == (found.place != "within")
            assert outside(hits, out_of, found.limits_95) >= (found.place != "within")
