"""Owing a reporter a message, and claiming and settling the wake-ups for it.

Owed in the caller's transaction. Claimed, sent and settled at least once: no transaction is open
while the network is, at most one delivery per token is under way, and what a dead worker had
claimed comes due again by itself. Every time here is the database's.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncSession

from notifications import messages
from notifications.senders import Outcome
from notifications.wakeups import DELIVERIES, wake_after

TTL = dt.timedelta(hours=24)
"""How long a wake-up is worth sending; the message itself waits in the inbox for good."""
JITTER = SystemRandom().random
BACKOFF_BASE_S = 2.0
BACKOFF_CAP_S = 90.0
"""So everything is sent within two minutes once the provider is well again, however long it was
not; spread by the jitter, ten thousand pushes ask it some 200 times a second meanwhile."""
LUCKLESS_CAP_S = 15.0
"""So long at most waits what was refused again and again while the provider takes the rest."""

OWE_CTES = """
owed as (
    insert into acknowledgements (id, subject, recipient, kind, data, created_at)
    select id, subject, recipient, kind, data, created_at from owing
    returning id, subject, recipient, kind
), woken as (
    insert into deliveries (acknowledgement_id, token_id, language)
    select distinct on (owed.id, reader.token_id) owed.id, reader.token_id, reader.language
    from owed
    cross join lateral (
        select token_id, language from push_registrations where recipient = owed.recipient
        union all
        select registration.token_id, registration.language
        from inbox_bindings as binding
        join push_registrations as registration on registration.recipient = binding.recipient
        where binding.subject = owed.subject and not starts_with(owed.kind, 'group.')
    ) as reader
    join push_tokens as token on token.id = reader.token_id and token.dropped_at is null
    order by owed.id, reader.token_id
    returning acknowledgement_id
)
"""
"""What owing is, for a statement that does more: put it behind a CTE
`owing (id uuid, subject uuid, recipient bytea, kind text, data jsonb, created_at timestamptz)`.

`owed` writes the inbox rows, in the order of `owing`; `woken` writes one delivery for each token
of the recipient and of the devices bound to the subject (but for what a group's leader is told, see
`inbox`). No parameters, no percent signs.
"""

OWE_MANY = f"""
with owing as (
    select * from unnest(
        %(ids)s::uuid[], %(subjects)s::uuid[], %(recipients)s::bytea[], %(kinds)s::text[],
        %(data)s::jsonb[], %(created_ats)s::timestamptz[]
    ) as debt (id, subject, recipient, kind, data, created_at)
), {OWE_CTES}
select count(*) from owed
"""  # noqa: S608 - both parts are constants
"""Owe many messages at once: six arrays of one length, in psycopg's named style."""


@dataclass(frozen=True, kw_only=True)
class Debt:
    """One message to be owed; without a recipient only the receipt code opens its inbox."""

    id: uuid.UUID
    subject: uuid.UUID
    recipient: bytes | None
    kind: str
    data: Mapping[str, Any]
    now: dt.datetime


def arrays(debts: Sequence[Debt]) -> dict[str, list[Any]]:
    """The parameters of `OWE_MANY`; ValueError where the facts are not those the kind needs."""
    for debt in debts:
        messages.check(debt.kind, debt.data)
    return {
        "ids": [debt.id for debt in debts],
        "subjects": [debt.subject for debt in debts],
        "recipients": [debt.recipient for debt in debts],
        "kinds": [debt.kind for debt in debts],
        "data": [Jsonb(dict(debt.data)) for debt in debts],
        "created_ats": [debt.now for debt in debts],
    }


async def owe(
    session: AsyncSession,
    *,
    subject: uuid.UUID,
    recipient: bytes | None,
    kind: str,
    data: Mapping[str, Any],
    now: dt.datetime,
) -> uuid.UUID:
    """Put one message into the reporter's inbox and owe the wake-ups for it; answers its id.

    Whoever commits the session wakes the worker (see `wakeups`); who forgets it delays the pushes.
    """
    debt = Debt(
        id=uuid.uuid4(), subject=subject, recipient=recipient, kind=kind, data=data, now=now
    )
    connection = await session.connection()
    await connection.exec_driver_sql(OWE_MANY, arrays([debt]))
    wake_after(session, DELIVERIES)
    return debt.id


def backoff(attempts: int, refused: float, random: Callable[[], float]) -> dt.timedelta:
    """How long to wait after the given number of attempts: full jitter, doubling up to a cap that
    grows with the share of all recent pushes the provider `refused`.

    `random` answers a number in [0, 1).
    """
    cap = max(LUCKLESS_CAP_S, BACKOFF_CAP_S * refused)
    ceiling = min(cap, BACKOFF_BASE_S * 2 ** min(attempts - 1, 16))
    return dt.timedelta(seconds=random() * ceiling)


@dataclass(frozen=True)
class Claimed:
    """A delivery this worker may attempt until its lease runs out."""

    delivery_id: int
    lease: uuid.UUID
    attempts: int
    acknowledgement_id: uuid.UUID
    kind: str
    language: str
    sealed: bytes


CLAIM = """
with due as (
    select delivery.id, delivery.token_id, delivery.due_at, token.sealed
    from deliveries as delivery
    join push_tokens as token on token.id = delivery.token_id
    where delivery.state = 'pending' and delivery.due_at <= now()
        and delivery.created_at > now() - %(ttl)s
        and (token.leased_until is null or token.leased_until <= now())
        and token.sealed is not null
    order by delivery.due_at
    limit %(scan)s
    for no key update of delivery, token skip locked
), head as (
    select distinct on (token_id) * from due order by token_id, due_at, id
), chosen as (
    select * from head order by due_at limit %(limit)s
), leased as (
    update push_tokens as token set lease = %(lease)s, leased_until = now() + %(duration)s
    from chosen where token.id = chosen.token_id
)
update deliveries as delivery
set lease = %(lease)s, due_at = now() + %(duration)s, attempts = delivery.attempts + 1
from chosen where delivery.id = chosen.id
returning delivery.id, delivery.lease, delivery.attempts, delivery.acknowledgement_id,
    (select kind from acknowledgements where id = delivery.acknowledgement_id),
    delivery.language, chosen.sealed, (select count(*) from due)
"""
"""The oldest due delivery of each token that is free; served by `ix_deliveries_due`.

The last column says how many rows were locked. The lock leaves room for the key share that owing
a new delivery takes on its token.
"""
SCAN = 4
BY_KEYS = "-c enable_seqscan=off -c enable_hashjoin=off"
"""For the connection that claims and settles: whatever the statistics say of tables that grow and
shrink within minutes, a batch's rows are found by their keys."""


def claim(connection: psycopg.Connection[Any], *, limit: int, lease: dt.timedelta) -> list[Claimed]:
    """Lease up to `limit` due deliveries, no two of one token, and count the attempt.

    The connection commits by itself, as all do here. Where many are for the same few tokens, it
    looks a second time, further.
    """
    found, scanned = look(connection, limit, scan=limit, lease=lease)
    if scanned == limit and len(found) < limit / 2:
        left = limit - len(found)
        found += look(connection, left, scan=limit * SCAN, lease=lease)[0]
    return found


def look(
    connection: psycopg.Connection[Any], limit: int, *, scan: int, lease: dt.timedelta
) -> tuple[list[Claimed], int]:
    """What can be leased among the `scan` oldest, and how many of those were free to lock."""
    parameters = {
        "limit": limit, "scan": scan, "lease": uuid.uuid4(), "duration": lease, "ttl": TTL,
    }  # fmt: skip
    rows = connection.execute(CLAIM, parameters).fetchall()
    return [Claimed(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


NEXT_DUE = """
select extract(epoch from min(due_at) - now())::float8
from deliveries where state = 'pending' and due_at > now()
"""


def next_due_s(connection: psycopg.Connection[Any]) -> float | None:
    """In how many seconds the next retry, or a dead worker's claim, comes due; None: there is none.

    What is due already is not meant: it waits for its token. Served by `ix_deliveries_due`.
    """
    row = connection.execute(NEXT_DUE).fetchone()
    return row[0] if row else None


RELEASE = """
with released as (
    update deliveries set lease = null, due_at = now(), attempts = attempts - 1
    where state = 'pending' and id = any(%(ids)s) and lease = any(%(leases)s)
    returning token_id
)
update push_tokens set lease = null, leased_until = null
where id in (select token_id from released) and lease = any(%(leases)s)
"""


def release(connection: psycopg.Connection[Any], claims: Sequence[Claimed]) -> None:
    """Give back what was claimed and not attempted."""
    if not claims:
        return
    connection.execute(
        RELEASE,
        {"ids": [c.delivery_id for c in claims], "leases": [c.lease for c in claims]},
    )


@dataclass(frozen=True)
class Settlement:
    """What became of one claimed delivery."""

    claimed: Claimed
    outcome: Outcome


LOCK_TOKENS = """
select from push_tokens
where id in (select token_id from deliveries where id = any(%(ids)s))
order by id
for no key update
"""
"""Taken first and in one order, so that settlements cannot wait for each other in a circle."""

SETTLE = """
with result as (
    select * from unnest(
        %(ids)s::bigint[], %(leases)s::uuid[], %(outcomes)s::text[], %(names)s::text[],
        %(waits)s::interval[]
    ) as result (id, lease, outcome, message_name, wait)
), held as (
    select result.*, delivery.token_id, case
        when result.outcome = 'sent' then 'sent'
        when result.outcome = 'invalid' then 'dead'
        when result.outcome in ('unregistered', 'mismatched') then 'dropped'
        when now() + result.wait >= delivery.created_at + %(ttl)s then 'expired'
        else 'pending' end as state
    from result
    join deliveries as delivery on delivery.id = result.id and delivery.lease = result.lease
    where delivery.state = 'pending'
), settled as (
    update deliveries as delivery set
        state = held.state, outcome = held.outcome, message_name = held.message_name, lease = null,
        due_at = now() + held.wait,
        settled_at = case when held.state <> 'pending' then now() end
    from held where delivery.id = held.id
    returning delivery.state
), touched as (
    select token_id, array_agg(lease) as leases,
        min(outcome) filter (where state = 'dropped') as gone
    from held group by token_id
), forsaken as (
    update deliveries as delivery set
        state = 'dropped', outcome = touched.gone, lease = null, settled_at = now()
    from touched
    where touched.gone is not null and delivery.token_id = touched.token_id
        and delivery.state = 'pending' and delivery.id not in (select id from held)
    returning delivery.state
), freed as (
    update push_tokens as token set
        lease = null, leased_until = null,
        sealed = case when touched.gone is null then token.sealed end,
        dropped_at = case when touched.gone is null then token.dropped_at else now() end
    from touched
    where token.id = touched.token_id
        and (touched.gone is not null or token.lease = any(touched.leases))
)
select state from settled union all select state from forsaken
"""
"""A settlement whose lease is another's by now changes nothing, nor does it free the token."""


def settle(
    connection: psycopg.Connection[Any],
    results: Sequence[Settlement],
    *,
    refused: float,
    random: Callable[[], float] = JITTER,
) -> Counter[str]:
    """Write down what became of each attempt; answers how many deliveries are now in which state.

    `refused` is the share of recent attempts after which the provider had to be asked again.

    A token the provider disowned loses its sealed bytes, and everything else owed to it is
    dropped, in this same transaction.
    """
    if not results:
        return Counter()
    parameters = {
        "ids": [r.claimed.delivery_id for r in results],
        "leases": [r.claimed.lease for r in results],
        "outcomes": [r.outcome.word for r in results],
        "names": [r.outcome.message_name for r in results],
        "waits": [wait_after(r, refused, random) for r in results],
        "ttl": TTL,
    }
    with connection.transaction():
        connection.execute(LOCK_TOKENS, parameters)
        return Counter(state for (state,) in connection.execute(SETTLE, parameters))


def wait_after(result: Settlement, refused: float, random: Callable[[], float]) -> dt.timedelta:
    """When to try again: our own back-off, but never before the provider wants to hear of it."""
    asked = result.outcome.retry_after or dt.timedelta()
    return min(max(backoff(result.claimed.attempts, refused, random), asked), TTL)
