"""The database work of the hot paths, each in lanes of its own (see `api.lanes`)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from api.accounts.devices import find_devices
from api.db import lane_connection
from api.lanes import Connection, Lanes
from api.limits import Checks, hit_each, refund_each
from api.live.feed import CHANNEL
from api.reports.acceptance import Accepted, Stored
from api.reports.intake import Submission, accept, find_each
from api.secrets import Keys
from api.settings import Settings
from notifications.wakeups import DELIVERIES, Waker

HOLD_S = 0.005
"""Less than a commit of a crowd takes: larger batches are worth that, a stuck lane is not felt."""


@dataclass(frozen=True)
class HotPaths:
    """Who is it, may they, was it here before, keep it."""

    find_device: Lanes[bytes, uuid.UUID | None]
    """The device of a token's hash (`accounts.devices.find_devices`)."""
    count_hit: Lanes[Checks, int | None]
    """The seconds to wait, if over a limit (`limits.hit_each`)."""
    refund_hit: Lanes[Checks, None]
    """Take a hit back (`limits.refund_each`)."""
    find_report: Lanes[uuid.UUID, Stored | None]
    """What is stored under a stored id (`reports.intake.find_each`)."""
    keep_report: Lanes[Submission, Accepted]
    """Store a report, if its id is new (`reports.intake.accept`)."""

    @property
    def lanes(self) -> list[Lanes[Any, Any]]:
        """All of them."""
        return [
            self.find_device,
            self.count_hit,
            self.refund_hit,
            self.find_report,
            self.keep_report,
        ]

    def open(self) -> None:
        """Start."""
        for each in self.lanes:
            each.open()

    async def close(self) -> None:
        """Finish what was begun."""
        for each in self.lanes:
            await each.close()


def hot_paths(settings: Settings, keys: Keys, waker: Waker) -> HotPaths:
    """The hot paths of one process."""

    async def keep(on: Connection, submissions: Sequence[Submission]) -> list[Accepted]:
        """`accept`, committed with its statement; then the worker and the streams are woken."""
        kept = await accept(on, submissions)
        if any(each.created for each in kept):
            waker.wake(DELIVERIES, CHANNEL)
        return kept

    connect = partial(lane_connection, settings)
    within_s = settings.lane_timeout_s
    factor = settings.limits.factor
    return HotPaths(
        find_device=Lanes("find_device", connect, find_devices, within_s=within_s, lanes=1),
        count_hit=Lanes(
            "count_hit",
            connect,
            lambda on, requests: hit_each(on, keys, requests, factor=factor),
            within_s=within_s,
            lanes=1,
        ),
        refund_hit=Lanes(
            "refund_hit",
            connect,
            lambda on, requests: refund_each(on, keys, requests, factor=factor),
            within_s=within_s,
            lanes=1,
        ),
        find_report=Lanes("find_report", connect, find_each, within_s=within_s, lanes=1),
        keep_report=Lanes("keep_report", connect, keep, within_s=within_s, hold_s=HOLD_S),
    )
