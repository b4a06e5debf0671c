"""What could single out a reporter is withheld, and so is what would give it away."""

from hypothesis import given
from hypothesis import strategies as st

from api.scorecards.protection import LEAST, rounded, withheld

counts = st.lists(st.integers(0, 40), min_size=1, max_size=40)


@given(counts)
def test_less_than_five_is_never_shown_nor_left_over(found: list[int]) -> None:
    hidden = [each for each, out in zip(found, withheld(found), strict=True) if out]
    shown = [each for each, out in zip(found, withheld(found), strict=True) if not out]

    assert all(each >= LEAST for each in shown)
    if shown:
        assert sum(hidden) == 0 or (sum(hidden) >= LEAST and sum(each > 0 for each in hidden) > 1)


def test_a_second_one_goes_with_the_only_one() -> None:
    assert withheld([12, 3, 7, 30]) == [False, True, True, False]


def test_nothing_is_withheld_that_need_not_be() -> None:
    assert withheld([12, 5, 7]) == [False, False, False]
    assert withheld([12, 0, 0]) == [False, True, True]
    assert withheld([4, 4, 9]) == [True, True, False]


def test_counts_are_rounded_to_the_nearest_five() -> None:
    assert [rounded(each) for each in (5, 7, 8, 12, 13)] == [5, 5, 10, 10, 15]
