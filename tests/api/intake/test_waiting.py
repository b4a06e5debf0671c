"""A batch says how long to wait for what was put off."""

from api import problems
from api.reports.answers import wait_of


def test_the_longest_wait_of_all_is_the_batch_s() -> None:
    put_off = [problems.TooManyRequests(40), problems.ServiceUnavailable(), problems.NotFound()]

    assert wait_of(put_off) == 40


def test_nothing_put_off_is_nothing_to_wait_for() -> None:
    assert wait_of([problems.ReportIdReused()]) is None
