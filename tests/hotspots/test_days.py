"""Which day of Vietnam's calendar a stored moment is of."""

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from api.clock import VIETNAM
from api.hotspots.reading import DAY_US, days_of

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
SECOND_US = 1_000_000
DAYS = st.integers(1, 20_000)


@given(DAYS, st.integers(0, DAY_US - 1) | st.just(17 * 3600 * SECOND_US))
def test_a_day_begins_at_midnight_in_vietnam(day: int, microseconds: int) -> None:
    moments = day * DAY_US + microseconds - np.arange(2, dtype=np.int64)

    found = days_of(moments)

    for told, microsecond in zip(found.tolist(), moments.tolist(), strict=True):
        moment = EPOCH + dt.timedelta(microseconds=microsecond)
        assert told == moment.astimezone(VIETNAM).date().toordinal()
