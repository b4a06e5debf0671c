"""Giving a case to another station: transfer and bounce."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.areas.reown import TRANSFERRED
from api.reports.routing import about_police
from api.reports.tables import Report, State
from api.triage import claims, steps
from api.triage.lifecycle import Act, Case, Change, Done, Requirement, take
from geo.atlas import Atlas
from geo.routing import INFORMED_SHARE
from geo.tables import NATIONAL_DESK_ID, Station, StationKind

MOST_BOUNCES = 3
"""The bounce that ends the quarrel: a desk above both stations decides."""
THIRD_BOUNCE = "third-bounce"
"""The flag of a case that was bounced so often."""

BEGINS_ANEW: dict[str, Any] = {
    "state": State.RECEIVED,
    "register_year": None,
    "register_number": None,
    "assignee_id": None,
    **claims.GIVEN_BACK,
}
"""What a case leaves behind with its station. Its clock runs on."""


@dataclass(frozen=True)
class Target:
    """A station that may get a case."""

    id: str
    name: str
    phone: str | None
    kind: str

    def answer(self) -> dict[str, Any]:
        """As the routing tells it."""
        return {"id": self.id, "name": self.name, "phone": self.phone, "kind": self.kind}


async def find_target(session: AsyncSession, station_id: str) -> Target | None:
    """A station by its id."""
    found = await session.execute(
        select(Station.id, Station.name, Station.phone, Station.kind).where(
            Station.id == station_id
        )
    )
    row = found.one_or_none()
    return None if row is None else Target(*row)


def closed(atlas: Atlas | None, target: Target) -> bool:
    """Whether a ward station answers only for wards that are no more."""
    if atlas is None or target.kind != StationKind.WARD:
        return False
    wards = [ward for ward, station in atlas.jurisdictions.items() if station == target.id]
    return bool(wards) and not any(ward in atlas.wards for ward in wards)


def sealed_from_wards(case: Case) -> bool:
    """Whether a case is about the police, so that only oversight may know of it."""
    return about_police(kind=case.kind, category=case.category, about_station=case.about_station)


async def transfer(
    session: AsyncSession, act: Act, *, station_id: str, reason: str, atlas: Atlas | None
) -> None:
    """Hand a case to the station it belongs to; the sender goes on seeing it.

    Not so when it goes to oversight: then nobody else does. What is about the police goes nowhere
    else. Raises `StationNotEligible`.
    """

    async def hand_over(case: Case) -> Done:
        target = await find_target(session, station_id)
        sealed = sealed_from_wards(case)
        if (
            target is None
            or target.id == case.station_id
            or closed(atlas, target)
            or (sealed and target.kind != StationKind.OVERSIGHT)
        ):
            raise problems.StationNotEligible
        informed = [*seers(case, target), case.station_id]
        if sealed or target.kind == StationKind.OVERSIGHT:
            informed = []
        return Done(
            data={"from": case.station_id, "to": target.id, "reason": reason},
            told={"station": target.name},
            change=handed_over(case, target, informed, last_station_id=case.station_id),
        )

    await take(session, act, steps.TRANSFERRED, then=hand_over)


def seers(case: Case, target: Target) -> list[str]:
    """The stations that see a case besides its owner, once `target` is that."""
    informed: list[str] = case.routing.get("informed", [])
    return [each for each in informed if each not in (target.id, case.station_id)]


def handed_over(
    case: Case, target: Target, informed: list[str], *, flag: str | None = None, **values: Any
) -> Change:
    """The change of owner that a person decided: no edition takes the case away from there."""
    flags = [*case.flags, flag] if flag and flag not in case.flags else list(case.flags)
    routing = {
        **case.routing,
        "station": target.answer(),
        "rule": TRANSFERRED,
        "flags": flags,
        "informed": informed,
    }
    moved = {"station_id": target.id, "routing": routing, "flags": flags}
    return Change(BEGINS_ANEW | moved | values, informed)


async def bounce(session: AsyncSession, act: Act, *, reason: str, atlas: Atlas | None) -> None:
    """Hand a case back to the station it came from; the third time a desk above them gets it.

    Raises `StationNotEligible` when it did not come from anywhere, or may not go back there.
    """
    came = Requirement(Report.last_station_id.is_not(None), problems.StationNotEligible())

    async def hand_back(case: Case) -> Done:
        bounces = case.bounces + 1
        target = await target_of_bounce(session, case, bounces, atlas)
        flag = THIRD_BOUNCE if bounces >= MOST_BOUNCES else None
        informed = seers(case, target)
        if may_be_in_its_wards(atlas, case):
            informed.append(case.station_id)
        if sealed_from_wards(case) or target.kind == StationKind.OVERSIGHT:
            informed = []
        return Done(
            data={
                "from": case.station_id,
                "to": target.id,
                "reason": reason,
                "bounces": bounces,
            },
            told={"station": target.name},
            change=handed_over(
                case, target, informed, flag=flag, last_station_id=None, bounces=bounces
            ),
        )

    await take(session, act, steps.BOUNCED, then=hand_back, requires=[came])


async def target_of_bounce(
    session: AsyncSession, case: Case, bounces: int, atlas: Atlas | None
) -> Target:
    """Where a case goes that the station does not take."""
    sealed = sealed_from_wards(case)
    above = f"{'o' if sealed else 'p'}-{case.province_code}"
    for station_id in (
        *([case.last_station_id] if bounces < MOST_BOUNCES else []),
        above,
        NATIONAL_DESK_ID,
        case.last_station_id,
    ):
        target = await find_target(session, station_id)
        if target is None or target.id == case.station_id or closed(atlas, target):
            continue
        if not sealed or target.kind in (StationKind.OVERSIGHT, StationKind.NATIONAL_DESK):
            return target
    raise problems.StationNotEligible


def may_be_in_its_wards(atlas: Atlas | None, case: Case) -> bool:
    """Whether the routing saw so much of the place in wards of the owner that it is informed."""
    if atlas is None:
        return False
    return any(
        atlas.jurisdictions.get(each["ward_code"]) == case.station_id
        for each in case.routing.get("candidates", [])
        if each["share"] >= INFORMED_SHARE
    )
