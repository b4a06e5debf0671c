"""What goes wrong quietly in the outbox: counted, and cleared away where it can be."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from notifications.outbox import TTL

OVERDUE_AFTER = dt.timedelta(minutes=5)
BATCH = 1000

CLEAR = """
with hopeless as (
    select delivery.id, case when token.sealed is null then 'dropped' else 'expired' end as state
    from deliveries as delivery
    join push_tokens as token on token.id = delivery.token_id
    where delivery.state = 'pending' and (delivery.lease is null or delivery.due_at <= now())
        and (token.sealed is null or delivery.created_at <= now() - %(ttl)s)
    order by delivery.id
    limit %(limit)s
    for no key update of delivery skip locked
), cleared as (
    update deliveries as delivery set state = hopeless.state, settled_at = now(), lease = null
    from hopeless where delivery.id = hopeless.id
    returning delivery.state
)
select count(*) from cleared where state = 'expired'
"""
"""Nobody is going to send these: their time is over, or their token went while they were owed."""

COUNT = """
select count(*) as pending,
    count(*) filter (where created_at <= now() - %(overdue)s) as overdue,
    count(*) filter (where lease is not null and due_at <= now()) as abandoned,
    coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as oldest_s,
    (select count(*) from deliveries where state = 'dead') as dead,
    %(expired)s::bigint as expired
from deliveries where state = 'pending'
"""

FORGET = """
update push_tokens as token set sealed = null
where sealed is not null and (leased_until is null or leased_until <= now())
    and not exists (select from push_registrations where token_id = token.id)
    and not exists (select from deliveries where token_id = token.id and state = 'pending')
"""


@dataclass(frozen=True)
class Backlog:
    """How the outbox stands."""

    pending: int
    overdue: int
    """Owed for more than five minutes: somebody should look."""
    abandoned: int
    """Leases that ran out unsettled: a worker died or was cut off. They are due again."""
    oldest_s: float
    dead: int
    expired: int
    """Given up by this very sweep."""


def sweep(connection: psycopg.Connection[Any]) -> Backlog:
    """Give up what can no longer be sent, and count the rest; served by the partial indexes."""
    with connection.transaction():
        row = connection.execute(CLEAR, {"ttl": TTL, "limit": BATCH}).fetchone()
        expired = row[0] if row else 0
    with connection.transaction(), connection.cursor(row_factory=class_row(Backlog)) as cursor:
        parameters = {"overdue": OVERDUE_AFTER, "expired": expired}
        (backlog,) = cursor.execute(COUNT, parameters).fetchall()
        return backlog


def forget_tokens(connection: psycopg.Connection[Any]) -> int:
    """Erase the sealed bytes of tokens nobody is registered with; reads every token, so rarely."""
    with connection.transaction():
        return connection.execute(FORGET).rowcount
