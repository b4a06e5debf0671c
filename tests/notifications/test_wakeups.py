"""Wake-ups: said seldom, never missed for long, and never needed."""

import asyncio
import datetime as dt
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, Notify
from structlog.testing import capture_logs

from notifications import outbox
from notifications.fcm import FcmSender
from notifications.outbox import Claimed
from notifications.senders import Outcome, Push
from notifications.wakeups import DELIVERIES, Bell, Waker, wanted_by
from tests.notifications.conftest import Working
from tests.notifications.kit import ALICE, BOB, NOW, RECEIVED, Outbox, until_true
from tests.stand_ins.running import Fcm

NEVER_S = 3600.0
NEVER = dt.timedelta(seconds=NEVER_S)
"""A pause that no test waits for."""


class Ear:
    """Listens to channels."""

    def __init__(self, post: Outbox, connection: AsyncConnection[Any]) -> None:
        self._post, self._notifies = post, connection.notifies()

    async def next(self) -> Notify:
        """The next notification; a test hangs no longer than this."""
        async with asyncio.timeout(20):
            return await anext(self._notifies)

    async def silent(self) -> bool:
        """Whether nothing else was said until this moment."""
        self._post.ask("notify mark")
        return (await self.next()).channel == "mark"

    async def close(self) -> None:
        """Listen no more."""
        await self._notifies.aclose()


@pytest.fixture
async def ear(post: Outbox) -> AsyncIterator[Ear]:
    """An ear on two channels."""
    async with await AsyncConnection.connect(post.dsn, autocommit=True) as connection:
        for channel in (DELIVERIES, "others", "mark"):
            await connection.execute(f"listen {channel}")
        made = Ear(post, connection)
        yield made
        await made.close()


@pytest.fixture
async def awake(post: Outbox) -> AsyncIterator[Callable[[float], Waker]]:
    """Makes wakers, and closes them."""
    made: list[Waker] = []

    async def connect() -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            post.dsn, autocommit=True, options="-c role=tinbao_api"
        )

    def make(every_s: float) -> Waker:
        made.append(Waker(connect, every_s))
        made[-1].open()
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_many_wakeups_are_said_as_one_at_once_and_one_after_the_pause(
    awake: Callable[[float], Waker], ear: Ear
) -> None:
    waker = awake(NEVER_S)

    for _ in range(50):
        waker.wake(DELIVERIES)
    assert (await ear.next()).channel == DELIVERIES
    for _ in range(50):
        waker.wake(DELIVERIES)
        await asyncio.sleep(0)
    assert await ear.silent()
    await waker.close()

    assert (await ear.next()).channel == DELIVERIES
    assert await ear.silent()


async def test_what_was_wanted_during_the_pause_is_said_after_it(
    awake: Callable[[float], Waker], ear: Ear
) -> None:
    waker = awake(0.01)

    for _ in range(5):
        waker.wake(DELIVERIES)
        assert (await ear.next()).channel == DELIVERIES


async def test_several_channels_are_woken_together(
    awake: Callable[[float], Waker], ear: Ear
) -> None:
    waker = awake(NEVER_S)

    waker.wake(DELIVERIES, "others")
    waker.wake("others")

    assert {(await ear.next()).channel, (await ear.next()).channel} == {DELIVERIES, "others"}
    assert await ear.silent()


async def test_a_lost_connection_is_replaced_and_what_was_wanted_is_said(
    awake: Callable[[float], Waker], ear: Ear, post: Outbox
) -> None:
    waker = awake(0.01)
    waker.wake(DELIVERIES)
    lost = (await ear.next()).pid

    post.ask("select pg_terminate_backend(%s)", lost)
    with capture_logs() as logs:
        waker.wake(DELIVERIES)
        heard = await ear.next()

    assert heard.pid != lost
    assert [each["event"] for each in logs] == ["wakeups.failed"]


async def test_a_database_that_is_away_hinders_nobody() -> None:
    async def connect() -> AsyncConnection[Any]:
        raise psycopg.OperationalError("away")

    waker = Waker(connect, 0)
    waker.open()

    with capture_logs() as logs:
        waker.wake(DELIVERIES)
        await asyncio.sleep(0)
        waker.wake(DELIVERIES)
        await waker.close()

    assert [each["event"] for each in logs] == ["wakeups.failed"]


async def test_owing_wants_the_worker_to_be_woken(post: Outbox) -> None:
    async with post.sessions.begin() as session:
        before = list(wanted_by(session))
        await outbox.owe(
            session,
            subject=uuid.uuid4(),
            recipient=ALICE,
            kind="report.received",
            data=RECEIVED,
            now=NOW,
        )

    assert before == []
    assert list(wanted_by(session)) == [DELIVERIES]


def test_a_bell_that_rang_keeps_from_sleeping_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()

    assert bell.sleep(NEVER_S) is False
    ringer = threading.Timer(0.05, bell.ring)
    ringer.start()
    assert bell.sleep(NEVER_S) is False
    bell.close()
    bell.ring()


def notify(post: Outbox) -> None:
    """Wake the workers."""
    post.ask(f"notify {DELIVERIES}")


async def test_a_worker_that_looks_once_an_hour_is_woken_by_a_notification(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    await post.register(BOB, "ok-bob")

    with working(sender, poll=NEVER):
        for count in range(1, 4):
            await post.owe(ALICE)
            await post.owe(BOB)
            notify(post)
            until_true(lambda: post.states() == ["sent"] * 2 * count)  # noqa: B023 - called here

    assert len(fcm.accepted()) == 6


async def test_a_worker_that_looks_once_an_hour_sends_everything_one_token_is_owed(
    post: Outbox, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    owed = await post.owe(ALICE, times=10)

    with working(sender, poll=NEVER):
        until_true(lambda: post.states() == ["sent"] * len(owed))


async def test_a_retry_is_not_waited_for_longer_than_it_takes(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "flaky-alice")
    await post.owe(ALICE)

    with working(sender, poll=NEVER):
        until_true(lambda: post.states() == ["sent"], 30)

    assert len(fcm.attempts("flaky-alice")) == 3


async def test_a_sleeping_worker_notices_that_its_connection_is_gone(
    post: Outbox, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    opened: list[psycopg.Connection[Any]] = []

    def connect() -> psycopg.Connection[Any]:
        opened.append(post.connect())
        return opened[-1]

    with working(sender, connect=connect, poll=NEVER):
        await post.owe(ALICE)
        notify(post)
        until_true(lambda: post.states() == ["sent"])
        post.ask("select pg_terminate_backend(%s)", opened[0].info.backend_pid)
        until_true(lambda: len(opened) == 2)
        await post.owe(ALICE)
        notify(post)
        until_true(lambda: post.states() == ["sent"] * 2)


class Stuck:
    """A provider that takes so many pushes, then keeps everybody waiting."""

    def __init__(self, quick: int) -> None:
        self._quick, self._lock = quick, threading.Lock()
        self.sent: list[str] = []
        self.well = threading.Event()

    def send(self, push: Push) -> Outcome:
        with self._lock:
            stuck = len(self.sent) >= self._quick
            self.sent.append(str(push.acknowledgement_id))
        if stuck:
            assert self.well.wait(20)
        return Outcome("sent")


async def owe_everybody(post: Outbox, phones: int) -> list[str]:
    """Owe each of so many phones one message."""
    owed = []
    for number in range(phones):
        await post.register(number.to_bytes(32), f"ok-{number}")
        owed += await post.owe(number.to_bytes(32))
    return owed


async def test_no_more_is_claimed_than_a_slow_provider_can_take(
    post: Outbox, working: Working
) -> None:
    owed = await owe_everybody(post, 20)
    provider = Stuck(quick=0)

    with working(provider, concurrency=4):
        until_true(lambda: len(provider.sent) == 4)
        notify(post)
        await asyncio.sleep(0.2)
        claimed = post.ask("select id from deliveries where lease is not null")
        provider.well.set()
        until_true(lambda: set(post.states()) == {"sent"})

    assert len(claimed) == 4
    assert sorted(provider.sent) == sorted(owed)


async def test_what_waits_too_long_for_a_thread_is_given_back_and_not_counted_as_tried(
    post: Outbox, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = await owe_everybody(post, 60)
    provider, given_back = Stuck(quick=30), list[Claimed]()
    release = outbox.release

    def spy(connection: psycopg.Connection[Any], claims: list[Claimed]) -> None:
        given_back.extend(claims)
        release(connection, claims)

    monkeypatch.setattr(outbox, "release", spy)
    with working(provider, concurrency=2, lease=dt.timedelta(seconds=8)):
        until_true(lambda: len(provider.sent) == 32)
        await asyncio.sleep(2.2)
        provider.well.set()
        until_true(lambda: set(post.states()) == {"sent"})

    assert given_back
    assert sorted(provider.sent) == sorted(owed)
    assert {row["attempts"] for row in post.deliveries()} == {1}
