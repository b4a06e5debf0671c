"""Owing, claiming and settling."""

import datetime as dt
import uuid
from typing import get_args

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import outbox, registrations, sweeper
from notifications.outbox import Claimed, Settlement, backoff
from notifications.senders import Outcome, Word
from tests.notifications.kit import ALICE, BOB, NOW, RECEIVED, Outbox

LEASE = dt.timedelta(seconds=60)


def claim(post: Outbox, limit: int = 100, lease: dt.timedelta = LEASE) -> list[Claimed]:
    with post.connect() as connection:
        return outbox.claim(connection, limit=limit, lease=lease)


def settle(
    post: Outbox, *results: Settlement, luck: float = 0.5, refused: float = 0.0
) -> dict[str, int]:
    with post.connect() as connection:
        return dict(outbox.settle(connection, results, refused=refused, random=lambda: luck))


async def test_what_is_owed_waits_in_the_inbox_even_without_a_phone_to_wake(post: Outbox) -> None:
    (anonymous,) = await post.owe(None)
    (silent,) = await post.owe(ALICE)

    rows = post.ask("select id::text, recipient, created_at, data from acknowledgements")

    assert {row["id"]: row["recipient"] for row in rows} == {anonymous: None, silent: ALICE}
    assert all(row["created_at"] == NOW and row["data"] == RECEIVED for row in rows)
    assert post.deliveries() == []


async def test_the_recipient_and_every_bound_device_are_woken_once(post: Outbox) -> None:
    subject = uuid.uuid4()
    await post.register(ALICE, "ok-alice", "en")
    await post.register(BOB, "ok-bob")
    await post.register(b"c" * 32, "ok-bob")
    for device in (ALICE, BOB, b"c" * 32, b"d" * 32):
        await post.bind(device, subject)

    await post.owe(ALICE, subject=subject)

    tokens = {row["id"]: row["token_hash"] for row in post.ask("select * from push_tokens")}
    woken = [(tokens[row["token_id"]], row["language"]) for row in post.deliveries()]
    assert len(woken) == len(set(woken)) == len(tokens) == 2
    assert {language for _, language in woken} == {"en", "vi"}


async def test_many_messages_are_owed_in_one_statement_and_in_their_order(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    debts = [
        outbox.Debt(
            id=uuid.uuid4(),
            subject=uuid.uuid4(),
            recipient=ALICE if number % 2 else None,
            kind="report.rerouted",
            data={"station": f"Công an phường số {number}"},
            now=NOW,
        )
        for number in range(10)
    ]

    with post.connect() as connection:
        row = connection.execute(outbox.OWE_MANY, outbox.arrays(debts)).fetchone()

    stored = post.ask("select id, data from acknowledgements order by seq")
    assert row == (10,)
    assert [(r["id"], r["data"]) for r in stored] == [(d.id, d.data) for d in debts]
    assert len(post.deliveries()) == 5


async def test_a_message_that_lacks_a_fact_is_not_owed(post: Outbox) -> None:
    async with post.sessions() as session:
        with pytest.raises(ValueError, match="station"):
            await outbox.owe(
                session,
                subject=uuid.uuid4(),
                recipient=ALICE,
                kind="report.received",
                data={"category": "drugs"},
                now=NOW,
            )


async def test_one_delivery_at_a_time_is_claimed_of_each_token(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.register(BOB, "ok-bob")
    first, *_ = await post.owe(ALICE, times=5)
    await post.owe(BOB, times=5)

    claims = claim(post)

    assert len(claims) == 2
    assert first in {str(each.acknowledgement_id) for each in claims}
    assert {each.attempts for each in claims} == {1}
    assert claim(post) == []


async def test_a_busy_token_does_not_keep_the_others_waiting(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.register(BOB, "ok-bob")
    await post.owe(ALICE, times=50)
    (last,) = await post.owe(BOB)

    claim(post, limit=2)

    assert [str(each.acknowledgement_id) for each in claim(post, limit=2)] == [last]


async def test_what_another_worker_is_claiming_is_passed_over(post: Outbox) -> None:
    for number in range(12):
        await post.register(bytes([number]), f"ok-{number}")
        await post.owe(bytes([number]))

    with post.connect() as busy, busy.transaction():
        held = outbox.claim(busy, limit=1, lease=LEASE)
        others = claim(post)

    assert others
    assert not {each.delivery_id for each in held} & {each.delivery_id for each in others}


async def test_owing_does_not_wait_for_a_worker_that_is_claiming(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)

    with post.connect() as busy, busy.transaction():
        outbox.claim(busy, limit=1, lease=LEASE)
        post.ask("alter role tinbao_api set lock_timeout = '2s'")
        await post.owe(ALICE)
        post.ask("alter role tinbao_api reset lock_timeout")

    assert post.states() == ["pending", "pending"]


async def test_a_sent_delivery_keeps_the_providers_name_and_frees_its_token(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    _, second = await post.owe(ALICE, times=2)
    (claimed,) = claim(post)

    states = settle(post, Settlement(claimed, Outcome("sent", message_name="projects/p/1")))

    assert states == {"sent": 1}
    sent = post.deliveries()[0]
    assert (sent["state"], sent["message_name"], sent["lease"]) == ("sent", "projects/p/1", None)
    assert sent["settled_at"] is not None
    assert [str(each.acknowledgement_id) for each in claim(post)] == [second]


@pytest.mark.parametrize("word", ["unregistered", "mismatched"])
async def test_a_disowned_token_is_erased_with_everything_owed_to_it(
    post: Outbox, word: Word
) -> None:
    await post.register(ALICE, "unreg-alice")
    await post.owe(ALICE, times=4)
    (claimed,) = claim(post)

    states = settle(post, Settlement(claimed, Outcome(word)))

    assert states == {"dropped": 4}
    (token,) = post.ask("select * from push_tokens")
    assert token["sealed"] is None
    assert token["dropped_at"] is not None


async def test_a_disowned_token_stays_disowned_whoever_registers_it(post: Outbox) -> None:
    await post.register(ALICE, "unreg-alice")
    await post.owe(ALICE)
    settle(post, Settlement(claim(post)[0], Outcome("unregistered")))

    await post.register(ALICE, "unreg-alice")
    await post.register(BOB, "unreg-alice")
    await post.owe(ALICE)
    await post.owe(BOB)

    assert post.states() == ["dropped"]
    assert post.ask("select 1 from push_tokens where sealed is not null") == []


async def test_a_delivery_owed_while_its_token_is_being_disowned_is_never_sent(
    post: Outbox,
) -> None:
    await post.register(ALICE, "unreg-alice")
    await post.owe(ALICE)
    (claimed,) = claim(post)

    async with post.sessions.begin() as session:
        await outbox.owe(
            session,
            subject=uuid.uuid4(),
            recipient=ALICE,
            kind="report.received",
            data=RECEIVED,
            now=NOW,
        )
        settle(post, Settlement(claimed, Outcome("unregistered")))

    assert post.states() == ["dropped", "pending"]
    assert claim(post) == []
    with post.connect() as connection:
        sweeper.sweep(connection)
    assert post.states() == ["dropped", "dropped"]


async def test_what_the_provider_will_never_take_is_a_dead_letter(post: Outbox) -> None:
    await post.register(ALICE, "inval-alice")
    await post.owe(ALICE)

    states = settle(post, Settlement(claim(post)[0], Outcome("invalid")))

    assert states == {"dead": 1}
    with post.connect() as connection:
        assert sweeper.sweep(connection).dead == 1


@pytest.mark.parametrize(
    ("asked_s", "before", "refused", "luck", "wait_s"),
    [
        (None, 0, 0.0, 0.5, 1),
        (None, 0, 0.0, 0.0, 0),
        (30, 0, 0.0, 0.5, 30),
        (0.5, 0, 0.0, 0.99, 1.98),
        (None, 9, 0.0, 0.5, 7.5),
        (None, 9, 1.0, 0.5, 45),
    ],
)
async def test_a_retry_waits_for_our_jitter_and_for_what_the_provider_asked(
    post: Outbox, asked_s: float | None, before: int, refused: float, luck: float, wait_s: float
) -> None:
    await post.register(ALICE, "unavail-alice")
    await post.owe(ALICE)
    post.ask("update deliveries set attempts = %s where true", before)
    asked = None if asked_s is None else dt.timedelta(seconds=asked_s)
    outcome = Outcome("retry", retry_after=asked)

    settle(post, Settlement(claim(post)[0], outcome), luck=luck, refused=refused)

    (wait,) = post.ask("select extract(epoch from due_at - now())::float8 as left from deliveries")
    assert wait["left"] == pytest.approx(wait_s, abs=0.5)
    assert post.states() == ["pending"]


async def test_a_retry_beyond_a_day_is_given_up(post: Outbox) -> None:
    await post.register(ALICE, "unavail-alice")
    await post.owe(ALICE, times=2)
    asked = Outcome("retry", retry_after=dt.timedelta(minutes=2))
    post.ask("update deliveries set created_at = now() - interval '23 h 59 min' where true")

    states = settle(post, Settlement(claim(post)[0], asked))

    assert states == {"expired": 1}


async def test_a_settlement_with_another_lease_changes_nothing(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE, times=2)
    (late,) = claim(post, lease=dt.timedelta())
    post.ask("update deliveries set due_at = now() + interval '1 h' where lease is null")
    (now,) = claim(post)

    assert settle(post, Settlement(late, Outcome("unregistered"))) == {}
    assert post.states() == ["pending", "pending"]
    assert (now.delivery_id, now.attempts) == (late.delivery_id, 2)
    assert settle(post, Settlement(now, Outcome("sent"))) == {"sent": 1}


async def test_a_late_settlement_does_not_free_a_token_that_is_in_use_again(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE, times=3)
    (late,) = claim(post, lease=dt.timedelta())
    post.ask(
        "update deliveries set due_at = now() + interval '1 h' where id = %s", late.delivery_id
    )
    (in_use,) = claim(post)

    assert settle(post, Settlement(late, Outcome("sent"))) == {"sent": 1}

    assert in_use.delivery_id != late.delivery_id
    assert claim(post) == []


async def test_settling_twice_is_settling_once(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    result = Settlement(claim(post)[0], Outcome("sent"))

    assert settle(post, result) == {"sent": 1}
    assert settle(post, result) == {}


async def test_the_claims_of_a_dead_worker_come_due_by_themselves(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    (dead,) = claim(post, lease=dt.timedelta())

    with post.connect() as connection:
        assert sweeper.sweep(connection).abandoned == 1
    (again,) = claim(post)

    assert (again.delivery_id, again.attempts) == (dead.delivery_id, 2)


async def test_what_was_claimed_and_not_attempted_is_given_back(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)

    with post.connect() as connection:
        outbox.release(connection, claim(post))
        outbox.release(connection, [])

    assert [each.attempts for each in claim(post)] == [1]


async def test_what_was_never_claimed_for_a_day_is_given_up_and_counted(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE, times=3)
    post.ask(
        "update deliveries set created_at = now() - interval '1 day' where id = %s",
        post.deliveries()[0]["id"],
    )
    post.ask(
        "update deliveries set created_at = now() - interval '6 min' where id = %s",
        post.deliveries()[1]["id"],
    )

    assert len(claim(post, lease=dt.timedelta())) == 1
    with post.connect() as connection:
        backlog = sweeper.sweep(connection)

    assert post.states() == ["expired", "pending", "pending"]
    assert (backlog.expired, backlog.pending, backlog.overdue) == (1, 2, 1)
    assert backlog.oldest_s == pytest.approx(360, abs=20)


@given(
    st.integers(1, 10_000),
    st.sampled_from([(0.0, 15.0), (0.1, 15.0), (0.5, 45.0), (1.0, 90.0)]),
    st.floats(0, 1, exclude_max=True),
)
def test_backoff_is_full_jitter_that_doubles_up_to_what_the_provider_s_state_asks_for(
    attempts: int, refused_and_cap: tuple[float, float], luck: float
) -> None:
    refused, cap = refused_and_cap
    ceiling = min(cap, 2.0 * 2.0 ** min(attempts - 1, 20))

    assert backoff(attempts, refused, lambda: luck).total_seconds() == pytest.approx(
        luck * ceiling, abs=1e-5
    )


def test_the_settlement_knows_every_outcome(post: Outbox) -> None:
    words = [word for word in get_args(Word) if f"'{word}'" not in outbox.SETTLE]

    assert words == ["retry"]


async def test_the_worker_may_not_register_and_the_officer_sees_nothing(post: Outbox) -> None:
    for role, statement in [
        (
            "tinbao_worker",
            str(registrations.KEEP_TOKEN).replace(":token_hash, :sealed", "'x', 'y'"),
        ),
        ("tinbao_officer", "select from push_tokens"),
        ("tinbao_officer", "select from push_registrations"),
        ("tinbao_officer", "select from inbox_bindings"),
        ("tinbao_officer", "select from deliveries"),
    ]:
        with post.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
