"""From a report to the station that answers for it, and how the decision is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.reports.schemas import ReportIn
from api.reports.tables import ReportKind
from geo.atlas import Atlas
from geo.routing import Place, Routing, route
from geo.tables import NATIONAL_DESK_ID, StationKind

OFFICER_CONDUCT = "officer_conduct"

NATIONAL_DESK = {
    "id": NATIONAL_DESK_ID,
    "name": "Trực ban quốc gia",
    "phone": None,
    "kind": StationKind.NATIONAL_DESK,
}
"""How the national desk is called before anything is imported."""


def about_police(*, kind: str, category: str, about_station: bool) -> bool:
    """Whether a report is about the police themselves, and so must not reach the ward."""
    return kind == ReportKind.COMPLAINT_ABOUT_POLICE or category == OFFICER_CONDUCT or about_station


def decide(
    atlas: Atlas | None, report: ReportIn, category: str, *, group_ward: str | None = None
) -> Routing:
    """The routing of a report of a category by the edition in force.

    `group_ward` is the ward of the group it is filed as.
    """
    place = report.place
    return route(
        atlas,
        Place(
            lon=place.lon,
            lat=place.lat,
            accuracy_m=place.accuracy_m,
            source=place.source,
            ward_code=place.ward_code,
            province_code=place.province_code,
        ),
        group_ward=group_ward,
        oversight=about_police(
            kind=report.kind, category=category, about_station=report.about_station
        ),
    )


STATION = ("id", "name", "phone", "kind")
WARD = ("code", "name", "type", "province_code", "province_name")
EDITION = ("id", "effective_from", "approximate")
CANDIDATE = ("ward_code", "ward_name", "share")
"""What the reporter is told of each, in the order of the answer; `jsonb` keeps none."""


def routing_answer(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What the reporter is told of a stored decision (`schemas.RoutingOut`)."""
    ward, edition = stored["ward"], stored["edition"]
    return {
        "station": only(STATION, stored["station"]),
        "ward": ward and only(WARD, ward),
        "edition": edition and only(EDITION, edition),
        "confidence": stored["confidence"],
        "candidates": [only(CANDIDATE, each) for each in stored["candidates"]],
    }


def only(names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """These facts of those known."""
    return {name: known[name] for name in names}


def station_answer(atlas: Atlas | None, station_id: str) -> dict[str, Any]:
    """A station as the API shows it."""
    if atlas is None or station_id not in atlas.stations:
        return NATIONAL_DESK
    station = atlas.stations[station_id]
    return {
        "id": station.id,
        "name": station.name,
        "phone": station.phone,
        "kind": station.kind,
    }


def ward_answer(atlas: Atlas | None, code: str | None) -> dict[str, Any] | None:
    """A ward as the API shows it."""
    ward = atlas.wards.get(code) if atlas is not None and code is not None else None
    if ward is None:
        return None
    return {
        "code": ward.code,
        "name": ward.name,
        "type": ward.type,
        "province_code": ward.province_code,
        "province_name": ward.province_name,
    }


def edition_answer(atlas: Atlas | None) -> dict[str, Any] | None:
    """An edition as the API shows it."""
    if atlas is None:
        return None
    return {
        "id": atlas.edition_id,
        "effective_from": atlas.effective_from.isoformat(),
        "approximate": atlas.approximate,
    }


def candidates_answer(atlas: Atlas | None, decision: Routing) -> list[dict[str, Any]]:
    """The candidates with their wards' names."""
    if atlas is None:
        return []
    return [
        {
            "ward_code": each.ward_code,
            "ward_name": atlas.wards[each.ward_code].name,
            "share": round(each.share, 4),
        }
        for each in decision.candidates
    ]


def stored_routing(atlas: Atlas | None, decision: Routing) -> dict[str, Any]:
    """The decision as it is kept with the report: the answer to the reporter, and why."""
    return {
        "station": station_answer(atlas, decision.owner_station_id),
        "ward": ward_answer(atlas, decision.ward_code),
        "edition": edition_answer(atlas),
        "confidence": str(decision.confidence),
        "candidates": candidates_answer(atlas, decision),
        "rule": decision.rule,
        "flags": list(decision.flags),
        "informed": list(decision.informed),
        "distance_to_border_m": decision.distance_to_border_m,
    }
