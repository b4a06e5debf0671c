"""A canary reporter: what identifies them is nowhere that an officer, a log, a metric, a push or a
dump of the database could show it.

The service is a real process with a real worker and a stand-in for FCM; only the reporter with an
account is served in this process, because Google's keys must be replaced.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from api.accounts.tables import StaffRole
from api.local.binaries import fetch
from api.local.client import uuid7
from api.reports.sealing import Sealed, Sealer
from api.secrets import Keys
from api.settings import Settings
from tests.factories import caller, make_staff
from tests.security.scanner import found, spellings
from tests.service import Service, running
from tests.stand_ins.firebase import Issuer
from tests.stand_ins.running import Fcm, fcm_running
from tests.town import Town, report

PATIENCE_S = 30.0
PLACE = (105.8107531, 21.0113579)


def person() -> dict[str, str]:
    """A name and a phone that nobody else has."""
    digits = "".join(secrets.choice("0123456789") for _ in range(9))
    return {"name": f"Nguyễn Thị Hoàng Yến {secrets.token_hex(4)}", "phone": f"0912{digits}"}


@dataclass
class Canaries:
    """What must not be found, and where."""

    identity: dict[str, str] = field(default_factory=dict)
    """Must be nowhere."""
    words: dict[str, str] = field(default_factory=dict)
    """What the reporter tells: for officers, and in the database, but nowhere else."""
    devices: dict[str, str] = field(default_factory=dict)
    """Ids of devices: in the database once each, in the table of devices, and nowhere else."""


@dataclass
class Story:
    """What happened, and what everybody saw."""

    canaries: Canaries
    officer: bytes
    logs: bytes
    metrics: bytes
    pushes: bytes
    dump: bytes

    def channels(self) -> dict[str, bytes]:
        """Everything that could show something, by name."""
        names = ("officer", "logs", "metrics", "pushes", "dump")
        return {name: getattr(self, name) for name in names}


def eventually(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it is something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        got = found()
        if got:
            return got
        time.sleep(0.05)
    raise TimeoutError


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Reporter:
    """A phone that tells everything it has."""

    def __init__(self, http: httpx.Client, canaries: Canaries, name: str) -> None:
        self.http, self.canaries, self.name = http, canaries, name
        self.headers: dict[str, str] = {}
        self.told: list[str] = []
        self.bodies = 0

    def become_a_device(self) -> None:
        """With a token, and one to be woken by."""
        made = self.http.post("/v1/devices", json={}).json()
        self.headers = bearer(made["token"])
        push_token = f"ok-{secrets.token_hex(12)}"
        push = {"provider": "fcm", "token": push_token, "language": "vi"}
        assert self.http.put("/v1/devices/self/push", json=push, headers=self.headers).is_success
        self.canaries.devices[f"{self.name}'s device"] = made["device_id"]
        self.canaries.identity[f"{self.name}'s token"] = made["token"]
        self.canaries.identity[f"{self.name}'s push token"] = push_token

    def body(self) -> dict[str, Any]:
        """A report with a name, a phone, and words of its own."""
        contact, number = person(), secrets.token_hex(6)
        self.bodies += 1
        name = f"{self.name} {self.bodies}"
        self.canaries.identity |= {f"{name} {key}": value for key, value in contact.items()}
        self.canaries.words[f"{name} text"] = f"Có người lạ cạy cửa {number}"
        self.canaries.words[f"{name} note"] = f"Sau chợ {number}"
        told = self.canaries.words
        return report(PLACE, text=told[f"{name} text"], note=told[f"{name} note"], contact=contact)

    def accepted(self, answer: dict[str, Any]) -> str:
        """Remember what a report's answer tells; the report's id."""
        name = f"report {len(self.told)} of {self.name}"
        self.canaries.identity[f"{name}: id"] = answer["id"]
        self.canaries.identity[f"{name}: receipt"] = answer["receipt"]["code"]
        self.told.append(answer["acknowledgement"]["id"])
        return str(answer["id"])

    def send(self) -> str:
        """One report, twice; the report's id."""
        url, body = f"/v1/reports/{uuid7()}", self.body()
        answers = [self.http.put(url, json=body, headers=self.headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200]
        return self.accepted(answers[0].json())

    def send_batch(self) -> None:
        """Two reports at once, and one that is none."""
        items = [self.body() | {"id": str(uuid7())} for _ in range(2)]
        bad = self.body() | {"id": str(uuid7()), "phone": items[0]["contact"]["phone"]}
        sent = {"items": [*items, bad]}
        answer = self.http.post("/v1/reports/batch", json=sent, headers=self.headers).json()
        assert [item["status"] for item in answer["items"]] == [201, 201, 422]
        for item in answer["items"][:2]:
            self.accepted(item["body"])

    def look(self, report_id: str) -> None:
        """Read everything of one's own."""
        for path in ("/v1/inbox", "/v1/my/reports", f"/v1/my/reports/{report_id}"):
            assert self.http.get(path, headers=self.headers).status_code == 200

    def open(self, report_id: str) -> str:
        """Open a report by its receipt; the token that reads it."""
        names = {value: name for name, value in self.canaries.identity.items()}
        code = self.canaries.identity[names[report_id].replace(": id", ": receipt")]
        opened = self.http.post("/v1/receipts", json={"code": code}).json()
        self.canaries.identity[f"token of {names[report_id]}"] = opened["token"]
        assert self.http.get("/v1/inbox", headers=bearer(opened["token"])).is_success
        return code

    def err(self, report_id: str) -> None:
        """Make every mistake a phone can make, with secrets in all the wrong places."""
        contact = person()
        self.canaries.identity |= {f"{self.name} mistaken {k}": v for k, v in contact.items()}
        name, phone = contact.values()
        http, token = self.http, self.headers.get("Authorization", "Bearer x").partition(" ")[2]
        answers = [
            http.put(f"/v1/reports/{report_id}", json=self.body()),
            http.put(f"/v1/reports/{report_id}", json=self.body() | {name: phone}),
            http.put(f"/v1/reports/{uuid7()}", content=f'{{"name": "{name}"'.encode()),
            http.put(f"/v1/reports/{name}", json=contact, headers=self.headers),
            http.post("/v1/devices", json=contact),
            http.post("/v1/sessions", json={"username": phone, "password": name, "totp": "1"}),
            http.get(f"/v1/{name}", params=contact, headers=self.headers),
            http.get(f"/v1/my/reports/{report_id}", params={"token": token}),
            http.get("/v1/queue", headers=bearer(token)),
            http.get(f"/v1/cases/{report_id}", headers={"Authorization": f"Basic {token}"}),
            http.request("BREW", f"/v1/my/reports/{report_id}", headers=self.headers),
            http.get("/v1/config", headers={"Cookie": f"tinbao_session={token}"}),
            http.get("/v1/inbox", params={"cursor": phone}, headers=self.headers),
            http.get(f"/v1/my/reports/{report_id}?{phone}", headers=websocket()),
        ]
        assert not any(answer.is_server_error for answer in answers)


def websocket() -> dict[str, str]:
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }


class OfficerSide:
    """A duty officer and what the service answers them, whatever they ask."""

    def __init__(self, http: httpx.Client, canaries: Canaries, engine: Engine, keys: Keys) -> None:
        self.http, self.seen = http, bytearray()
        made = make_staff(engine, keys, StaffRole.DUTY_OFFICER, station_id="w-00001")
        sign_in = {
            "username": made.username,
            "password": made.password,
            "totp": pyotp.TOTP(made.totp_secret).now(),
        }
        token = http.post("/v1/sessions", json=sign_in).json()["token"]
        self.headers = bearer(token)
        canaries.identity |= {
            "officer's password": made.password,
            "officer's second factor": made.totp_secret,
            "officer's recovery code": made.recovery_codes[0],
            "officer's token": token,
        }

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, and all of its answer."""
        headers = self.headers | more.pop("headers", {})
        answer = self.http.request(method, path, headers=headers, **more)
        self.seen += answer.content
        self.seen += b"".join(name + b": " + value + b"\n" for name, value in answer.headers.raw)
        return answer

    def take_all(self, count: int) -> None:
        """Read the queue and every case, and acknowledge each."""

        def queue() -> list[Any]:
            items = self.ask("GET", "/v1/queue?limit=100").json()["items"]
            return items if len(items) >= count else []

        for case in eventually(queue):
            path = f"/v1/cases/{case['case_id']}"
            etag = self.ask("GET", path).headers["ETag"]
            done = self.ask("POST", f"{path}/acknowledgement", headers={"If-Match": etag})
            assert done.status_code == 200
            self.ask("GET", path, headers={"Accept-Language": "en"})
        for state in ("received", "acknowledged", "withdrawn"):
            self.ask("GET", "/v1/queue", params={"state": state, "limit": 1})

    def try_everything(self) -> None:
        """Every operation of the document but those that end the session."""
        document = self.ask("GET", "/openapi.json").json()
        for template, operations in document["paths"].items():
            path = template.format(
                case_id=uuid7(), report_id=uuid7(), code="00001", station_id="w-00001"
            )
            for method in operations.keys() - {"delete"}:
                self.ask(method.upper(), path)
                self.ask(method.upper(), path, json={})


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    """FCM's far end."""
    with fcm_running(tmp_path_factory.mktemp("fcm")) as made:
        yield made


@pytest.fixture(scope="module")
def service(
    settings: Settings,
    town: Town,
    fcm: Fcm,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service as processes that write all they can into their logs."""
    home: Path = tmp_path_factory.mktemp("canary")
    extra = {
        "TINBAO_KEYS_DIR": str(settings.keys),
        "TINBAO_LOG_LEVEL": "debug",
        "TINBAO_SERVICE_DATABASE_URL": str(settings.service_database_url),
        "TINBAO_PUSH__ENDPOINT": fcm.url,
        "TINBAO_PUSH__CREDENTIALS_FILE": str(fcm.credentials_file),
    }
    with running(home, str(settings.database_url), extra) as made:
        yield made


@pytest.fixture(scope="module")
async def account(app: FastAPI, issuer: Issuer) -> Canaries:
    """A reporter with an account: one report, and a look at what became of it."""
    canaries = Canaries()
    uid, report_id = f"uid{secrets.token_hex(10)}", uuid7()
    contact, token = person(), issuer.token(uid)
    push_token = f"ok-{secrets.token_hex(12)}"
    async with caller(app, token) as client:
        push = {"provider": "fcm", "token": push_token}
        registered = await client.put("/v1/devices/self/push", json=push)
        body = report(PLACE, text="Xe lạ đỗ qua đêm.", contact=contact)
        sent = await client.put(f"/v1/reports/{report_id}", json=body)
        read = await client.get(f"/v1/my/reports/{report_id}")
    assert (registered.status_code, sent.status_code, read.status_code) == (204, 201, 200)
    canaries.identity = {
        "account": uid,
        "account's ID token": token,
        "account's push token": push_token,
        "account's report": str(report_id),
        "account's receipt": sent.json()["receipt"]["code"],
        "account's name": contact["name"],
        "account's phone": contact["phone"],
    }
    return canaries


def dumped(settings: Settings) -> bytes:
    """The whole database as `pg_dump` writes it in plain text."""
    binaries = fetch()
    command = [str(binaries.folder / "pg_dump"), "--dbname", str(settings.database_url)]
    return subprocess.run(
        command, env=dict(binaries.environment), check=True, capture_output=True
    ).stdout


def without_addresses(message: Mapping[str, Any]) -> dict[str, Any]:
    """A push as everybody on its way sees it: the token is its address, which FCM must know."""
    return {name: value for name, value in message.items() if name != "token"}


@pytest.fixture(scope="module")
def story(
    service: Service, fcm: Fcm, engine: Engine, keys: Keys, settings: Settings, account: Canaries
) -> Story:
    """Everybody's part, then everything that was left behind."""
    canaries = Canaries(identity=dict(account.identity))
    canaries.words |= {"longitude": str(PLACE[0]), "latitude": str(PLACE[1])}
    with httpx.Client(base_url=service.base_url, timeout=30) as http:
        device, nobody = Reporter(http, canaries, "device"), Reporter(http, canaries, "nobody")
        device.become_a_device()
        first, second = device.send(), device.send()
        device.send_batch()
        anonymous = nobody.send()
        device.err(first)
        nobody.err(anonymous)
        officer = OfficerSide(http, canaries, engine, keys)
        officer.take_all(count=6)
        officer.try_everything()
        device.look(first)
        binding = {"code": nobody.open(anonymous)}
        bound = http.post("/v1/receipts/binding", json=binding, headers=device.headers)
        forgotten = http.delete(f"/v1/my/reports/{second}/contact", headers=device.headers)
        assert (bound.status_code, forgotten.status_code) == (204, 204)
        eventually(lambda: len(fcm.accepted()) >= 2 * len(device.told))
        metrics = b"".join(
            http.get(f"http://127.0.0.1:{port}/metrics").content
            for own in service.own.values()
            for name, port in own.items()
            if "METRICS" in name
        )
    service.stop()
    stats = fcm.stats()
    messages = [without_addresses(each) for each in stats["accepted"] + stats["attempted"]]
    return Story(
        canaries=canaries,
        officer=bytes(officer.seen),
        logs=b"".join(service.log(name).read_bytes() for name in service.own),
        metrics=metrics,
        pushes=json.dumps(messages, ensure_ascii=False).encode(),
        dump=dumped(settings),
    )


def test_what_identifies_the_reporter_is_nowhere(story: Story) -> None:
    hits = {name: found(story.canaries.identity, held) for name, held in story.channels().items()}

    assert hits == {"officer": [], "logs": [], "metrics": [], "pushes": [], "dump": []}


def test_what_the_reporter_tells_is_for_officers_only(story: Story) -> None:
    hits = {name: found(story.canaries.words, held) for name, held in story.channels().items()}

    assert (hits["logs"], hits["metrics"], hits["pushes"]) == ([], [], [])
    assert hits["officer"]
    assert hits["dump"]


def test_a_device_is_known_by_its_row_alone(story: Story) -> None:
    shown = {name: held for name, held in story.channels().items() if name != "dump"}

    assert {name: found(story.canaries.devices, held) for name, held in shown.items()} == {
        name: [] for name in shown
    }
    for device in story.canaries.devices.values():
        assert story.dump.count(device.encode()) == 1


def test_every_channel_has_what_it_should(story: Story) -> None:
    assert story.officer.count(b'"relation":"owner"') >= 6
    assert story.officer.count(b'"state":"acknowledged"') >= 6
    assert story.logs.count(b"request.answered") > 50
    assert story.logs.count(b"delivery.attempted") >= 8
    assert b"tinbao_request_seconds" in story.metrics
    assert b"tinbao_push_attempts_total" in story.metrics
    assert "Có thông tin mới".encode() in story.pushes
    assert b"COPY public.sealed_contacts" in story.dump
    assert len(story.canaries.identity) > 30


@pytest.mark.parametrize("channel", ["officer", "logs", "metrics", "pushes", "dump"])
def test_a_planted_secret_is_found_in_every_spelling(story: Story, channel: str) -> None:
    held = story.channels()[channel]
    middle = len(held) // 2
    for name in ("device 1 name", "device 1 phone", "device's token", "report 0 of device: id"):
        secret = {name: story.canaries.identity[name]}
        for spelling, planted in spellings(secret[name]).items():
            seeded = held[:middle] + b"<" + planted + b">" + held[middle:]
            assert f"{name} as {spelling}" in found(secret, seeded)


async def test_without_sealing_the_dump_shows_the_reporter(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsealed(sealer: Sealer, contact: Mapping[str, Any], **where: Any) -> Sealed:
        sealed: Sealed = seal(sealer, contact, **where)
        return Sealed(sealed.key_id, json.dumps(contact, ensure_ascii=False).encode())

    seal: Any = Sealer.seal
    monkeypatch.setattr(Sealer, "seal", unsealed)
    contact = person()

    async with caller(app) as client:
        sent = await client.put(f"/v1/reports/{uuid7()}", json=report(PLACE, contact=contact))

    assert sent.status_code == 201
    hits = found(contact, dumped(settings))
    assert {"name as nfc hex", "phone as nfc hex"} <= set(hits)


async def test_with_the_id_in_the_clear_the_dump_shows_the_report(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keys, "store_id", lambda _, report_id: report_id)
    report_id = uuid7()

    async with caller(app) as client:
        sent = await client.put(f"/v1/reports/{report_id}", json=report(PLACE))

    assert sent.status_code == 201
    assert found({"report": str(report_id)}, dumped(settings))


@pytest.mark.parametrize(
    ("role", "table"),
    [
        ("tinbao_api", "sealed_contacts"),
        ("tinbao_officer", "sealed_contacts"),
        ("tinbao_worker", "sealed_contacts"),
        ("tinbao_officer", "push_tokens"),
    ],
)
def test_what_is_sealed_is_not_even_read_where_it_is_not_needed(
    engine: Engine, role: str, table: str
) -> None:
    with engine.connect() as connection:
        connection.execute(text(f"set role {role}"))

        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"select sealed from {table}"))  # noqa: S608
