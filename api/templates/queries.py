"""Templates as officers and their editors read them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.clock import VIETNAM
from api.i18n import Language
from api.reports.tables import Category, ReportKind, State
from api.templates.tables import ResponseTemplate, TemplateStep
from api.triage.schemas import register_number, shown
from geo.tables import Station


def visible_to(officer: OfficerIdentity) -> ColumnElement[bool]:
    """Which templates somebody may use: everybody's, and their station's own."""
    return or_(ResponseTemplate.station_id.is_(None), edited_by(officer))


def edited_by(officer: OfficerIdentity) -> ColumnElement[bool]:
    """Which templates somebody may change: a chief their station's, an admin everybody's."""
    return ResponseTemplate.station_id.is_not_distinct_from(officer.station_id)


@dataclass(frozen=True)
class TemplateFilter:
    """Which templates fit; one that names no kind or state fits all of them."""

    step: TemplateStep | None = None
    kind: ReportKind | None = None
    state: State | None = None
    language: Language | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on a template."""
        found: list[ColumnElement[bool]] = []
        if self.step is not None:
            found.append(ResponseTemplate.step == self.step)
        if self.language is not None:
            found.append(ResponseTemplate.language == self.language)
        for column, wanted in (
            (ResponseTemplate.kind, self.kind),
            (ResponseTemplate.state, self.state),
        ):
            if wanted is not None:
                found.append(or_(column.is_(None), column == wanted))
        return found


async def find_template(
    session: AsyncSession, officer: OfficerIdentity, template_id: uuid.UUID
) -> ResponseTemplate | None:
    """One template that somebody may use."""
    found: ResponseTemplate | None = await session.scalar(
        select(ResponseTemplate).where(ResponseTemplate.id == template_id, visible_to(officer))
    )
    return found


async def templates(
    session: AsyncSession,
    officer: OfficerIdentity,
    wanted: TemplateFilter,
    *,
    after: ResponseTemplate | None,
    limit: int,
) -> Sequence[ResponseTemplate]:
    """A page of fitting templates by title; served by `ix_response_templates_station_id`."""
    query = select(ResponseTemplate).where(visible_to(officer), *wanted.conditions())
    place = (ResponseTemplate.title, ResponseTemplate.id)
    if after is not None:
        query = query.where(tuple_(*place) > (after.title, after.id))
    return (await session.scalars(query.order_by(*place).limit(limit))).all()


async def facts_of(
    session: AsyncSession, case: Row[Any], language: Language
) -> Mapping[str, str | None]:
    """What the variables of a template stand for in one case (a row of `queries.find_case`)."""
    station = (
        await session.execute(
            select(Station.name, Station.phone).where(Station.id == case.station_id)
        )
    ).one()
    name = Category.name_en if language == "en" else Category.name_vi
    received = shown(case.received_at, case.reporter_kind).astimezone(VIETNAM)
    return {
        "category": await session.scalar(select(name).where(Category.code == case.category)),
        "received_on": received.strftime("%d/%m/%Y"),
        "register_number": register_number(case.register_year, case.register_number),
        "station": station.name,
        "station_phone": station.phone,
        "ward": (case.routing.get("ward") or {}).get("name"),
    }
