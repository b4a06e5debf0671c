"""Which ward is here, who answers for it, and what an app needs to know of this installation."""

import asyncio
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from api import limits, problems
from api.accounts.identity import address_of
from api.areas import schemas
from api.areas.answers import answers_by
from api.clock import Now, moment_of
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.i18n import Speak, say
from api.lean import LeanRoute
from api.reports.lifecycle import WIDE_M
from api.reports.reference import Reference
from api.reports.routing import (
    edition_answer,
    station_answer,
    ward_answer,
)
from api.reports.schemas import StationOut, parse_time
from api.reports.tables import PlaceSource, ReportKind
from api.secrets import public_text
from geo.atlas import Atlas, Atlases
from geo.routing import Place, Routing, route
from geo.tables import NATIONAL_DESK_ID

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["places"],
    responses=problems.documented(
        problems.MalformedRequest, problems.InvalidRequest, problems.ServiceUnavailable
    ),
)

LOCATING = problems.documented(
    problems.BodyTooLarge, problems.CoordinatesSwapped, problems.TooManyRequests
)


async def current_atlas(request: Request, now: Now) -> Atlas | None:
    """The boundaries in force now."""
    found: Atlas | None = request.app.state.atlases.current(now)
    return found


CurrentAtlas = Annotated[Atlas | None, Depends(current_atlas)]


async def count_locate(request: Request) -> None:
    """Count one look-up; raises when an address asks too often."""
    state = request.app.state
    if state.settings.limits.factor == 0:
        return
    address = address_of(request)
    seconds = await state.hot.count_hit([(limits.LOCATE_PER_ADDRESS, address)])
    if seconds is not None:
        raise problems.TooManyRequests(seconds)


Counted = Depends(count_locate)


async def decide(atlas: Atlas | None, place: Place) -> Routing:
    """Route a place, in a thread when that may take long."""
    if place.accuracy_m is not None and place.accuracy_m > WIDE_M:
        return await asyncio.to_thread(route, atlas, place)
    return route(atlas, place)


async def locate(request: Request, where: schemas.LocateIn) -> Response:
    """Find the ward of a place and the station that answers for it."""
    await count_locate(request)
    atlases: Atlases = request.app.state.atlases
    if where.at is None:
        atlas = atlases.current(moment_of(request))
    else:
        atlas = await asyncio.to_thread(atlases.at, parse_time(where.at))
    place = Place(where.lon, where.lat, where.accuracy_m, PlaceSource.PIN)
    answer = answers_by(atlas).located(await decide(atlas, place))
    return Response(answer, media_type="application/json")


router.add_api_route(
    "/locate",
    locate,
    methods=["POST"],
    response_model=schemas.LocateOut,
    responses=LOCATING,
    route_class_override=LeanRoute,
)


@router.post("/locate/batch", responses=LOCATING, dependencies=[Counted])
async def locate_many(points: schemas.LocateBatchIn, atlas: CurrentAtlas) -> schemas.LocateBatchOut:
    """Find the wards of up to 10,000 points."""
    codes: list[str | None] = [None] * len(points.items)
    if atlas is not None and points.items:
        pairs = np.asarray(points.items, dtype=np.float64)
        codes = await asyncio.to_thread(atlas.wards_at, pairs[:, 0], pairs[:, 1])
    return schemas.LocateBatchOut.model_validate({"items": codes, "edition": edition_answer(atlas)})


def public(response: Response, body: BaseModel, asked: str | None) -> Any:
    """An answer for everybody: it may be kept, and asked about whether it still holds."""
    response.headers["Cache-Control"] = "no-cache"
    return tagged(response, body, asked)


@router.get("/categories", response_model=schemas.CategoriesOut, responses=TAGGED)
async def list_categories(
    request: Request, response: Response, language: Speak, if_none_match: IfNoneMatch = None
) -> Any:
    """What can be reported, with the questions to ask and the number to ring."""
    reference: Reference = request.app.state.refresher.reference
    items = [
        schemas.CategoryOut(
            code=each.code,
            kinds=each.kinds,
            name=each.name(language),
            urgency=each.urgency,
            emergency_call=each.emergency_call,
            sensitive=each.sensitive,
            questions=[question[language] for question in each.questions],
        )
        for each in reference.categories.values()
    ]
    response.headers["Vary"] = "Accept-Language"
    return public(response, schemas.CategoriesOut(items=items), if_none_match)


@router.get("/config", response_model=schemas.ConfigOut, responses=TAGGED)
async def read_config(
    request: Request,
    response: Response,
    atlas: CurrentAtlas,
    language: Speak,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """Public facts of this installation, the keys of its receipts among them."""
    state = request.app.state
    body = schemas.ConfigOut.model_validate(
        {
            "mode": state.settings.mode,
            "languages": ["vi", "en"],
            "report_kinds": list(ReportKind),
            "place_sources": list(PlaceSource),
            "edition": edition_answer(atlas),
            "attribution": atlas and atlas.attribution,
            "receipt_keys": [
                {
                    "key_id": state.keys.signing_key_id,
                    "public_key": public_text(state.keys.signing.public_key()),
                }
            ],
            "emergency_calls": {
                call: say("emergency", language, call=call) for call in ("113", "114", "115")
            },
            "push": state.settings.push.credentials_file is not None,
            "accounts": state.firebase is not None,
        }
    )
    response.headers["Vary"] = "Accept-Language"
    return public(response, body, if_none_match)


@router.get(
    "/wards/{code}",
    response_model=schemas.WardDetailOut,
    responses=TAGGED | problems.documented(problems.NotFound),
)
async def read_ward(
    response: Response,
    code: Annotated[str, Path(max_length=16)],
    atlas: CurrentAtlas,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """A ward of the edition in force, by its code or an alias of it."""
    found = atlas.resolve(code) if atlas else None
    if atlas is None or found is None or found[1]:
        raise problems.NotFound
    ward = found[0]
    body = {
        **(ward_answer(atlas, ward.code) or {}),
        "station": station_answer(atlas, atlas.station_of(ward)),
        "edition": edition_answer(atlas),
    }
    return public(response, schemas.WardDetailOut.model_validate(body), if_none_match)


@router.get(
    "/stations/{station_id}",
    response_model=StationOut,
    responses=TAGGED | problems.documented(problems.NotFound),
)
async def read_station(
    response: Response,
    station_id: Annotated[str, Path(max_length=32)],
    atlas: CurrentAtlas,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """A station: its name and phone."""
    stations = atlas.stations if atlas else {}
    if station_id not in stations and station_id != NATIONAL_DESK_ID:
        raise problems.NotFound
    found = station_answer(atlas, station_id)
    return public(response, StationOut.model_validate(found), if_none_match)
