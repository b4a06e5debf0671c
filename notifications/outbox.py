"""Owing a reporter a message, and handing the wake-ups for it to a provider.

Owed in the caller's transaction. Claimed, sent and settled at least once: no transaction is open
while the network is, at most one delivery per token is under way, and what a dead worker had
claimed comes due again by itself. Every time here is the database's.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from notifications import messages
from notifications.senders import Outcome

TTL = dt.timedelta(hours=24)
"""How long a wake-up is worth sending; the message itself waits in the inbox for good."""
BACKOFF_BASE_S = 2.0
BACKOFF_CAP_S = 600.0

OWE_CTES = """
owed as (
    insert into acknowledgements (id, subject, recipient, kind, data, created_at)
    select id, subject, recipient, kind, data, created_at from owing
    returning id, subject, recipient
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
        where binding.subject = owed.subject
    ) as reader
    join push_tokens as token on token.id = reader.token_id and token.dropped_at is null
    order by owed.id, reader.token_id
    returning acknowledgement_id
)
"""
"""What owing is, for a statement that does more: put it behind a CTE
`owing (id uuid, subject uuid, recipient bytea, kind text, data jsonb, created_at timestamptz)`.

`owed` writes the inbox rows, in the order of `owing`; `woken` writes one delivery for each token
of the recipient and of the devices bound to the subject. No parameters, no percent signs, no colons.
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


@dataclass(frozen=True)
class Debt:
    """One message to be owed; `recipient` is null when only the receipt code opens its inbox."""

    subject: uuid.UUID
    recipient: bytes | None = None
    kind: str
    data: Mapping[str, Any]
    now: dt.datetime
    id: uuid.UUID


def _arrays(debts: Sequence[Debt]) -> dict[str, list[Any]]:
    """The parameters of `OWE_MANY`; ValueError where a message lacks a fact."""
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
