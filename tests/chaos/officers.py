"""Officers who work on cases, whatever dies meanwhile."""

import asyncio
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pyotp

from api.accounts.staff import Credentials
from tests.chaos.phones import MOVED_ON, Caller

STATIONS = ("w-00001", "w-00002")
NEXT = {
    "received": ("acknowledgement", "acknowledgement", "acknowledgement", "transfer"),
    "acknowledged": ("progress", "progress", "question", "message", "resolution", "transfer"),
    "in_progress": ("message", "question", "resolution", "dismissal"),
    "need_info": ("progress", "message", "dismissal"),
}
"""What an officer may do next with a case in a state."""
CASES_AT_A_TIME = 3


@dataclass
class Officer(Caller):
    """An officer on duty, who takes steps of one case after another."""

    station: str = ""
    numbers: list[str] = field(default_factory=list)
    """The register numbers they were answered."""

    async def sign_in(self, credentials: Credentials) -> None:
        """Sign in; an authenticator's code works once, so this must not be interrupted."""
        body = {
            "username": credentials.username,
            "password": credentials.password,
            "totp": pyotp.TOTP(credentials.totp_secret).now(),
        }
        self.token = (await self.insist("POST", "/v1/sessions", body)).json()["token"]

    async def work(self, until: float, pause_s: float) -> None:
        """Take steps of a few cases at a time."""
        while time.monotonic() < until:
            state = random.choice([*NEXT])
            queue = await self.insist("GET", f"/v1/queue?state={state}&limit=50")
            cases = [case["case_id"] for case in queue.json()["items"]]
            for case_id in random.sample(cases, min(CASES_AT_A_TIME, len(cases))):
                await self.go_on(case_id)
            await asyncio.sleep(pause_s)

    async def go_on(self, case_id: str) -> None:
        """One step of a case; an attempt that went through unanswered makes the next a conflict."""
        path = f"/v1/cases/{case_id}"
        seen = await self.insist("GET", path)
        if seen.status_code != 200 or seen.json()["relation"] != "owner":
            return
        state = seen.json()["state"]
        if state not in NEXT:
            return
        name = random.choice(NEXT[state])
        tag = {"If-Match": seen.headers["ETag"]}
        too_late = (*MOVED_ON, 403, 412)
        answer = await self.step(f"{path}/{name}", self.body(name), too_late=too_late, **tag)
        if answer.is_success and name == "acknowledgement":
            self.numbers.append(answer.json()["register_number"])

    def body(self, name: str) -> dict[str, Any]:
        """What a step needs."""
        words = self.ledger.words(name)
        match name:
            case "transfer":
                target = next(each for each in STATIONS if each != self.station)
                return {"station_id": target, "reason": "Thuộc địa bàn bên kia."}
            case "question":
                return {"text": words}
            case "message":
                return {"id": str(uuid.uuid4()), "text": words}
            case "resolution":
                return {"reason_code": "handled_on_site", "public_text": words}
            case "dismissal":
                return {"reason_code": "nothing_found", "public_text": words}
        return {}
