"""A canary reporter: what identifies them is nowhere that an officer, a log, a metric, a push or a
dump of the database could show it.

The service is a real process with a real worker and a stand-in for FCM; only the reporter with an
account is served in this process, because Google's keys must be replaced.
"""

import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
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
from tests.factories import caller, make_officer
from tests.security.canary import PLACE, Canaries, OfficerSide, Reporter, eventually, person
from tests.security.scanner import found, spellings
from tests.service import Service, running
from tests.stand_ins.firebase import Issuer
from tests.stand_ins.running import Fcm, fcm_running
from tests.town import Town, report


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
        device.join_a_group(make_officer(engine, "w-00001", role=StaffRole.STATION_CHIEF))
        first, second = device.send(), device.send()
        device.send_batch()
        anonymous = nobody.send()
        device.err(first)
        nobody.err(anonymous)
        officer = OfficerSide(http, canaries, engine, keys)
        officer.take_all(count=6)
        officer.work_on_all("question", text="Việc xảy ra lúc mấy giờ?")
        device.talk(first)
        officer.work_on_all(
            "resolution", reason_code="warned", note="Theo dõi.", public_text="Đã nhắc nhở."
        )
        device.rate(first)
        officer.work_on_all("message", id=str(uuid7()), text="Chúng tôi sẽ xem lại.")
        officer.command(engine)
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
