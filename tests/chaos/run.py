"""A whole installation under load while its parts are killed, and what came of it."""

import asyncio
import bisect
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.accounts.staff import Credentials, create_staff
from api.accounts.tables import StaffRole
from tests.chaos import verdict
from tests.chaos.killer import KINDS, Killer
from tests.chaos.officers import STATIONS, Officer
from tests.chaos.phones import Ledger, Phone
from tests.installation import Installation, installed
from tests.service import Service

ANSWERED_WITHIN_S = 60.0
PENDING = text("select count(*) from deliveries where state = 'pending'")
NEWS = ('"level": "warning"', '"level": "error"', "Traceback")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much chaos."""

    reports: int
    kills: int
    seconds: float
    """Reports come and kills happen for half of it; the rest is for starting and draining."""
    apis: int = 1
    workers: int = 1
    phones: int = 24
    push_timeout_s: int = 2
    """A dead worker's pushes come due again after twice as long."""
    officer_pause_s: float = 0.2
    p99_within_s: float = math.inf
    """Of the times from a report's first attempt to its 2xx."""
    drained_within_s: float = math.inf


@dataclass
class Result:
    """What came of it. Times in seconds."""

    plan: Plan
    ledger: Ledger
    killer: Killer
    acknowledged: int
    """Cases that officers took into the register."""
    lost: int
    duplicates: int
    pushes: int
    extra_copies: int
    drained_s: float
    """From the last kill until nothing was owed any more."""
    faults: list[str]

    def waits_s(self) -> tuple[float, float, float]:
        """From the first attempt to the 2xx: median, 99th percentile, longest."""
        p50, p99, longest = np.percentile(self.ledger.waits_s or [np.nan], [50, 99, 100])
        return float(p50), float(p99), float(longest)

    def back_s(self) -> list[float]:
        """From each time that PostgreSQL was up again to the next report's 2xx."""
        taken = self.ledger.taken_at
        found = []
        for up_at in self.killer.database_up_at:
            following = bisect.bisect(taken, up_at)
            found += [taken[following] - up_at] if following < len(taken) else []
        return sorted(found)

    def trailing_s(self) -> float:
        """From the last 2xx until nothing was owed any more."""
        return self.drained_s - (max(self.ledger.taken_at, default=0.0) - self.killer.last)

    def lateness(self) -> list[str]:
        """Which of the plan's times were not kept."""
        return [
            f"{what} took longer than {limit:.0f} s"
            for what, seconds, limit in (
                ("the slowest hundredth of reports", self.waits_s()[1], self.plan.p99_within_s),
                ("sending what was owed", self.drained_s, self.plan.drained_within_s),
            )
            if not seconds <= limit
        ]

    def table(self) -> str:
        """For people."""
        p50, p99, longest = self.waits_s()
        kills = ", ".join(f"{kind} {self.killer.kills[kind]}" for kind in KINDS)
        answers = ", ".join(f"{n} x {what}" for what, n in sorted(self.ledger.answers.items()))
        facts = {
            "reports acknowledged": f"{len(self.ledger.waits_s)} of {self.plan.reports}",
            "kills (-9)": f"{self.killer.kills.total()} ({kills})",
            "lost": self.lost,
            "duplicates": self.duplicates,
            "lines in registers": self.acknowledged,
            "steps taken": ", ".join(
                f"{n} x {what}" for what, n in sorted(self.ledger.steps.items())
            ),
            "pushes": f"{self.pushes}, of them {self.extra_copies} extra copies",
            "time to 2xx": f"p50 {p50:.3f} s, p99 {p99:.2f} s, longest {longest:.2f} s",
            "2xx after PostgreSQL is up": ", ".join(f"{each:.2f} s" for each in self.back_s()),
            "drained": f"{self.drained_s:.1f} s after the last kill, {self.trailing_s():.1f} s"
            " after the last 2xx",
            "answers": answers,
            "faults": "; ".join(self.faults[:10]) or "none",
        }
        return "\n".join(f"| {name:<27} | {fact} |" for name, fact in facts.items())


def run(plan: Plan) -> Result:
    """Build an installation in a temporary folder, wreck it, judge it, and remove it."""
    with tempfile.TemporaryDirectory(prefix="tinbao-chaos-") as home:
        scene = installed(
            Path(home),
            apis=plan.apis,
            workers=plan.workers,
            fcm_mode="moody",
            TINBAO_PUSH__TIMEOUT=f"PT{plan.push_timeout_s}S",
        )
        with scene as installation:
            staff = [hire(installation, station) for station in STATIONS]
            result = asyncio.run(wreck(plan, installation, staff))
            result.faults += result.lateness()
            if result.faults:
                result.faults += last_words(installation.service)
            return result


def hire(scene: Installation, station_id: str) -> Credentials:
    """An officer of a station."""
    with Session(scene.engine) as session, session.begin():
        return create_staff(
            session,
            scene.keys,
            role=StaffRole.DUTY_OFFICER,
            username=f"officer-{station_id}",
            station_id=station_id,
        )


async def wreck(plan: Plan, scene: Installation, staff: Sequence[Credentials]) -> Result:
    """Send, kill and acknowledge at the same time; then wait until nothing is owed, and judge."""
    ledger = Ledger()
    killer = Killer(scene.service, scene.cluster, ledger.faults)
    limits = httpx.Limits(max_connections=plan.phones + len(staff))
    async with httpx.AsyncClient(timeout=10, limits=limits) as http:
        urls = scene.service.base_urls
        phones = [Phone(http, urls, ledger, push_token=f"phone-{n}") for n in range(plan.phones)]
        officers = [Officer(http, urls, ledger, station=station) for station in STATIONS]
        await asyncio.gather(*(phone.register() for phone in phones))
        for officer, credentials in zip(officers, staff, strict=True):
            await officer.sign_in(credentials)
        began, lasts_s = time.monotonic(), plan.seconds / 2
        over = began + lasts_s + max(lasts_s, ANSWERED_WITHIN_S)
        tickets = spread(began, lasts_s, plan.reports)
        moments = list(spread(0, plan.reports, plan.kills))
        work = asyncio.gather(
            asyncio.to_thread(killer.run, moments, lambda: len(ledger.waits_s), over),
            *(phone.work(tickets) for phone in phones),
            *(officer.work(began + lasts_s, plan.officer_pause_s) for officer in officers),
        )
        try:
            await asyncio.wait_for(work, over - time.monotonic())
            drained = await drain(scene.engine, time.monotonic() + plan.seconds)
            for phone in phones:
                await asyncio.wait_for(phone.read_inbox(), ANSWERED_WITHIN_S)
        except TimeoutError:
            ledger.faults.append("not everything was answered and sent in time")
            drained = time.monotonic()
        judged = judge(plan, scene, killer, phones, officers, drained - killer.last)
        return await asyncio.wait_for(judged, 2 * ANSWERED_WITHIN_S)


def spread(began: float, length: float, count: int) -> Iterator[float]:
    """So many random moments, evenly spread; several takers may share them."""
    slot = length / count
    return (began + slot * (number + random.random()) for number in range(count))


async def drain(engine: Engine, until: float) -> float:
    """When nothing was owed any more; the database may still be recovering from the last kill."""
    while time.monotonic() < until:
        with suppress(OperationalError), engine.connect() as connection:
            if not connection.scalar(PENDING):
                return time.monotonic()
        await asyncio.sleep(0.1)
    raise TimeoutError


async def judge(
    plan: Plan,
    scene: Installation,
    killer: Killer,
    phones: Sequence[Phone],
    officers: Sequence[Officer],
    drained_s: float,
) -> Result:
    """Compare what everybody was promised with what there is."""
    ledger, pushed = phones[0].ledger, scene.fcm.accepted()
    rows = verdict.stored(scene.engine, scene.keys)
    accepted = {report_id for phone in phones for report_id in phone.accepted}
    listed = [found for phone in phones for found in await phone.own_reports()]
    numbers = verdict.register_numbers(scene.engine)
    faults = [
        *ledger.faults,
        *verdict.half_done(scene.engine),
        *verdict.strayed(scene.engine),
        *verdict.misheard(scene.engine, ledger.said),
        *verdict.untold(scene.engine, phones, pushed),
    ]
    if sorted(listed) != sorted(map(str, accepted)):
        faults.append("the phones' own lists are not what they were answered")
    if len(ledger.waits_s) != plan.reports:
        faults.append(f"{plan.reports - len(ledger.waits_s)} reports were never answered")
    if Counter(number for each in officers for number in set(each.numbers)) - numbers:
        faults.append("an officer was given a number that is in no register")
    lost = len(accepted - rows)
    duplicates = verdict.doubles(scene.engine)
    if lost or duplicates:
        faults.append(f"{lost} lost, {duplicates} duplicates")
    return Result(
        plan=plan,
        ledger=ledger,
        killer=killer,
        acknowledged=numbers.total(),
        lost=lost,
        duplicates=duplicates,
        pushes=len(pushed),
        extra_copies=len(pushed) - len(set(pushed)),
        drained_s=drained_s,
        faults=faults,
    )


def last_words(service: Service) -> list[str]:
    """The end of what each process complained of."""
    found = []
    for name in service.own:
        lines = service.log(name).read_text(errors="replace").splitlines()
        news = [line for line in lines if any(sign in line for sign in NEWS)]
        found += [f"{name}: {line}" for line in news[-5:]]
    return found
