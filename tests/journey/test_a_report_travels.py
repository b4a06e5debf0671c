"""Phone, station, officer and back, through real processes, some of which are killed on the way."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import Engine, text

from api.local.client import uuid7
from tests.service import TINBAO, Service, running
from tests.stand_ins.running import Fcm, fcm_running
from tests.town import IN_NORTH, IN_SOUTH, load_town, report

PATIENCE_S = 30.0


def eventually(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it is something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        got = found()
        if got:
            return got
        time.sleep(0.05)
    raise TimeoutError(f"still {got!r}")


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    """FCM's far end."""
    with fcm_running(tmp_path_factory.mktemp("fcm")) as made:
        yield made


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, own_engine: Engine, fcm: Fcm
) -> Iterator[Service]:
    """The service with the made-up town in force."""
    home: Path = tmp_path_factory.mktemp("home")
    load_town(own_engine, home / "keys")
    extra = {
        "TINBAO_PUSH__ENDPOINT": fcm.url,
        "TINBAO_PUSH__CREDENTIALS_FILE": str(fcm.credentials_file),
    }
    url = own_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with running(home, url, extra) as made:
        yield made


CLIENTS: list[httpx.Client] = []


def opened(service: Service, token: str) -> httpx.Client:
    """A client with a bearer token."""
    CLIENTS.append(
        httpx.Client(
            base_url=service.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
    )
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()


class Officer:
    """A member of staff made on the command line, signed in over HTTP."""

    def __init__(self, service: Service, username: str, station_id: str) -> None:
        command = [str(TINBAO), "staff", "create", "--role", "duty_officer", "--username", username]
        printed = subprocess.run(
            [*command, "--station", station_id, "--json"],
            env=service.environment, check=True, capture_output=True,
        ).stdout  # fmt: skip
        self.made = json.loads(printed)
        answer = httpx.post(
            f"{service.base_url}/v1/sessions",
            json={
                "username": self.made["username"],
                "password": self.made["password"],
                "totp": pyotp.TOTP(self.made["totp_secret"]).now(),
            },
        )
        assert answer.status_code == 201, answer.text
        self.http = opened(service, answer.json()["token"])

    def case_of(self, words: str) -> dict[str, Any] | None:
        """The case with these words in the queue, if it is there."""
        items = self.http.get("/v1/queue", params={"limit": 100}).json()["items"]
        return next((case for case in items if case["text"] == words), None)


class Phone:
    """A device with a push token."""

    def __init__(self, service: Service, push_token: str) -> None:
        device = httpx.post(f"{service.base_url}/v1/devices", json={}).json()
        self.http = opened(service, device["token"])
        push = {"provider": "fcm", "token": push_token, "language": "en"}
        assert self.http.put("/v1/devices/self/push", json=push).status_code == 204

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send one report, as often as it takes, as a phone on a weak network does."""
        report_id = uuid7()

        def attempt() -> dict[str, Any] | None:
            try:
                answer = self.http.put(f"/v1/reports/{report_id}", json=body)
            except httpx.TransportError:
                return None
            accepted: dict[str, Any] = answer.json()
            return accepted if answer.status_code in (200, 201) else None

        accepted: dict[str, Any] = eventually(attempt)
        return accepted

    def inbox(self) -> list[dict[str, Any]]:
        """Everything it was told, oldest first."""
        try:
            items: list[dict[str, Any]] = self.http.get("/v1/inbox").json()["items"]
        except httpx.TransportError:
            return []
        return items


def drop_backends(engine: Engine) -> None:
    """End every database connection of the service, as a failing network would."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
            """)
        )


def pushed(fcm: Fcm) -> set[str]:
    """The acknowledgements FCM was handed."""
    return set(fcm.accepted())


def test_a_report_travels_and_the_acknowledgements_come_back(service: Service, fcm: Fcm) -> None:
    phone = Phone(service, "ok-journey")
    own = Officer(service, "own.officer", "w-00001")
    other = Officer(service, "other.officer", "w-00002")
    words = "Có người lạ cạy cửa nhà số 5."

    accepted = phone.send(report(IN_SOUTH, text=words))
    eventually(lambda: accepted["acknowledgement"]["id"] in pushed(fcm))
    case = own.case_of(words)
    assert case is not None
    assert other.case_of(words) is None
    path = f"/v1/cases/{case['case_id']}"
    assert other.http.get(path).status_code == 404
    seen = own.http.get(path)
    done = own.http.post(f"{path}/acknowledgement", headers={"If-Match": seen.headers["ETag"]})

    assert done.status_code == 200
    assert done.json()["state"] == "acknowledged"
    assert done.json()["register_number"]
    inbox = eventually(lambda: items if len(items := phone.inbox()) >= 2 else None)
    assert [item["kind"] for item in inbox] == ["report.received", "report.acknowledged"]
    assert {item["report_id"] for item in inbox} == {accepted["id"]}
    assert done.json()["register_number"] in inbox[1]["text"]
    eventually(lambda: {item["id"] for item in inbox} <= pushed(fcm))
    words_pushed = json.dumps(fcm.stats()["accepted"])
    assert "There is an update to your report." in words_pushed
    for secret in (words, accepted["id"], case["case_id"], "Thử", accepted["receipt"]["code"]):
        assert secret not in words_pushed


def test_kills_in_between_lose_nothing(service: Service, fcm: Fcm, own_engine: Engine) -> None:
    phone = Phone(service, "ok-killed")
    officer = Officer(service, "killed.officer", "w-00002")
    words = "Đua xe trên phố lúc nửa đêm."

    service.kill("worker")
    accepted = phone.send(report(IN_NORTH, text=words))
    service.kill("serve")
    service.start("serve")
    again = eventually(phone.inbox)
    drop_backends(own_engine)
    service.start("worker")
    eventually(lambda: accepted["acknowledgement"]["id"] in pushed(fcm))
    service.wait_until_ready()
    case = eventually(lambda: officer.case_of(words))
    service.restart("worker")
    etag = officer.http.get(f"/v1/cases/{case['case_id']}").headers["ETag"]
    done = officer.http.post(
        f"/v1/cases/{case['case_id']}/acknowledgement", headers={"If-Match": etag}
    )
    service.restart("serve")

    assert [item["id"] for item in again] == [accepted["acknowledgement"]["id"]]
    assert done.status_code == 200
    inbox = eventually(lambda: items if len(items := phone.inbox()) >= 2 else None)
    assert [item["kind"] for item in inbox] == ["report.received", "report.acknowledged"]
    eventually(lambda: {item["id"] for item in inbox} <= pushed(fcm))
