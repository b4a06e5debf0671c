"""Rate limits: one statement on one table of PostgreSQL, exact for all processes together.

Each counter is a GCRA: it stores when it would be empty again (`tat`), so `count` hits may come at
once, and then one each `period / count`. No address or principal is stored, only keyed hashes, most
of them with a salt of the day.
"""

import datetime as dt
import hmac
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from api.secrets import Keys

MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Rate:
    """At most `count` hits in a `period`, all at once if need be."""

    name: str
    count: int
    period: dt.timedelta
    daily: bool = True
    """Whether its counters change their keys at midnight (UTC), so that no day can be linked to
    the next. Not those that guard a password: they would begin anew."""


MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)

REPORT_PER_PRINCIPAL_HOUR = Rate("report-principal-hour", 10, HOUR)
REPORT_PER_PRINCIPAL_DAY = Rate("report-principal-day", 30, DAY)
REPORT_PER_ADDRESS = Rate("report-address", 60, HOUR)
"""Many phones share one address behind a carrier's NAT."""
ANONYMOUS_PER_ADDRESS = Rate("anonymous-address", 5, HOUR)
BATCHED_PER_PRINCIPAL = Rate("batched-principal", 100, DAY)
BATCHED_PER_ADDRESS = Rate("batched-address", 300, HOUR)
BATCHED_ANONYMOUS_PER_ADDRESS = Rate("batched-anonymous-address", 50, DAY)
"""Reports that waited on a phone without a network come many at a time."""
URGENT = Rate("urgent", 1, 10 * MINUTE)
"""Who is over the limit may still send one urgent report."""
MESSAGE_PER_REPORT = (Rate("message-report", 20, HOUR), Rate("message-report-day", 60, DAY))
"""What a reporter says of one report, by whichever way."""
RECEIPT_PER_ADDRESS = Rate("receipt-address", 10, MINUTE)
RECEIPT_GLOBAL = Rate("receipt-global", 1000, MINUTE)
DEVICE_PER_ADDRESS = Rate("device-address", 20, HOUR)
LOCATE_PER_ADDRESS = Rate("locate-address", 600, MINUTE)
TILE_PER_ADDRESS = Rate("tile-address", 1200, MINUTE)
"""Of tiles that are not at hand and have to be drawn."""
SESSION_PER_ADDRESS = Rate("session-address", 30, 5 * MINUTE, daily=False)
SESSION_PER_USER = Rate("session-user", 10, 5 * MINUTE, daily=False)
SECOND_FACTOR = (
    Rate("second-factor", 5, 5 * MINUTE, daily=False),
    Rate("second-factor-hour", 20, HOUR, daily=False),
    Rate("second-factor-day", 50, DAY, daily=False),
)
CONFIRMATION = (
    Rate("confirmation", 5, 5 * MINUTE, daily=False),
    Rate("confirmation-hour", 20, HOUR, daily=False),
)
"""How often who is signed in may give their password again, for what a stolen session must not
do."""
INVITATION_PER_ADDRESS = Rate("invitation-address", 10, MINUTE)
INVITATION_GLOBAL = Rate("invitation-global", 1000, MINUTE)

HIT = """
select hit_rate_limits(%(firsts)s::int[], %(lasts)s::int[], %(keys)b::bytea[],
    %(charges)s::interval[], %(bursts)s::interval[])
"""
"""The waits of many requests, each null when there is none. The function is in the migration
`0002`: it locks the counters first, because only a new statement sees what others committed while
it waited. `firsts` and `lasts` say which of the counters are a request's, from 1."""

Checks = Sequence[tuple[Rate, str]]
"""A rate and whose it is (a principal or an address); the same one twice counts twice."""


def counter(keys: Keys, rate: Rate, principal: str, day: dt.date) -> bytes:
    """The key under which a rate of a principal is counted that day (UTC)."""
    salt = day.isoformat() if rate.daily else ""
    message = f"{salt}|{rate.name}|{principal}"
    return hmac.digest(keys.limits, message.encode(), "sha256")[:16]


def arguments(
    keys: Keys, requests: Sequence[Checks], *, factor: float, day: dt.date
) -> dict[str, list[Any]]:
    """The parameters of `HIT`, in whole microseconds: `count` hits fit the burst exactly."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("firsts", "lasts", "keys", "charges", "bursts")
    }
    for checks in requests:
        found["firsts"].append(len(found["keys"]) + 1)
        for (rate, principal), hits in Counter(checks).items():
            count = max(1, int(rate.count * factor))
            step = (rate.period // MICROSECOND // count) * MICROSECOND
            found["keys"].append(counter(keys, rate, principal, day))
            found["charges"].append(step * hits)
            found["bursts"].append(step * count)
        found["lasts"].append(len(found["keys"]))
    return found


def seconds(wait: dt.timedelta | None) -> int | None:
    """A wait in whole seconds, at least one."""
    return None if wait is None else max(1, math.ceil(wait.total_seconds()))


async def hit(session: AsyncSession, keys: Keys, checks: Checks, *, factor: float) -> int | None:
    """Count one hit on every limit, or on none; None when allowed, else the seconds to wait.

    `factor` multiplies every count, 0 switches the limits off. The hit stays only if the
    transaction is committed, and others of the same principal wait for that.
    """
    if factor == 0:
        return None
    given = arguments(keys, [checks], factor=factor, day=dt.datetime.now(dt.UTC).date())
    result = await (await session.connection()).exec_driver_sql(HIT, given)
    return seconds(result.scalar_one())


REFUND = """
update rate_limits set tat = tat - refund
from (select key, sum(charge) as refund from unnest(%(keys)s::bytea[], %(charges)s::interval[])
        as asked (key, charge) group by key) as refunds
where rate_limits.key = refunds.key
"""


async def refund_each(
    connection: AsyncConnection[Any], keys: Keys, requests: Sequence[Checks], *, factor: float
) -> list[None]:
    """Take hits back, for requests that turned out to bring nothing new."""
    given = arguments(keys, requests, factor=factor, day=dt.datetime.now(dt.UTC).date())
    await connection.execute(REFUND, given)
    return [None] * len(requests)


async def hit_each(
    connection: AsyncConnection[Any], keys: Keys, requests: Sequence[Checks], *, factor: float
) -> list[int | None]:
    """`hit` for many requests in one statement."""
    given = arguments(keys, requests, factor=factor, day=dt.datetime.now(dt.UTC).date())
    rows = await (await connection.execute(HIT, given, prepare=True)).fetchall()
    return [seconds(row[0]) for row in rows]


WAITING = """
select max(greatest(tat, clock_timestamp()) + charge - burst - clock_timestamp())
from unnest(%(keys)s::bytea[], %(charges)s::interval[], %(bursts)s::interval[])
    as asked (key, charge, burst)
join rate_limits using (key)
"""


def waiting(session: Session, keys: Keys, checks: Checks, *, factor: float) -> int | None:
    """The seconds the next hit would have to wait, without counting one; None when it need not."""
    if factor == 0:
        return None
    given = arguments(keys, [checks], factor=factor, day=dt.datetime.now(dt.UTC).date())
    wait = session.connection().exec_driver_sql(WAITING, given).scalar_one()
    return seconds(wait) if wait and wait > dt.timedelta() else None


def clear(session: Session, keys: Keys, checks: Checks) -> None:
    """Forget every hit on these limits."""
    day = dt.datetime.now(dt.UTC).date()
    counters = [counter(keys, rate, principal, day) for rate, principal in checks]
    session.execute(text("delete from rate_limits where key = any(:keys)"), {"keys": counters})


def forget(connection: Connection) -> int:
    """Delete the counters that are empty again; answers how many."""
    return connection.execute(text("delete from rate_limits where tat < now()")).rowcount
