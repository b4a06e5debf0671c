"""Reporters that ask until they are answered, whatever dies meanwhile."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.local.client import uuid7
from tests.town import IN_NORTH, IN_SOUTH, report

LONGEST_PAUSE_S = 1.0
SENT_AGAIN = 0.1
"""Of the phones that had their answer, how many send once more as if they had not."""
READ_EVERY = 5
"""Reports of a phone between two looks into its inbox."""
WITHDRAWN = 0.02
"""Of the reports, how many their reporter takes back at once."""
MOVED_ON = (404, 409)
"""A step came too late, or an attempt at it went through unanswered."""
ENDS = ("report.resolved", "report.dismissed")


@dataclass
class Ledger:
    """What everybody was answered."""

    answers: Counter[str] = field(default_factory=Counter)
    """By status; `none` where the connection broke."""
    waits_s: list[float] = field(default_factory=list)
    """From the first attempt to the 2xx, for each report."""
    taken_at: list[float] = field(default_factory=list)
    """When each report had its 2xx (monotonic seconds), in order."""
    steps: Counter[str] = field(default_factory=Counter)
    """How often each step was answered with success."""
    said: dict[str, bool] = field(default_factory=dict)
    """All that anybody said, each time in other words; whether they were told that it was taken."""
    faults: list[str] = field(default_factory=list)

    def words(self, what: str) -> str:
        """Something to say that nobody has said."""
        said = f"{what} {uuid.uuid4()}"
        self.said[said] = False
        return said

    def note(self, answer: httpx.Response) -> None:
        """Count an answer; of all failures only an honest 503 is allowed."""
        self.answers[str(answer.status_code)] += 1
        honest = (
            answer.status_code == 503
            and answer.headers.get("Retry-After", "").isdigit()
            and answer.json()["emergency"]["call"] == "113"
        )
        if answer.status_code >= 500 and not honest:
            self.faults.append(f"{answer.request.method} was answered {answer.status_code}")


@dataclass
class Caller:
    """Somebody with a bearer token who knows every API."""

    http: httpx.AsyncClient
    base_urls: list[str]
    ledger: Ledger
    token: str = field(default="", repr=False)

    async def insist(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """Ask one API or another, ever more patiently, until the answer is not "later"."""
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        attempt = 0
        while True:
            url = random.choice(self.base_urls) + path
            try:
                answer = await self.http.request(method, url, json=body, headers=headers)
            except httpx.TransportError:
                self.ledger.answers["none"] += 1
            else:
                self.ledger.note(answer)
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer
            attempt += 1
            ceiling = min(LONGEST_PAUSE_S, 0.05 * 2**attempt)
            await asyncio.sleep(random.uniform(0.5, 1) * ceiling)

    async def step(
        self, path: str, body: dict[str, Any], *, too_late: tuple[int, ...] = MOVED_ON, **tag: str
    ) -> httpx.Response:
        """Take a step of a report or a case, unless it comes too late."""
        answer = await self.insist("POST", path, body, **tag)
        name = path.rsplit("/", 1)[-1]
        if answer.is_success:
            self.ledger.steps[name] += 1
            self.ledger.said |= dict.fromkeys(self.ledger.said.keys() & body.values(), True)
        elif answer.status_code not in too_late:
            self.ledger.faults.append(f"{name} was answered {answer.status_code}")
        return answer


@dataclass
class Phone(Caller):
    """A device with a push token; what it was answered and what it was told."""

    push_token: str = ""
    accepted: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    """Its inbox, read bit by bit behind a cursor."""
    cursor: str = ""

    async def register(self) -> None:
        """Become a device that can be woken."""
        made = await self.insist("POST", "/v1/devices", {})
        self.token = made.json()["token"]
        push = {"provider": "fcm", "token": self.push_token}
        await self.insist("PUT", "/v1/devices/self/push", push)

    async def work(self, tickets: Iterator[float]) -> None:
        """Send a report at the time each ticket says, and read the inbox now and then."""
        for due in tickets:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.send()
            if len(self.accepted) % READ_EVERY == 0:
                known = len(self.told)
                await self.read_inbox()
                for item in self.told[known:]:
                    await self.react(item)

    async def react(self, item: dict[str, Any]) -> None:
        """Answer a question; say what one thinks of an end, or do not accept it."""
        path = f"/v1/my/reports/{item['report_id']}"
        message = {"id": str(uuid.uuid4()), "text": self.ledger.words(item["kind"])}
        if item["kind"] == "report.questioned":
            await self.step(f"{path}/messages", message)
        elif item["kind"] in ENDS:
            await self.step(f"{path}/feedback", {"satisfied": random.random() < 0.5})
            if random.random() < 0.5:
                await self.step(f"{path}/reopening", message)

    async def send(self) -> None:
        """One report, as often as it takes."""
        report_id, place = uuid7(), random.choice([IN_NORTH, IN_SOUTH])
        body, path = report(place, text=f"Việc {report_id}."), f"/v1/reports/{report_id}"
        began = time.monotonic()
        answer = await self.insist("PUT", path, body)
        now = time.monotonic()
        self.ledger.waits_s.append(now - began)
        self.ledger.taken_at.append(now)
        if answer.status_code not in (200, 201):
            self.ledger.faults.append(f"a report was answered {answer.status_code}")
            return
        self.accepted[report_id] = answer.json()
        if random.random() < SENT_AGAIN:
            again = await self.insist("PUT", path, body)
            if again.status_code != 200 or again.json() != answer.json():
                self.ledger.faults.append(f"sent again, {report_id} was answered otherwise")
        if random.random() < WITHDRAWN:
            await self.step(f"/v1/my/reports/{report_id}/withdrawal", {})

    async def read_inbox(self) -> None:
        """Everything behind the cursor."""
        while True:
            page = (await self.insist("GET", f"/v1/inbox?limit=100{self.cursor}")).json()
            self.told += page["items"]
            if not page["items"]:
                return
            self.cursor = f"&cursor={page['next_cursor']}"

    async def own_reports(self) -> list[str]:
        """The ids that the service lists as this phone's."""
        found: list[str] = []
        cursor = ""
        while True:
            page = (await self.insist("GET", f"/v1/my/reports?limit=100{cursor}")).json()
            found += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"
