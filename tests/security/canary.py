"""The people of the canary's story, and all the secrets they have."""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyotp
from sqlalchemy import Engine

from api.accounts.tables import StaffRole
from api.local.client import uuid7
from api.secrets import Keys
from tests.factories import make_officer, make_staff
from tests.security.rows import STREAMS
from tests.town import report

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
        self.group_id: str | None = None

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

    def join_a_group(self, chief: str) -> None:
        """By a chief's invitation; whatever it reports now is filed as the group."""
        registered = {"name": "Tổ 5", "type": "to_tu_quan", "ward_code": "00001"}
        made = self.http.post("/v1/groups", json=registered, headers=bearer(chief)).json()
        path = f"/v1/groups/{made['id']}/invitations"
        invited = self.http.post(path, json={"role": "leader"}, headers=bearer(chief)).json()
        code = {"code": invited["code"]}
        joined = self.http.post("/v1/groups/joining", json=code, headers=self.headers)
        assert joined.status_code == 200
        self.group_id = made["id"]
        self.canaries.identity[f"{self.name}'s invitation"] = invited["code"]

    def body(self) -> dict[str, Any]:
        """A report with a name, a phone, and words of its own."""
        contact, number = person(), secrets.token_hex(6)
        self.bodies += 1
        name = f"{self.name} {self.bodies}"
        self.canaries.identity |= {f"{name} {key}": value for key, value in contact.items()}
        self.canaries.words[f"{name} text"] = f"Có người lạ cạy cửa {number}"
        self.canaries.words[f"{name} note"] = f"Sau chợ {number}"
        told = self.canaries.words
        return report(
            PLACE,
            text=told[f"{name} text"],
            note=told[f"{name} note"],
            contact=contact,
            group_id=self.group_id,
        )

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

    def talk(self, report_id: str) -> None:
        """Say something about a report, twice; the phone makes the message's id."""
        message_id, words = str(uuid7()), f"Họ ở nhà số {secrets.token_hex(6)}"
        self.canaries.devices[f"{self.name}'s message"] = message_id
        self.canaries.words[f"{self.name} message"] = words
        url, body = f"/v1/my/reports/{report_id}/messages", {"id": message_id, "text": words}
        answers = [self.http.post(url, json=body, headers=self.headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 200]
        assert self.http.get(url, headers=self.headers).json()["items"][-1]["text"] == words

    def rate(self, report_id: str) -> None:
        """Say how it ended, and ask for another look."""
        told = self.canaries.words
        told[f"{self.name} opinion"] = f"Chưa thấy ai đến {secrets.token_hex(6)}"
        told[f"{self.name} objection"] = f"Vẫn còn ồn {secrets.token_hex(6)}"
        for path, body in (
            ("feedback", {"satisfied": False, "text": told[f"{self.name} opinion"]}),
            ("reopening", {"text": told[f"{self.name} objection"]}),
        ):
            url = f"/v1/my/reports/{report_id}/{path}"
            assert self.http.post(url, json=body, headers=self.headers).status_code == 200

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
        for path in (
            "queue?state=any&bbox=-180,-90,180,90",
            "queue?state=any&q=a",
            "queue/handover",
            "tiles/cases.json",
            "tiles/cases/0/0/0.mvt?state=any&clustered=false",
        ):
            assert self.ask("GET", f"/v1/{path}").is_success

    def command(self, engine: Engine) -> None:
        """Read all that a commander of the province may read."""
        duty = self.headers
        self.headers = bearer(
            make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")
        )
        for path in (
            "hotspots",
            "hotspots?scope=00001&window=90d&group=sensitive",
            "exports/hotspots.csv",
            "exports/hotspots.pdf",
            "tiles/hotspots.json",
            "tiles/hotspots/0/0/0.mvt",
            "trends",
            "trends/alerts",
            "scorecards?scope=01&window=7d",
            "exports/scorecards.csv?scope=01&window=7d",
            "overdue",
            "urgings",
        ):
            assert self.ask("GET", f"/v1/{path}").is_success, path
        self.headers = duty

    def work_on_all(self, path: str, **body: str) -> None:
        """One step with every open case, and a look at each afterwards."""
        for case in self.ask("GET", "/v1/queue?limit=100").json()["items"]:
            url = f"/v1/cases/{case['case_id']}"
            headers = {"If-Match": f'"{case["version"]}"'}
            assert self.ask("POST", f"{url}/{path}", json=body, headers=headers).is_success
            self.ask("GET", url)
            self.ask("GET", f"{url}/suggestions")

    def try_everything(self) -> None:
        """Every operation of the document but those that end the session, or never end."""
        document = self.ask("GET", "/openapi.json").json()
        for template, operations in document["paths"].items():
            known: dict[str, Any] = {"code": "00001", "station_id": "w-00001"}
            path = template.format_map(defaultdict(uuid7, known))
            for method in operations.keys() - {"delete"}:
                if operations[method]["operationId"] in STREAMS:
                    continue
                self.ask(method.upper(), path)
                self.ask(method.upper(), path, json={})
