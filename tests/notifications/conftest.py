"""The stand-in for FCM as a process, and an outbox that starts empty, seen with the real roles."""

import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from notifications import worker
from notifications.fcm import FcmSender
from notifications.registrations import TokenOpener
from notifications.senders import Sender
from notifications.wakeups import Bell
from tests.notifications.kit import TABLES, Outbox
from tests.stand_ins.running import Fcm, fcm_running


@pytest.fixture(scope="session")
def fcm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    """One stand-in for all tests."""
    with fcm_running(tmp_path_factory.mktemp("fcm")) as running:
        yield running


@pytest.fixture
def fcm(fcm_process: Fcm) -> Fcm:
    """The stand-in, remembering nothing."""
    fcm_process.reset()
    return fcm_process


@pytest.fixture
def sender(fcm: Fcm) -> Iterator[FcmSender]:
    """The real sender, talking to the stand-in."""
    made = FcmSender(fcm.credentials_file, fcm.url, dt.timedelta(seconds=5))
    yield made
    made.close()


@pytest.fixture
def hasty(fcm: Fcm) -> Iterator[FcmSender]:
    """A sender that waits for half a second only."""
    made = FcmSender(fcm.credentials_file, fcm.url + "/", dt.timedelta(seconds=0.5))
    yield made
    made.close()


@pytest.fixture(scope="session")
def worker_key() -> X25519PrivateKey:
    """What opens sealed tokens."""
    return X25519PrivateKey.generate()


@pytest.fixture
async def post(database_url: str, worker_key: X25519PrivateKey) -> AsyncIterator[Outbox]:
    """An empty outbox; its sessions have the rights of the API."""
    engine = create_async_engine(database_url, connect_args={"options": "-c role=tinbao_api"})
    dsn = make_url(database_url).set(drivername="postgresql")
    made = Outbox(
        dsn.render_as_string(hide_password=False),
        async_sessionmaker(engine, expire_on_commit=False),
        worker_key,
    )
    made.ask(f"truncate {TABLES}")
    yield made
    await engine.dispose()
    made.ask(f"truncate {TABLES}")


Working = Callable[..., AbstractContextManager[threading.Event]]
"""`with working(sender, workers=3) as stop`: workers in threads until the block ends."""


@pytest.fixture
def working(post: Outbox) -> Working:
    """Runs workers in threads of the test's own process."""

    @contextmanager
    def start(
        sender: Sender | None,
        *,
        workers: int = 1,
        connect: Callable[[], psycopg.Connection[Any]] = post.connect,
        **options: Any,
    ) -> Iterator[threading.Event]:
        stop, bells = threading.Event(), [Bell() for _ in range(workers)]
        options = {"poll": dt.timedelta(seconds=0.02), **options}
        run = partial(worker.run, connect, sender, TokenOpener(post.key), stop=stop, **options)
        threads = [threading.Thread(target=run, kwargs={"bell": bell}) for bell in bells]
        for thread in threads:
            thread.start()
        yield stop
        stop.set()
        for bell in bells:
            bell.ring()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads)

    return start
