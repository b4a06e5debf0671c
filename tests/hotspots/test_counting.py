"""Which reports count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from api.hotspots.counting import Incidents, arranged, counted, reporters_around
from geo import grid
from geo.grid import parents
from tests.hotspots.maps import LAST, disc, reports, round_area

CELLS = disc(9)


@st.composite
def sent(draw: st.DrawFn) -> Incidents:
    """Some reports by a few people, over an area of several places."""
    row = st.tuples(st.integers(0, len(CELLS) - 1), st.integers(0, 100), st.integers(0, 4))
    rows = draw(st.lists(row, max_size=40))
    at, ages, who = np.array(rows, np.int64).reshape(-1, 3).T
    return Incidents(CELLS[at], LAST - ages, who)


def as_set(incidents: Incidents) -> set[tuple[int, int, int]]:
    columns = (incidents.cells, incidents.days, incidents.reporters)
    return set(zip(*(column.tolist() for column in columns), strict=True))


@given(sent(), st.sampled_from([7, 28, 90]))
def test_a_reporter_counts_once_per_place_and_period(incidents: Incidents, days: int) -> None:
    kept = counted(incidents, last=LAST, days=days)

    def key(each: tuple[int, int, int]) -> tuple[int, int, int]:
        cell, day, who = each
        return int(parents(np.array([cell], np.uint64), 7)[0]), (LAST - day) // days, who

    everything, left = as_set(incidents), as_set(kept)
    assert left <= everything
    assert len(kept) == len({key(each) for each in everything})
    assert {key(each) for each in left} == {key(each) for each in everything}
    latest = {key(each): each[1] for each in sorted(everything, key=lambda each: each[1])}
    assert all(day == latest[key((cell, day, who))] for cell, day, who in left)


@given(sent(), st.sampled_from([(7, 28), (7, 90), (28, 90)]))
def test_a_longer_window_counts_fewer_but_never_others_of_the_shorter_ones_days(
    incidents: Incidents, windows: tuple[int, int]
) -> None:
    short, long = (as_set(counted(incidents, last=LAST, days=days)) for days in windows)

    recent = {each for each in long if LAST - each[1] < windows[0]}
    assert recent == {each for each in short if LAST - each[1] < windows[0]}


def columns(incidents: Incidents) -> list[list[int]]:
    return [each.tolist() for each in (incidents.cells, incidents.days, incidents.reporters)]


@given(sent(), st.sampled_from([7, 28, 90]), st.sampled_from([7, 8, 9]), st.integers(0, 100))
def test_reports_in_order_once_are_counted_as_if_put_in_order_each_time(
    incidents: Incidents, days: int, resolution: int, age: int
) -> None:
    coarse = Incidents(parents(incidents.cells, resolution), incidents.days, incidents.reporters)
    once = arranged(incidents).by(resolution)

    kept = once.only(once.days <= LAST - age).counted(last=LAST, days=days)

    anew = counted(coarse.only(coarse.days <= LAST - age), last=LAST, days=days)
    assert columns(kept) == columns(anew)
    assert kept.repeated.tolist() == anew.repeated.tolist()


@given(sent())
def test_the_order_of_the_rows_says_nothing(incidents: Incidents) -> None:
    order = np.random.default_rng(0).permutation(len(incidents))

    kept = counted(incidents, last=LAST, days=28)

    assert as_set(kept) == as_set(counted(incidents.only(order), last=LAST, days=28))


@given(sent())
def test_reporters_of_a_neighbourhood_are_counted_once(incidents: Incidents) -> None:
    area = round_area(9)
    at = grid.positions(area.cells, incidents.cells)

    found = reporters_around(at, incidents.reporters, area.neighbourhoods)

    for row, members in enumerate(area.neighbourhoods.members):
        assert found[row] == len(set(incidents.reporters[np.isin(at, members)].tolist()))


@given(sent(), st.sampled_from([7, 28, 90]))
def test_who_reports_again_and_again_is_known(incidents: Incidents, days: int) -> None:
    kept = counted(incidents, last=LAST, days=days)

    place, period = parents(incidents.cells, 7), (LAST - incidents.days) // days
    for cell, day, who, repeated in zip(
        *(each.tolist() for each in vars(kept).values()), strict=True
    ):
        own = parents(np.array([cell], np.uint64), 7)[0]
        same = (place == own) & (period == (LAST - day) // days) & (incidents.reporters == who)
        assert repeated == (same.sum() > 1)


def test_reports_without_a_reporter_are_all_counted() -> None:
    assert len(counted(reports(np.repeat(CELLS[:1], 50)), last=LAST, days=28)) == 50


def test_nothing_counts_as_nothing() -> None:
    assert len(counted(reports(CELLS[:0]), last=LAST, days=28)) == 0
