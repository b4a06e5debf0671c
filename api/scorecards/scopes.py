"""Whose card somebody may read: a chief their station's, a commander those of the province."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from geo.atlas import Atlas
from geo.tables import NATIONAL_DESK_ID, Province, Station, StationKind

COUNTRY = NATIONAL_DESK_ID
"""Nobody is above the national desk: its chief commands the country."""


@dataclass(frozen=True)
class Scope:
    """What a card is of; a station's has the others of its province as peers."""

    level: Literal["station", "province", "country"]
    code: str
    name: str
    province_code: str | None = None
    oversight: bool = False


async def scope_of(
    session: AsyncSession, officer: OfficerIdentity, asked: str, atlas: Atlas | None
) -> Scope:
    """The scope of a code, if the officer may read it; what they may not read does not exist."""
    if officer.role == StaffRole.PROVINCE_COMMANDER and asked == officer.province_code:
        name = await session.scalar(select(Province.name).where(Province.code == asked))
        return Scope("province", asked, name or asked, asked)
    if asked == COUNTRY and officer.station_id == COUNTRY:
        return Scope("country", COUNTRY, "Việt Nam")
    station_id = atlas.jurisdictions.get(asked, asked) if atlas else asked
    found = await session.execute(
        select(Station.name, Station.kind, Station.province_code).where(Station.id == station_id)
    )
    station = found.one_or_none()
    if station is None:
        raise problems.NotFound
    oversight = station.kind == StationKind.OVERSIGHT
    commanded = (
        officer.role == StaffRole.PROVINCE_COMMANDER
        and station.province_code == officer.province_code
        and not oversight
    )
    if not commanded and station_id != officer.station_id:
        raise problems.NotFound
    return Scope("station", station_id, station.name, station.province_code, oversight)
