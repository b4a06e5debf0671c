"""Correcting what is on record about a case: its place, category, urgency or kind."""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.i18n import Language
from api.reports.categories import Category
from api.reports.intake import place_columns
from api.reports.routing import about_police, stored_routing
from api.triage import steps
from api.triage.lifecycle import Act, Case, Change, Done, name_of, take
from api.triage.moves import BEGINS_ANEW
from api.triage.step_schemas import CorrectedPlaceIn, CorrectionIn
from geo.atlas import Atlas
from geo.routing import Place, Routing, route
from geo.tables import StationKind

UNKNOWN_CATEGORY = "unknown-category"
ABOUT_THE_REPORT = (UNKNOWN_CATEGORY, "unknown-group")
"""Flags that no routing gives: they stay when the place is judged anew."""

Facts = dict[str, Any]
"""What a correction may change; the place as codes and numbers."""


async def correct(
    session: AsyncSession,
    act: Act,
    correction: CorrectionIn,
    *,
    atlas: Atlas | None,
    categories: Mapping[str, Category],
    language: Language,
) -> None:
    """Mend what is on record, never the reporter's words; the history keeps what was there.

    Another place, or being about the police or not, routes the case anew: by the edition in force,
    which every open case follows. Nothing brings back to a ward what oversight has, its history
    included: raises `StationNotEligible`; and `InvalidRequest` when nothing would change.
    """

    async def mend(case: Case) -> Done:
        before = facts_of(case)
        after = before | corrected(correction, categories)
        changes = {
            name: {"from": before[name], "to": after[name]}
            for name in before
            if before[name] != after[name]
        }
        if not changes:
            error = {"type": "unchanged", "loc": ("body",)}
            raise problems.InvalidRequest(errors=problems.field_errors([error], language))
        data = {"reason": correction.reason, "changes": changes}
        change = Change(written(case, after, changes, correction.place))
        if concerns_police(case, before) and not concerns_police(case, after):
            raise problems.StationNotEligible
        if not routes_anew(case, before, after):
            return Done(data, change=change)
        decision = await asyncio.to_thread(routed, atlas, case, after)
        sealed = concerns_police(case, after) or is_with_oversight(case)
        change = settled(case, change, decision, stored_routing(atlas, decision), sealed=sealed)
        if change.moves:
            data |= {"from": case.station_id, "to": decision.owner_station_id}
        told = {"station": await name_of(session, decision.owner_station_id)}
        return Done(data, told, change)

    if correction.category is not None and correction.category not in categories:
        raise problems.unfit("category", "category", language)
    await take(session, act, steps.CORRECTED, then=mend)


def facts_of(case: Case) -> Facts:
    """What is on record."""
    return {
        "kind": case.kind,
        "category": case.category,
        "urgency": case.urgency,
        "place": {
            "lon": case.lon,
            "lat": case.lat,
            "accuracy_m": case.accuracy_m,
            "source": case.place_source,
            "ward_code": case.claimed_ward_code,
            "province_code": case.claimed_province_code,
        },
    }


def corrected(correction: CorrectionIn, categories: Mapping[str, Category]) -> Facts:
    """What the officer says it should be. A category brings its urgency unless that is given."""
    said = {
        "kind": correction.kind,
        "category": correction.category,
        "urgency": correction.urgency,
        "place": correction.place and correction.place.model_dump(mode="json", exclude={"note"}),
    }
    if correction.category is not None and correction.urgency is None:
        said["urgency"] = categories[correction.category].urgency
    return {name: value for name, value in said.items() if value is not None}


def written(
    case: Case, after: Facts, changes: Facts, place: CorrectedPlaceIn | None
) -> dict[str, Any]:
    """The columns of what changes."""
    values: dict[str, Any] = {
        name: after[name] for name in ("kind", "category", "urgency") if name in changes
    }
    if "place" in changes and place is not None:
        columns = place_columns(place)
        lon, lat = columns.pop("lon"), columns.pop("lat")
        del columns["place_note"]
        values |= columns | {"location": None if lon is None else f"SRID=4326;POINT({lon} {lat})"}
    if "category" in changes and UNKNOWN_CATEGORY in case.flags:
        flags = [flag for flag in case.flags if flag != UNKNOWN_CATEGORY]
        values |= {"flags": flags, "routing": {**case.routing, "flags": flags}}
    return values


def concerns_police(case: Case, facts: Facts) -> bool:
    """Whether these facts are about the police."""
    return about_police(
        kind=facts["kind"], category=facts["category"], about_station=case.about_station
    )


def is_with_oversight(case: Case) -> bool:
    """Whether oversight owns it, for whatever reason."""
    return bool(case.routing["station"]["kind"] == StationKind.OVERSIGHT)


def routes_anew(case: Case, before: Facts, after: Facts) -> bool:
    """Whether the owner may be another one."""
    turned = concerns_police(case, before) != concerns_police(case, after)
    return turned or before["place"] != after["place"]


def routed(atlas: Atlas | None, case: Case, facts: Facts) -> Routing:
    """The decision about the corrected facts."""
    return route(
        atlas,
        Place(**facts["place"]),
        group_ward=case.group_ward,
        oversight=concerns_police(case, facts) or is_with_oversight(case),
    )


def settled(
    case: Case, change: Change, decision: Routing, routing: dict[str, Any], *, sealed: bool
) -> Change:
    """The change with its decision. With another owner the case begins anew there, as transferred.

    The new owner may bounce it, unless only oversight may know of it.
    """
    flags = change.values.get("flags", case.flags)
    routing["flags"] += [flag for flag in flags if flag in ABOUT_THE_REPORT]
    values = {
        **change.values,
        "edition_id": decision.edition_id,
        "ward_code": decision.ward_code,
        "province_code": decision.province_code,
        "confidence": decision.confidence,
        "routing": routing,
        "flags": routing["flags"],
    }
    if decision.owner_station_id != case.station_id:
        values |= BEGINS_ANEW | {
            "station_id": decision.owner_station_id,
            "last_station_id": None if sealed else case.station_id,
            "bounces": 0,
        }
    return Change(values, decision.informed)
