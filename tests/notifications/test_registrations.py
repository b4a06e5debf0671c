"""Sealing tokens, and where a recipient wants to be woken."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from notifications import outbox, sweeper
from notifications.outbox import Settlement
from notifications.registrations import TokenOpener, TokenSealer, token_hash
from notifications.senders import Outcome
from tests.notifications.kit import ALICE, BOB, Outbox

LEASE = dt.timedelta(seconds=60)


def test_only_the_workers_key_opens_a_sealed_token() -> None:
    key = X25519PrivateKey.generate()
    sealed = TokenSealer(key.public_key()).seal("fid:token")

    assert b"fid:token" not in sealed
    assert sealed != TokenSealer(key.public_key()).seal("fid:token")
    assert TokenOpener(key).open(sealed) == "fid:token"
    for damaged in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"x" * 20):
        with pytest.raises(ValueError, match="not sealed for this key"):
            TokenOpener(key).open(damaged)
    with pytest.raises(ValueError, match="not sealed for this key"):
        TokenOpener(X25519PrivateKey.generate()).open(sealed)


def test_a_token_is_recognised_by_a_keyed_hash() -> None:
    assert token_hash(b"k", "a") == token_hash(b"k", "a")
    assert len({token_hash(b"k", "a"), token_hash(b"k", "b"), token_hash(b"l", "a")}) == 3


async def test_a_recipient_has_one_token_and_the_latest_holds(post: Outbox) -> None:
    await post.register(ALICE, "ok-old")
    await post.register(ALICE, "ok-new", "en")
    await post.owe(ALICE)

    (token,) = post.ask("select * from push_tokens where sealed is not null")
    (delivery,) = post.deliveries()
    assert TokenOpener(post.key).open(token["sealed"]) == "ok-new"
    assert (delivery["token_id"], delivery["language"]) == (token["id"], "en")


async def test_what_is_owed_to_a_former_token_is_sent_there_and_the_token_forgotten_after(
    post: Outbox,
) -> None:
    await post.register(ALICE, "ok-old")
    await post.owe(ALICE)
    await post.register(ALICE, "ok-new")

    with post.connect() as connection:
        assert sweeper.forget_tokens(connection) == 0
        (claimed,) = outbox.claim(connection, limit=5, lease=LEASE)
        outbox.settle(connection, [Settlement(claimed, Outcome("sent"))], refused=0)
        assert sweeper.forget_tokens(connection) == 1

    assert TokenOpener(post.key).open(claimed.sealed) == "ok-old"


async def test_an_unregistered_recipient_is_forgotten_and_may_come_back(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)

    await post.unregister(ALICE)
    await post.unregister(ALICE)

    (token,) = post.ask("select * from push_tokens")
    assert (token["sealed"], token["dropped_at"]) == (None, None)
    assert post.ask("select 1 from push_registrations") == []
    assert post.states() == ["dropped"]

    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)

    assert post.states() == ["dropped", "pending"]


async def test_a_token_that_another_recipient_uses_too_is_kept(post: Outbox) -> None:
    await post.register(ALICE, "ok-phone")
    await post.register(BOB, "ok-phone")
    await post.owe(ALICE)

    await post.unregister(ALICE)

    assert post.ask("select 1 from push_tokens where sealed is not null") != []
    assert post.states() == ["pending"]


async def test_a_language_without_words_is_a_callers_mistake(post: Outbox) -> None:
    with pytest.raises(ValueError, match="fr"):
        await post.register(ALICE, "ok-alice", "fr")
