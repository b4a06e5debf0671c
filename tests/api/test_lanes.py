"""Micro-batches on a real database: shared, bounded, and nobody pays for another's fault."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from api import problems
from api.db import libpq_url
from api.lanes import Lanes

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]


@pytest.fixture
def connect(service_database_url: str) -> Connect:
    """Opens a connection as the hot paths have it."""

    async def opened() -> AsyncConnection[Any]:
        return await AsyncConnection.connect(libpq_url(service_database_url), autocommit=True)

    return opened


class Halves:
    """A statement that divides by each item, and remembers how it was called."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.pids: list[int] = []

    async def __call__(self, connection: AsyncConnection[Any], items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.pids.append(connection.info.backend_pid)
        found = await connection.execute(
            "select 100 / item from unnest(%s::int[]) with ordinality as i (item, n) order by n",
            [list(items)],
        )
        return [row[0] for row in await found.fetchall()]


async def test_those_who_wait_share_a_statement(connect: Connect) -> None:
    halves = Halves()
    lanes = Lanes("test", connect, halves, within_s=5, lanes=1)
    lanes.open()

    answers = await asyncio.gather(*(lanes(item) for item in range(1, 51)))
    await lanes.close()

    assert answers == [100 // item for item in range(1, 51)]
    assert len(halves.batches) < 5


async def test_a_bad_item_fails_alone(connect: Connect) -> None:
    lanes = Lanes("test", connect, Halves(), within_s=5, lanes=1)
    lanes.open()

    answers = await asyncio.gather(*(lanes(item) for item in (1, 2, 0, 4)), return_exceptions=True)
    await lanes.close()

    assert [answers[0], answers[1], answers[3]] == [100, 50, 25]
    assert isinstance(answers[2], psycopg.errors.DivisionByZero)


async def test_an_item_that_cannot_even_be_sent_fails_alone(connect: Connect) -> None:
    class Unsendable(Halves):
        async def __call__(
            self, connection: AsyncConnection[Any], items: Sequence[int]
        ) -> list[int]:
            if 3 in items:
                raise ArithmeticError
            return await super().__call__(connection, items)

    halves = Unsendable()
    lanes = Lanes("test", connect, halves, within_s=5, lanes=1)
    lanes.open()

    answers = await asyncio.gather(*(lanes(item) for item in (1, 2, 3, 4)), return_exceptions=True)
    await lanes.close()

    assert [answers[0], answers[1], answers[3]] == [100, 50, 25]
    assert isinstance(answers[2], ArithmeticError)
    assert len(set(halves.pids)) == 1


async def test_a_lost_connection_costs_nobody_an_answer(connect: Connect) -> None:
    halves = Halves()
    lanes = Lanes("test", connect, halves, within_s=5, lanes=1)
    lanes.open()
    await lanes(1)
    async with await connect() as other:
        await other.execute("select pg_terminate_backend(%s)", [halves.pids[0]])

    answer = await lanes(4)
    await lanes.close()

    assert answer == 25
    assert halves.pids[-1] != halves.pids[0]


async def test_a_silent_database_is_given_up_in_time_and_the_next_one_is_served(
    connect: Connect,
) -> None:
    async def sleep(connection: AsyncConnection[Any], items: Sequence[float]) -> list[float]:
        await connection.execute("select pg_sleep(%s)", [max(items)])
        return list(items)

    lanes = Lanes("test", connect, sleep, within_s=0.3, lanes=1)
    lanes.open()

    with pytest.raises(problems.ServiceUnavailable):
        await asyncio.wait_for(lanes(30.0), 3)
    answer = await asyncio.wait_for(lanes(0.0), 3)
    await lanes.close()

    assert answer == 0.0


async def test_a_database_that_is_away_is_an_honest_refusal(connect: Connect) -> None:
    async def nowhere() -> AsyncConnection[Any]:
        return await AsyncConnection.connect("postgresql://127.0.0.1:1/none", connect_timeout=1)

    lanes = Lanes("test", nowhere, Halves(), within_s=2, lanes=1)
    lanes.open()

    with pytest.raises(problems.ServiceUnavailable):
        await lanes(1)
    await lanes.close()


async def test_more_than_may_wait_is_refused_at_once(connect: Connect) -> None:
    lanes = Lanes("test", connect, Halves(), within_s=5, lanes=1, waiting=3)

    waiting = [asyncio.ensure_future(lanes(item)) for item in (1, 2, 4)]
    await asyncio.sleep(0)
    with pytest.raises(problems.ServiceUnavailable):
        await lanes(5)
    lanes.open()
    answers = await asyncio.gather(*waiting)
    await lanes.close()

    assert answers == [100, 50, 25]


async def test_closing_answers_those_who_wait(connect: Connect) -> None:
    lanes = Lanes("test", connect, Halves(), within_s=5, lanes=2)
    lanes.open()

    waiting = [asyncio.ensure_future(lanes(item)) for item in (1, 2, 4)]
    await asyncio.sleep(0)
    await lanes.close()

    assert await asyncio.gather(*waiting) == [100, 50, 25]
    with pytest.raises(problems.ServiceUnavailable):
        await lanes(1)


class Gate(Halves):
    """The same, but a batch with an item above 100 is under way until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, connection: AsyncConnection[Any], items: Sequence[int]) -> list[int]:
        answers = await super().__call__(connection, items)
        if max(items) > 100:
            self.begun.set()
            await self.open.wait()
        return answers


async def test_a_lane_that_holds_waits_for_as_many_as_are_under_way(connect: Connect) -> None:
    gate = Gate()
    lanes = Lanes("test", connect, gate, within_s=30, hold_s=30)
    lanes.open()
    under_way = [lanes(item) for item in (101, 102, 103)]
    await gate.begun.wait()

    two = [lanes(item) for item in (1, 2)]
    late, _ = await asyncio.wait(two, timeout=0.2)
    answers = await asyncio.wait_for(asyncio.gather(*two, lanes(3)), 5)
    gate.open.set()
    await asyncio.gather(*under_way)
    await lanes.close()

    assert late == set()
    assert answers == [100, 50, 33]
    assert gate.batches == [[101, 102, 103], [1, 2, 3]]


async def test_those_who_are_held_go_when_the_others_are_done(connect: Connect) -> None:
    gate = Gate()
    lanes = Lanes("test", connect, gate, within_s=30, hold_s=30)
    lanes.open()
    under_way = [lanes(item) for item in (101, 102)]
    await gate.begun.wait()
    held = lanes(1)
    await asyncio.sleep(0.05)

    gate.open.set()
    answer = await asyncio.wait_for(held, 5)
    await asyncio.gather(*under_way)
    await lanes.close()

    assert answer == 100


async def test_a_stuck_batch_holds_nobody_longer_than_it_may(connect: Connect) -> None:
    gate = Gate()
    lanes = Lanes("test", connect, gate, within_s=30, hold_s=0.05)
    lanes.open()
    stuck = [lanes(item) for item in (101, 102)]
    await gate.begun.wait()

    answers = [await asyncio.wait_for(lanes(item), 5) for item in (1, 2)]
    still = [each.done() for each in stuck]
    gate.open.set()
    await asyncio.gather(*stuck)
    await lanes.close()

    assert answers == [100, 50]
    assert still == [False, False]


async def test_closing_serves_those_who_are_held_at_once(connect: Connect) -> None:
    gate = Gate()
    lanes = Lanes("test", connect, gate, within_s=30, hold_s=30)
    lanes.open()
    under_way = [lanes(item) for item in (101, 102)]
    await gate.begun.wait()
    held = lanes(1)
    await asyncio.sleep(0.05)

    closing = asyncio.create_task(lanes.close())
    answer = await asyncio.wait_for(held, 5)
    gate.open.set()
    await closing

    assert answer == 100
    assert [await each for each in under_way] == [0, 0]
