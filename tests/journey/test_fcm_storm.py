"""FCM unwell in every way at once: reporters notice nothing, and nothing is missing afterwards."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine, text

from api.local.client import uuid7
from tests.service import Service, running
from tests.stand_ins.running import Fcm, fcm_running
from tests.town import IN_NORTH, load_town, report

MOODS = ("unavail0", "unavail", "hang", "quota", "untrue", "lost", "internal", "unreg")
"""One phone each: 503, 503 + Retry-After, no answer, 429 + Retry-After, 503 though delivered,
delivered and cut off, 500, and 404 because the app is gone."""
STORM_S = 6.0
SOON_S = 40.0
"""After so short a storm the longest pause of a push is 32 s; on average it is half."""


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    """FCM's far end."""
    with fcm_running(tmp_path_factory.mktemp("fcm")) as made:
        yield made


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, own_engine: Engine, fcm: Fcm
) -> Iterator[Service]:
    """The service with the made-up town in force; it waits for a push no longer than 2 s."""
    home: Path = tmp_path_factory.mktemp("home")
    load_town(own_engine, home / "keys")
    extra = {
        "TINBAO_PUSH__ENDPOINT": fcm.url,
        "TINBAO_PUSH__CREDENTIALS_FILE": str(fcm.credentials_file),
        "TINBAO_PUSH__TIMEOUT": "PT2S",
    }
    url = own_engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with running(home, url, extra) as made:
        yield made


class Phone:
    """A device that FCM knows by a token."""

    def __init__(self, http: httpx.Client, push_token: str) -> None:
        self.http, self.push_token = http, push_token
        token = http.post("/v1/devices", json={}).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        push = {"provider": "fcm", "token": push_token}
        registered = http.put("/v1/devices/self/push", json=push, headers=self.headers)
        assert registered.status_code == 204
        self.owed: list[str] = []

    def send(self) -> float:
        """One report; seconds until it was accepted."""
        began = time.monotonic()
        answer = self.http.put(
            f"/v1/reports/{uuid7()}", json=report(IN_NORTH), headers=self.headers
        )
        taken_s = time.monotonic() - began
        assert answer.status_code == 201
        self.owed.append(answer.json()["acknowledgement"]["id"])
        return taken_s

    def inbox(self) -> list[str]:
        """The ids of all it was told."""
        items: list[dict[str, Any]] = self.http.get(
            "/v1/inbox", params={"limit": 100}, headers=self.headers
        ).json()["items"]
        return [item["id"] for item in items]


def send_for(seconds: float, phones: list[Phone]) -> list[float]:
    """Everybody sends in turn, some 20 reports a second; how long each took."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for phone in phones:
            took.append(phone.send())
            time.sleep(0.05)
    return took


def nothing_owed(engine: Engine) -> bool:
    """Whether every push is settled."""
    with engine.connect() as connection:
        pending = text("select count(*) from deliveries where state = 'pending'")
        return not connection.scalar(pending)


def test_a_storm_at_the_provider_delays_pushes_and_nothing_else(
    service: Service, fcm: Fcm, own_engine: Engine
) -> None:
    with httpx.Client(base_url=service.base_url, timeout=20) as http:
        phones = [Phone(http, f"ok-{mood}") for mood in MOODS]
        calm = send_for(STORM_S / 2, phones)
        fcm.control(tokens={phone.push_token: phone.push_token[3:] for phone in phones})
        stormy = send_for(STORM_S, phones)
        fcm.control(tokens={})
        over = time.monotonic()
        while not nothing_owed(own_engine):
            assert time.monotonic() - over < SOON_S
            time.sleep(0.1)
        drained_s = time.monotonic() - over
        pushed = Counter(fcm.accepted())
        inboxes = [phone.inbox() for phone in phones]

    usual, worst = np.percentile(calm, 95), np.percentile(stormy, 95)
    print(
        f"p95 of a report {usual * 1000:.1f} ms, in the storm {worst * 1000:.1f} ms;"
        f" all sent {drained_s:.1f} s after it;"
        f" {pushed.total() - len(pushed)} extra copies of {len(pushed)}"
    )
    assert worst < 2 * usual + 0.1
    for phone, told in zip(phones, inboxes, strict=True):
        assert told == phone.owed
        if phone.push_token != "ok-unreg":
            assert set(phone.owed) <= pushed.keys()
    gone = fcm.stats()["tokens"]["ok-unreg"]["answers"]
    assert gone.count(404) == 1
    assert gone[-1] == 404
