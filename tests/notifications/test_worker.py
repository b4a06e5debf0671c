"""The worker against the stand-in and a real database: what it promises, whatever breaks."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from notifications import metrics, worker
from notifications.fcm import FcmSender
from notifications.registrations import TokenOpener
from notifications.senders import Outcome, Push
from tests.notifications.conftest import Working
from tests.notifications.kit import ALICE, BOB, Outbox, until_true
from tests.stand_ins.running import Fcm

ROOT = Path(__file__).parent.parent.parent


def settled(post: Outbox) -> Callable[[], bool]:
    """Whether nothing is owed any more."""
    return lambda: "pending" not in post.states()


async def test_what_is_owed_is_handed_to_the_provider_in_the_readers_language(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "ok-alice", "en")
    owed = await post.owe(ALICE, times=3)

    with working(sender):
        until_true(settled(post))

    assert fcm.accepted() == owed
    assert {message["token"] for message in fcm.stats()["accepted"]} == {"ok-alice"}
    assert all("There is an update" in str(message) for message in fcm.stats()["accepted"])
    assert all(row["message_name"] for row in post.deliveries())


async def test_a_503_is_sent_again_no_earlier_than_asked_and_then_arrives(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "flaky-alice")
    await post.owe(ALICE)

    with working(sender):
        until_true(settled(post), 30)

    first, second, third = fcm.attempts("flaky-alice")
    assert second - first >= 1
    assert third - second >= 1
    (delivery,) = post.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("sent", 3)


async def test_a_dead_token_is_never_used_again_and_no_token_is_used_twice_at_once(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(latency_ms=20)
    owed: dict[str, list[str]] = {}
    for number in range(6):
        token = f"{'unreg' if number % 2 else 'ok'}-{number}"
        await post.register(bytes([number]), token)
        owed[token] = await post.owe(bytes([number]), times=15)

    with working(sender, workers=3):
        until_true(settled(post), 40)

    seen = fcm.stats()["tokens"]
    assert {token: len(seen[token]["times"]) for token in owed} == {
        token: 1 if token.startswith("unreg") else 15 for token in owed
    }
    assert {each["most_at_once"] for each in seen.values()} == {1}
    assert sorted(fcm.accepted()) == sorted(
        ack for token, acks in owed.items() if token.startswith("ok") for ack in acks
    )
    assert post.states().count("dropped") == 45


async def test_different_tokens_are_served_at_the_same_time(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(latency_ms=300)
    for number in range(8):
        await post.register(bytes([number]), f"ok-{number}")
        await post.owe(bytes([number]))

    with working(sender, concurrency=4):
        until_true(settled(post))

    assert fcm.stats()["most_at_once"] == 4


async def test_a_hanging_token_does_not_hold_up_the_others(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "hang-alice")
    await post.register(BOB, "ok-bob")
    await post.owe(ALICE, times=3)

    with working(sender, concurrency=2):
        until_true(lambda: bool(fcm.attempts("hang-alice")))
        owed = await post.owe(BOB, times=3)
        until_true(lambda: len(fcm.accepted()) == 3)
        seen = fcm.stats()
        fcm.reset()

    assert [message["data"]["ack_id"] for message in seen["accepted"]] == owed
    assert seen["tokens"]["hang-alice"]["under_way"] == 1
    assert len(seen["tokens"]["hang-alice"]["times"]) == 1


async def test_a_push_whose_answer_got_lost_comes_twice_under_one_id(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(mode="lost")
    await post.register(ALICE, "ok-alice")
    (ack,) = await post.owe(ALICE)

    with working(sender):
        until_true(lambda: len(fcm.accepted()) == 1)
        fcm.control(mode="by-token")
        until_true(settled(post))

    first, second = fcm.stats()["accepted"]
    assert first["data"] == second["data"] == {"ack_id": ack}
    assert first["android"] == second["android"]


async def test_a_storm_of_503_is_weathered_without_hammering(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(mode="unavail")
    for number in range(10):
        await post.register(bytes([number]), f"ok-{number}")
        await post.owe(bytes([number]))

    with working(sender):
        until_true(lambda: fcm.stats()["attempts"] >= 20)
        fcm.control(mode="by-token")
        until_true(settled(post), 30)

    times = [each["times"] for each in fcm.stats()["tokens"].values()]
    assert len(times) == len(fcm.accepted()) == 10
    assert min(b - a for each in times for a, b in pairwise(each)) >= 1


@contextmanager
def worker_process(post: Outbox, fcm: Fcm, lease_s: float) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own."""
    key = post.key.private_bytes_raw().hex()
    program = ROOT / "tests" / "notifications" / "worker_process.py"
    command = [
        sys.executable,
        str(program),
        post.dsn,
        fcm.url,
        str(fcm.credentials_file),
        key,
        str(lease_s),
    ]
    with subprocess.Popen(
        command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_worker_killed_between_sending_and_settling_loses_nothing(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    owed = []
    for number in range(4):
        await post.register(bytes([number]), f"ok-{number}")
        owed += await post.owe(bytes([number]), times=3)
    fcm.control(latency_ms=1000)

    with worker_process(post, fcm, lease_s=2) as process:
        until_true(lambda: fcm.stats()["under_way"] == 4)
        process.kill()
    fcm.control(latency_ms=0)
    until_true(lambda: fcm.stats()["under_way"] == 0)
    assert "sent" not in post.states()

    with working(sender):
        until_true(settled(post))

    accepted = fcm.accepted()
    assert set(accepted) == set(owed)
    assert len(accepted) == len(owed) + 4
    assert set(post.states()) == {"sent"}


class Unplugged:
    """Opens connections while it is plugged in, and cuts them when it is pulled."""

    def __init__(self, post: Outbox) -> None:
        self._post, self.plugged = post, True
        self.opened: list[psycopg.Connection[Any]] = []

    def connect(self) -> psycopg.Connection[Any]:
        if not self.plugged:
            raise psycopg.OperationalError("unplugged")
        self.opened.append(self._post.connect())
        return self.opened[-1]

    def pull(self) -> None:
        self.plugged = False
        for connection in self.opened:
            self._post.ask("select pg_terminate_backend(%s)", connection.info.backend_pid)


async def test_an_outage_of_the_database_is_waited_out_and_what_was_sent_is_settled_after(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(latency_ms=300)
    await post.register(ALICE, "ok-alice")
    owed = await post.owe(ALICE, times=2)
    plug = Unplugged(post)

    with working(sender, connect=plug.connect):
        until_true(lambda: fcm.stats()["under_way"] == 1)
        plug.pull()
        until_true(lambda: len(fcm.accepted()) == 1)
        await asyncio.sleep(0.5)
        plug.plugged = True
        until_true(settled(post))

    assert fcm.accepted() == owed
    assert [row["attempts"] for row in post.deliveries()] == [1, 1]


async def test_a_stopping_worker_settles_what_is_under_way_and_takes_nothing_new(
    post: Outbox, fcm: Fcm, sender: FcmSender, working: Working
) -> None:
    fcm.control(latency_ms=500)
    await post.register(ALICE, "ok-alice")
    first, _ = await post.owe(ALICE, times=2)

    with working(sender) as stop:
        until_true(lambda: fcm.stats()["under_way"] == 1)
        stop.set()

    assert fcm.accepted() == [first]
    assert post.states() == ["sent", "pending"]
    assert post.ask("select 1 from push_tokens where lease is not null") == []


async def test_without_credentials_nothing_is_claimed_and_the_log_says_so_once(
    post: Outbox, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    metrics.PENDING.set(-1)

    with capture_logs() as logs, working(None):
        until_true(lambda: REGISTRY.get_sample_value("tinbao_push_pending") == 1)

    assert [row["attempts"] for row in post.deliveries()] == [0]
    assert [each["event"] for each in logs] == ["push.unavailable"]


async def test_the_log_names_deliveries_and_never_tokens_or_messages(
    post: Outbox, sender: FcmSender, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    await post.register(BOB, "inval-bob")
    (ack,) = await post.owe(ALICE)
    await post.owe(BOB)

    with capture_logs() as logs, working(sender):
        until_true(settled(post))

    attempted = [each for each in logs if each["event"] == "delivery.attempted"]
    assert sorted((each["outcome"], each["attempts"]) for each in attempted) == [
        ("invalid", 1),
        ("sent", 1),
    ]
    for secret in ("alice", "bob", ack, "Hàng Bạc"):
        assert secret not in str(logs)


class Surprising:
    """A sender that breaks in a way nobody foresaw."""

    def send(self, push: Push) -> Outcome:
        raise RuntimeError(push.token)


async def test_a_surprise_in_the_sender_is_tried_again_later(
    post: Outbox, working: Working
) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)

    with capture_logs() as logs, working(Surprising()):
        until_true(lambda: any(each["event"] == "delivery.attempted" for each in logs))

    assert (logs[0]["outcome"], logs[0]["reason"]) == ("retry", "RuntimeError")
    assert "alice" not in str(logs)
    (delivery,) = post.deliveries()
    assert (delivery["state"], delivery["outcome"]) == ("pending", "retry")


class Refusing:
    """A sender that refuses a share of all pushes."""

    def __init__(self, share: float) -> None:
        self.share = share

    def send(self, push: Push) -> Outcome:
        number = int(push.token.removeprefix("ok-"))
        return Outcome("retry" if number % 100 < self.share * 100 else "sent")


@pytest.mark.parametrize(("share", "at_least_s", "at_most_s"), [(0.1, 0, 15), (1.0, 20, 90)])
async def test_one_waits_long_only_where_the_provider_refuses_most(
    post: Outbox, working: Working, share: float, at_least_s: float, at_most_s: float
) -> None:
    for number in range(200):
        await post.register(number.to_bytes(32), f"ok-{number}")
        await post.owe(number.to_bytes(32))
    post.ask("update deliveries set attempts = 9 where true")

    with working(Refusing(share)):
        until_true(lambda: post.ask("select from deliveries where outcome is null") == [])

    (longest,) = post.ask(
        "select extract(epoch from max(due_at) - now())::float8 as s from deliveries"
        " where state = 'pending'"
    )
    assert at_least_s <= longest["s"] <= at_most_s


@pytest.mark.parametrize("sealed_for_us", [True, False])
async def test_a_token_sealed_for_another_key_is_not_sent(
    post: Outbox, fcm: Fcm, sender: FcmSender, sealed_for_us: bool
) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    key = post.key if sealed_for_us else X25519PrivateKey.generate()
    stop = threading.Event()
    thread = threading.Thread(
        target=worker.run, args=(post.connect, sender, TokenOpener(key)), kwargs={"stop": stop}
    )

    thread.start()
    until_true(lambda: post.deliveries()[0]["outcome"] is not None)
    stop.set()
    thread.join()

    assert fcm.stats()["attempts"] == int(sealed_for_us)
    assert post.deliveries()[0]["outcome"] == ("sent" if sealed_for_us else "retry")


async def test_overdue_deliveries_raise_the_alarm_once(post: Outbox, working: Working) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    post.ask("update deliveries set created_at = now() - interval '6 min'")
    sweeps = worker.Sweeps(sending=True)

    with capture_logs() as logs, post.connect() as connection:
        sweeps.turn(connection)
        sweeps.turn(connection)
        worker.Sweeps(sending=True).turn(connection)

    assert [each["event"] for each in logs] == ["deliveries.overdue"] * 2
    assert REGISTRY.get_sample_value("tinbao_push_overdue") == 1


async def test_without_credentials_what_waits_is_counted_and_alarms_nobody(post: Outbox) -> None:
    await post.register(ALICE, "ok-alice")
    await post.owe(ALICE)
    post.ask("update deliveries set created_at = now() - interval '6 min'")
    metrics.OVERDUE.set(0)
    metrics.OLDEST.set(0)

    with capture_logs() as logs, post.connect() as connection:
        worker.Sweeps(sending=False).turn(connection)

    found = [
        REGISTRY.get_sample_value(f"tinbao_push_{name}")
        for name in ("pending", "overdue", "oldest_seconds")
    ]
    assert (logs, found) == ([], [1, 0, 0])
