"""Which place a reader may ask about, in which boundaries, and the record of their reading."""

import asyncio
import datetime as dt
from typing import Annotated

from fastapi import Query, Request
from sqlalchemy import Insert
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.audit import audited
from api.i18n import Language
from api.trends.keeping import COUNTRY, Area
from geo.atlas import Atlas, load_atlas
from geo.stored import WardInfo
from geo.tables import BoundaryEdition, EditionState

EditionId = Annotated[int | None, Query(ge=1, lt=2**31, description="The one in force if left out")]


def unfit(name: str, language: Language) -> problems.InvalidRequest:
    """A parameter that cannot be meant."""
    error = {"type": "other", "loc": ("query", name)}
    return problems.InvalidRequest(errors=problems.field_errors([error], language))


async def atlas_asked(
    request: Request,
    session: AsyncSession,
    edition: int | None,
    now: dt.datetime,
    language: Language,
) -> Atlas:
    """The boundaries in force, or those of an edition that is or was."""
    current: Atlas | None = request.app.state.atlases.current(now)
    if current is None:
        raise problems.ServiceUnavailable
    if edition in (None, current.edition_id):
        return current
    row = await session.get(BoundaryEdition, edition)
    if row is None or row.state != EditionState.ACTIVATED:
        raise unfit("edition", language)
    return await asyncio.to_thread(loaded, request, row.id)


def loaded(request: Request, edition_id: int) -> Atlas:
    """The boundaries of an edition; making its index may take seconds."""
    state = request.app.state
    with state.refresher.engine.connect() as connection:
        return load_atlas(connection, edition_id, state.settings.indexes)


def area_asked(atlas: Atlas, reader: OfficerIdentity, scope: str | None) -> Area:
    """The area of a scope, for who may read it; raises `NotFound`, whatever the reason."""
    if reader.role == StaffRole.PROVINCE_COMMANDER:
        asked = scope or str(reader.province_code)
        ward = atlas.wards.get(asked)
        province = asked if ward is None else ward.province_code
        if province == reader.province_code and province in atlas.provinces:
            return Area(asked, province)
    elif reader.station_id == COUNTRY:
        if scope in (None, COUNTRY):
            return Area(COUNTRY, None)
    else:
        for mine in own(atlas, reader):
            if scope in (None, mine.code):
                return Area(mine.code, mine.province_code)
    raise problems.NotFound


def own(atlas: Atlas, chief: OfficerIdentity) -> list[WardInfo]:
    """The wards that a chief's station answers for."""
    return [ward for ward in atlas.wards.values() if atlas.station_of(ward) == chief.station_id]


def name_of(area: Area, atlas: Atlas) -> str | None:
    """What an area is called; None for the country."""
    if area.province_code is None:
        return None
    ward = atlas.wards.get(area.scope)
    return atlas.provinces.get(area.scope) if ward is None else ward.name


def on_record(action: str, reader: OfficerIdentity, scope: str) -> Insert:
    """The audit row of a reading."""
    return audited(
        action,
        actor_kind="staff",
        actor_id=str(reader.staff_id),
        object_kind="place",
        object_id=scope,
        scope=reader.scope,
    )
