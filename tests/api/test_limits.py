"""Rate limits, counted by the real database."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from api import limits
from api.db import libpq_url
from api.limits import HOUR, Checks, Rate, hit_each
from api.secrets import Keys
from tests.factories import unique


@pytest.fixture
async def connection(service_database_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as intake has it."""
    async with await connect(service_database_url) as made:
        yield made


async def connect(url: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(
        libpq_url(url), autocommit=True, options="-c role=tinbao_api"
    )


async def hit(
    connection: AsyncConnection[Any], keys: Keys, checks: Checks, *, factor: float
) -> int | None:
    """One request, as the hot paths count it."""
    (wait,) = await hit_each(connection, keys, [checks], factor=factor)
    return wait


async def test_a_burst_of_the_whole_count_is_allowed_and_then_one_waits(
    connection: AsyncConnection[Any], keys: Keys
) -> None:
    seven, who = Rate(unique("r"), 7, dt.timedelta(minutes=1)), "device:1"

    waits = [await hit(connection, keys, [(seven, who)], factor=1) for _ in range(8)]

    assert waits[:7] == [None] * 7
    assert waits[7] in (8, 9)


async def test_room_comes_back_with_time(connection: AsyncConnection[Any], keys: Keys) -> None:
    two = Rate(unique("r"), 2, HOUR)
    check = [(two, "device:1")]
    for _ in range(2):
        await hit(connection, keys, check, factor=1)
    later = "update rate_limits set tat = tat - interval '31 minutes' where key = %s"
    today = dt.datetime.now(dt.UTC).date()

    await connection.execute(later, [limits.counter(keys, two, "device:1", today)])

    assert await hit(connection, keys, check, factor=1) is None
    assert await hit(connection, keys, check, factor=1) is not None


async def test_twenty_connections_get_exactly_the_count_between_them(
    service_database_url: str, keys: Keys
) -> None:
    ten = [(Rate(unique("r"), 10, HOUR), "device:1")]

    async def ten_hits() -> list[int | None]:
        async with await connect(service_database_url) as connection:
            return [await hit(connection, keys, ten, factor=1) for _ in range(10)]

    waits = await asyncio.gather(*(ten_hits() for _ in range(20)))

    assert sum(wait is None for each in waits for wait in each) == 10


async def test_a_refused_request_uses_up_none_of_its_limits(
    connection: AsyncConnection[Any], keys: Keys
) -> None:
    wide, narrow = (Rate(unique("r"), 3, HOUR), "a"), (Rate(unique("r"), 1, HOUR), "a")

    first = await hit(connection, keys, [wide, narrow], factor=1)
    refused = [await hit(connection, keys, [wide, narrow], factor=1) for _ in range(5)]
    alone = [await hit(connection, keys, [wide], factor=1) for _ in range(3)]

    assert first is None
    assert None not in refused
    assert [wait is None for wait in alone] == [True, True, False]


async def test_crossing_sets_of_limits_do_not_deadlock_and_stay_exact(
    service_database_url: str, keys: Keys
) -> None:
    rates = [(Rate(unique("r"), 20, HOUR), "a") for _ in range(4)]

    async def hits(turn: int) -> int:
        checks = rates[turn % 4 :] + rates[: turn % 4]
        async with await connect(service_database_url) as connection:
            waits = [await hit(connection, keys, checks, factor=1) for _ in range(5)]
        return waits.count(None)

    assert sum(await asyncio.gather(*(hits(turn) for turn in range(8)))) == 20


async def test_principals_and_rates_are_counted_apart(
    connection: AsyncConnection[Any], keys: Keys
) -> None:
    one, other = Rate(unique("r"), 1, HOUR), Rate(unique("r"), 1, HOUR)

    waits = [
        await hit(connection, keys, [check], factor=1)
        for check in ((one, "a"), (one, "b"), (other, "a"), (one, "a"))
    ]

    assert [wait is None for wait in waits] == [True, True, True, False]


async def test_the_same_check_twice_counts_twice(
    connection: AsyncConnection[Any], keys: Keys
) -> None:
    check = (Rate(unique("r"), 3, HOUR), "a")

    assert await hit(connection, keys, [check, check], factor=1) is None
    assert await hit(connection, keys, [check, check], factor=1) is not None
    assert await hit(connection, keys, [check], factor=1) is None


async def test_the_factor_multiplies(connection: AsyncConnection[Any], keys: Keys) -> None:
    one = [(Rate(unique("r"), 1, HOUR), "a")]

    tripled = [await hit(connection, keys, one, factor=3) for _ in range(4)]

    assert [wait is None for wait in tripled] == [True, True, True, False]


async def test_it_counts_in_a_session_and_a_rolled_back_hit_is_none(
    service_database_url: str, keys: Keys
) -> None:
    engine = create_async_engine(
        service_database_url, connect_args={"options": "-c role=tinbao_api"}
    )
    one = [(Rate(unique("r"), 1, HOUR), "a")]

    async with AsyncSession(engine) as session:
        assert await limits.hit(session, keys, one, factor=1) is None
        await session.rollback()
        assert await limits.hit(session, keys, one, factor=1) is None
        await session.commit()
        assert await limits.hit(session, keys, one, factor=1) is not None
        assert await limits.hit(session, keys, one, factor=0) is None, "switched off"
    await engine.dispose()


async def test_no_principal_is_stored_and_the_salt_changes_daily(keys: Keys) -> None:
    rate = Rate("r", 1, HOUR)
    days = [dt.date(2026, 11, 22), dt.date(2026, 11, 23)]

    first, second = (limits.counter(keys, rate, "203.0.113.9", day) for day in days)

    assert first != second
    assert len(first) == 16


@pytest.mark.parametrize(
    "rate", [limits.SESSION_PER_ADDRESS, limits.SESSION_PER_USER, *limits.SECOND_FACTOR]
)
async def test_midnight_gives_nobody_new_guesses_at_a_password(keys: Keys, rate: Rate) -> None:
    days = [dt.date(2026, 11, 22), dt.date(2026, 11, 23)]

    assert len({limits.counter(keys, rate, "a", day) for day in days}) == 1


async def test_counters_that_are_empty_again_are_forgotten(
    connection: AsyncConnection[Any], keys: Keys, engine: Engine
) -> None:
    rate = Rate(unique("r"), 1, HOUR)
    await hit(connection, keys, [(rate, "full")], factor=1)
    await hit(connection, keys, [(rate, "empty")], factor=1)
    today = dt.datetime.now(dt.UTC).date()
    empty = limits.counter(keys, rate, "empty", today)
    past = "update rate_limits set tat = now() - interval '1 second' where key = %s"
    await connection.execute(past, [empty])

    with engine.begin() as owner:
        owner.execute(text("set local role tinbao_worker"))
        assert limits.forget(owner) >= 1

    query = "select key from rate_limits where key = any(%s)"
    both = [empty, limits.counter(keys, rate, "full", today)]
    left = await (await connection.execute(query, [both])).fetchall()
    assert left == [(both[1],)]


async def test_without_the_table_nobody_is_let_through(
    connection: AsyncConnection[Any], keys: Keys
) -> None:
    await connection.close()

    with pytest.raises(psycopg.OperationalError):
        await hit(connection, keys, [(limits.SESSION_PER_ADDRESS, "a")], factor=1)
