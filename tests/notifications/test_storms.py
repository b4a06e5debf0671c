"""Long outages of the provider in moved time, and a worker that dies a thousand times."""

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import pytest

from notifications import outbox
from notifications.outbox import Settlement
from notifications.registrations import TokenOpener
from notifications.senders import Outcome, Push
from tests.notifications.conftest import Working
from tests.notifications.kit import Outbox, until_true

LEASE = dt.timedelta(seconds=30)
STEP = dt.timedelta(seconds=5)
MOVE = """
with moved as (
    update deliveries set created_at = created_at - %(by)s, due_at = due_at - %(by)s
    where state = 'pending'
)
update push_tokens set leased_until = leased_until - %(by)s where leased_until is not null
"""
"""Instead of waiting for time to pass, everything written down becomes older."""


@dataclass
class Phones:
    """A provider in memory whose phones drop the ids they know."""

    copies: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def send(self, push: Push) -> Outcome:
        """Take every push."""
        acknowledgement = str(push.acknowledgement_id)
        if not self.copies[acknowledgement]:
            self.shown.append(acknowledgement)
        self.copies[acknowledgement] += 1
        return Outcome("sent", message_name=str(uuid.uuid4()))


async def owe_many(post: Outbox, *, phones: int, each: int) -> list[str]:
    """Owe every one of so many phones so many messages."""
    owed: list[str] = []
    for number in range(phones):
        recipient = number.to_bytes(32)
        await post.register(recipient, f"ok-{number}")
        owed += await post.owe(recipient, times=each)
    return owed


def attempt_all(connection: psycopg.Connection, outcome: Outcome) -> int:
    """Attempt everything that is due, with one outcome for all; how many there were."""
    attempts = 0
    while claimed := outbox.claim(connection, limit=100, lease=LEASE):
        results = [Settlement(each, outcome) for each in claimed]
        outbox.settle(connection, results, refused=float(outcome.word == "retry"))
        attempts += len(claimed)
    return attempts


@pytest.mark.parametrize(
    "refusal",
    [
        Outcome("retry"),
        Outcome("retry", retry_after=dt.timedelta(seconds=60)),
    ],
    ids=["503", "429 with Retry-After"],
)
async def test_two_minutes_after_a_storm_of_ten_everything_is_sent(
    post: Outbox, refusal: Outcome
) -> None:
    owed = await owe_many(post, phones=50, each=2)
    storm, after = 600 // STEP.seconds, 120 // STEP.seconds

    with post.connect() as connection, psycopg.connect(post.dsn, autocommit=True) as time:
        attempts = 0
        for _ in range(storm):
            attempts += attempt_all(connection, refusal)
            time.execute(MOVE, {"by": STEP})
        for _ in range(after):
            attempt_all(connection, Outcome("sent"))
            time.execute(MOVE, {"by": STEP})

    assert post.states() == ["sent"] * len(owed)
    assert attempts / len(owed) < 40


async def test_a_thousand_crashes_between_sending_and_marking_lose_nothing(
    post: Outbox, working: Working
) -> None:
    owed = await owe_many(post, phones=50, each=4)
    phones, opener = Phones(), TokenOpener(post.key)
    lease, crashes = dt.timedelta(milliseconds=20), 0

    with post.connect() as connection:
        while crashes < 1000:
            claimed = outbox.claim(connection, limit=2, lease=lease)
            for each in claimed:
                token = opener.open(each.sealed)
                phones.send(Push(token, each.kind, each.language, each.acknowledgement_id))
            crashes += bool(claimed)
    with working(phones):
        until_true(lambda: set(post.states()) == {"sent"}, 30)

    assert sorted(phones.shown) == sorted(owed)
    assert phones.copies.total() > 1000
