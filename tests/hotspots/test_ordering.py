"""Rows in order, however large their numbers are, against NumPy's own ways."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from api.hotspots.counting import DENSE, changed, different, numbered, ordered
from api.hotspots.suppression import came_and_went
from geo import grid

SMALL, LARGE = st.integers(0, 9), st.integers(0, 2**62)


def columns(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    return st.lists(st.tuples(numbers, SMALL, numbers), max_size=30)


@given(columns(SMALL) | columns(LARGE))
def test_rows_come_back_in_order(rows: list[tuple[int, int, int]]) -> None:
    found = ordered(*np.array(rows, np.int64).reshape(-1, 3).T)

    assert [tuple(row) for row in np.transpose(found).tolist()] == sorted(rows)


@given(columns(SMALL))
def test_the_last_of_each_run_of_equal_rows_ends_it(rows: list[tuple[int, int, int]]) -> None:
    one, other, _ = np.array(rows, np.int64).reshape(-1, 3).T

    ends = changed(one, other).tolist()

    pairs = list(zip(one.tolist(), other.tolist(), strict=True))
    following = [*pairs[1:], None]
    assert ends == [at for at, pair in enumerate(pairs) if pair != following[at]]


@given(st.lists(st.integers(-50, 50) | st.integers(-(2**60), 2**60), max_size=40))
def test_values_are_numbered_in_their_order(values: list[int]) -> None:
    given_ = np.array(values, np.int64)

    numbers = numbered(given_)

    assert different(given_) == len(set(values))
    assert (np.sign(numbers[:, None] - numbers) == np.sign(given_[:, None] - given_)).all()
    assert all(0 <= number <= DENSE * len(values) for number in numbers.tolist())


@given(st.lists(st.integers(0, 2**40), max_size=40), st.booleans())
def test_different_values_and_where_they_are(values: list[int], in_order: bool) -> None:
    given_ = np.array(sorted(values) if in_order else values, np.int64)

    found, where = grid.distinct(given_)

    assert found.tolist() == grid.in_order(given_).tolist() == sorted(set(values))
    assert (found[where] == given_).all()


@given(*[st.sets(st.tuples(SMALL, st.integers(-5, 5)), max_size=20)] * 2)
def test_who_came_and_who_went_is_counted_by_place(
    now: set[tuple[int, int]], before: set[tuple[int, int]]
) -> None:
    pairs = [np.array(sorted(each), np.int64).reshape(-1, 2).T for each in (now, before)]

    moved = came_and_went((pairs[0][0], pairs[0][1]), (pairs[1][0], pairs[1][1]), 10)

    places = [place for place, _ in now ^ before]
    assert moved.tolist() == [places.count(place) for place in range(10)]
