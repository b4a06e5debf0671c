"""An officer's open page misses nothing, whatever dies: it comes back behind the last event."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from api.local.client import uuid7
from tests.factories import make_officer
from tests.installation import installed
from tests.service import Service, running
from tests.town import IN_SOUTH, load_town, report

PATIENCE_S = 40.0


class Page(threading.Thread):
    """A browser's EventSource: reads, and after each loss comes back behind the last event."""

    def __init__(self, service: Service, token: str) -> None:
        super().__init__(daemon=True)
        self.service, self.token = service, token
        self.told: list[str] = []
        self.resyncs = 0
        self.statuses: list[int] = []
        self.last: str | None = None
        self.ready = threading.Event()
        self._over = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Until the session is over."""
        while not self._over.is_set():
            host = self.service.base_url.removeprefix("http://")
            self._connection = http.client.HTTPConnection(host, timeout=PATIENCE_S)
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.listen(self._connection)
            self._connection.close()
            time.sleep(0.1)

    def listen(self, connection: http.client.HTTPConnection) -> None:
        """One connection."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.last is not None:
            headers["Last-Event-ID"] = self.last
        connection.request("GET", "/v1/queue/events", headers=headers)
        answer = connection.getresponse()
        self.statuses.append(answer.status)
        if answer.status == 401:
            self._over.set()
        if answer.status != 200:
            return
        event = ""
        while line := answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "case.changed":
                self.told.append(json.loads(value)["case_id"])
            elif name == "id":
                self.last = value
                self.resyncs += event == "resync"
                if event == "ready":
                    self.ready.set()

    def drop(self) -> None:
        """The network goes away."""
        if self._connection is not None and self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Close the page."""
        self._over.set()
        self.drop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, own_engine: Engine) -> Iterator[Service]:
    """The service with the made-up town in force."""
    home: Path = tmp_path_factory.mktemp("home")
    load_town(own_engine, home / "keys")
    url = own_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with running(home, url, {}) as made:
        yield made


@pytest.fixture
def page(service: Service, own_engine: Engine) -> Iterator[Page]:
    """An open page of the south ward's officer."""
    made = Page(service, make_officer(own_engine, "w-00001"))
    made.start()
    assert made.ready.wait(PATIENCE_S)
    yield made
    made.stop()
    made.join(PATIENCE_S)


def send(service: Service) -> None:
    """One report into the south ward, as often as it takes."""
    url = f"{service.base_url}/v1/reports/{uuid7()}"
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if httpx.put(url, json=report(IN_SOUTH), timeout=10).status_code in (200, 201):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("The report was not accepted.")


def wait_for(happened: Callable[[], bool]) -> None:
    """Until it has happened."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if happened():
            return
        time.sleep(0.05)
    raise TimeoutError("It did not happen.")


def cases(engine: Engine) -> list[str]:
    """Every case of the ward, in the order of the feed."""
    ordered = text("""
        select case_id from case_events where kind = 'report.received' order by xid, id
    """)
    with engine.connect() as connection:
        return [str(case_id) for case_id in connection.scalars(ordered)]


def end_backends(engine: Engine) -> None:
    """Every connection to the database is lost."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
    engine.dispose()


def test_a_page_is_told_everything_once_whatever_dies(
    service: Service, own_engine: Engine, page: Page
) -> None:
    before = set(cases(own_engine))

    def restart_api() -> None:
        service.restart("serve")
        service.wait_until_ready()

    disasters: list[Callable[[], None]] = [
        page.drop,
        restart_api,
        lambda: end_backends(own_engine),
        lambda: service.restart("worker"),
        page.drop,
    ]
    for disaster in disasters:
        send(service)
        disaster()
        send(service)

    expected = [case for case in cases(own_engine) if case not in before]
    assert len(expected) == 2 * len(disasters)
    wait_for(lambda: len(page.told) >= len(expected))
    assert page.told == expected
    assert page.resyncs == 0


def test_a_page_misses_nothing_while_the_whole_database_restarts(tmp_path: Path) -> None:
    with installed(tmp_path) as scene:
        page = Page(scene.service, make_officer(scene.engine, "w-00001"))
        page.start()
        assert page.ready.wait(PATIENCE_S)

        def kill() -> None:
            os.kill(scene.cluster.process() or 0, signal.SIGKILL)

        disasters: list[Callable[[], None]] = [scene.cluster.stop, kill]
        for disaster in disasters:
            send(scene.service)
            disaster()
            scene.cluster.up()
            send(scene.service)

        expected = cases(scene.engine)
        wait_for(lambda: len(page.told) >= len(expected))
        page.stop()
        assert page.told == expected
        assert len(expected) == 2 * len(disasters)
        assert page.resyncs == 0


def test_a_stopping_service_ends_its_streams_and_is_gone(
    service: Service, own_engine: Engine, page: Page
) -> None:
    service.processes["serve"].terminate()
    service.processes["serve"].wait(15)

    service.start("serve")
    service.wait_until_ready()
    send(service)
    wait_for(lambda: cases(own_engine)[-1] in page.told)


def test_who_signs_out_is_told_nothing_more(
    service: Service, own_engine: Engine, page: Page
) -> None:
    answer = httpx.delete(
        f"{service.base_url}/v1/sessions/current",
        headers={"Authorization": f"Bearer {page.token}"},
    )
    assert answer.status_code == 204

    wait_for(lambda: 401 in page.statuses)
    told = len(page.told)
    send(service)
    page.join(PATIENCE_S)
    assert len(page.told) == told
