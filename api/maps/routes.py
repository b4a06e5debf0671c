"""Vector tiles and their TileJSON."""

import gzip
import re
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from starlette.types import ASGIApp

from api import limits, problems
from api.accounts.identity import address_of
from api.accounts.sessions import BEARER, COOKIE_SCHEME, SessionToken, session_token
from api.areas.routes import CurrentAtlas
from api.audit import audited
from api.clock import moment_of
from api.etags import ETAG, TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.maps import cases, wards
from api.maps.cache import Tile, pack
from api.maps.drawing import CaseTiles, Wanted
from api.maps.repeated import Place, Repeated
from api.maps.schemas import CaseTileAsked, TileJsonOut, VectorLayerOut
from api.secrets import token_hash
from api.triage.queries import CaseOfficer
from api.triage.queue import ReaderSession
from geo.atlas import Atlas

router = APIRouter(
    prefix="/v1/tiles",
    route_class=StrictRoute,
    tags=["maps"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotFound,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

MVT = "application/vnd.mapbox-vector-tile"
TILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A Mapbox Vector Tile; empty where there is nothing",
        "content": {MVT: {"schema": {"type": "string", "format": "binary"}}},
        "headers": ETAG,
    },
    304: TAGGED[304],
}
VIETNAM = (102.0, 6.5, 117.9, 23.5)
"""Degrees, the islands included."""
FOR_A_DAY = "public, max-age=86400"
GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.ASCII)
FOR_OFFICERS = problems.documented(problems.NotAuthenticated, problems.RoleNotAllowed)
EDITION = re.compile(rb"(?:edition=([1-9][0-9]{0,8}))?", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?", re.ASCII)


def url_of(request: Request, layer: str, asked: str) -> str:
    """The template of a layer's tiles; maps want it whole."""
    path = f"/v1/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt" + (asked and f"?{asked}")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}{path}" if HOST.fullmatch(host) else path


def check_tile(z: int, x: int, y: int, zooms: tuple[int, int]) -> None:
    """There are tiles at some zooms only, and so many at each."""
    if not (zooms[0] <= z <= zooms[1] and 0 <= x < 2**z and 0 <= y < 2**z):
        raise problems.NotFound


def takes_gzip(request: Request) -> bool:
    """Whether the answer may be packed."""
    return GZIP.search(request.headers.get("accept-encoding", "")) is not None


def tile_answer(request: Request, tile: Tile, cache_control: str, asked: str | None) -> Response:
    """A tile as the client can take it, or that it has it already."""
    headers = {"ETag": tile.etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if asked is not None and tile.etag in [each.strip() for each in asked.split(",")]:
        return Response(status_code=304, headers=headers)
    if takes_gzip(request):
        return Response(tile.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=MVT)
    return Response(gzip.decompress(tile.packed), headers=headers, media_type=MVT)


def kept_for(edition: int | None, atlas: Atlas) -> str:
    """How long a tile of wards may be kept by whoever asked for those of an edition."""
    return FOR_A_DAY if edition == atlas.edition_id else "no-cache"


@router.get("/wards.json", response_model=TileJsonOut, responses=TAGGED)
async def describe_ward_tiles(
    request: Request, response: Response, atlas: CurrentAtlas, if_none_match: IfNoneMatch = None
) -> Any:
    """Where the tiles of the wards in force are."""
    response.headers["Cache-Control"] = "no-cache"
    asked = "" if atlas is None else urlencode({"edition": atlas.edition_id})
    fields = dict.fromkeys(("code", "name", "name_en", "type", "province_code"), "String")
    body = TileJsonOut(
        name="wards",
        tiles=[url_of(request, "wards", asked)],
        minzoom=wards.LEAST_ZOOM,
        maxzoom=wards.MOST_ZOOM,
        bounds=VIETNAM,
        attribution=atlas.attribution if atlas else "",
        vector_layers=[VectorLayerOut(id="wards", fields=fields)],
    )
    return tagged(response, body, if_none_match)


@router.get(
    "/wards/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses=TILE | problems.documented(problems.TooManyRequests),
)
async def read_ward_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    atlas: CurrentAtlas,
    edition: Annotated[
        int | None, Query(description="As in the TileJSON: lets the tile be kept for a day")
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The wards in force, as a map draws them."""
    check_tile(z, x, y, (wards.LEAST_ZOOM, wards.MOST_ZOOM))
    if atlas is None:
        return tile_answer(request, pack(b""), "no-cache", if_none_match)
    state = request.app.state
    tiles: wards.WardTiles = state.ward_tiles
    place = wards.Place(atlas.edition_id, z, x, y)
    tile = tiles.cache.get(place)
    if tile is None:
        if state.settings.limits.factor:
            wait = await state.hot.count_hit([(limits.TILE_PER_ADDRESS, address_of(request))])
            if wait is not None:
                raise problems.TooManyRequests(wait)
        tile = await tiles.make(place)
    return tile_answer(request, tile, kept_for(edition, atlas), if_none_match)


@router.get("/cases.json", response_model=TileJsonOut, responses=TAGGED | FOR_OFFICERS)
async def describe_case_tiles(
    request: Request,
    response: Response,
    officer: CaseOfficer,
    session: ReaderSession,
    asked: Annotated[CaseTileAsked, Query()],
    if_none_match: IfNoneMatch = None,
) -> Any:
    """Where the tiles of the station's own cases are, of those that the filter lets through."""
    given = asked.as_asked()
    if asked.clustered is not None:
        given["clustered"] = asked.clustered
    await session.execute(
        audited(
            "map.read",
            actor_kind="staff",
            actor_id=str(officer.staff_id),
            object_kind="station",
            object_id=str(officer.station_id),
            scope=officer.scope,
        )
    )
    single = dict.fromkeys(("case_id", "state", "kind", "category"), "String")
    body = TileJsonOut(
        name="cases",
        tiles=[url_of(request, "cases", urlencode(given, doseq=True))],
        minzoom=cases.LEAST_ZOOM,
        maxzoom=cases.MOST_ZOOM,
        bounds=VIETNAM,
        attribution="",
        vector_layers=[
            VectorLayerOut(id="clusters", fields={"count": "Number", "urgency": "Number"}),
            VectorLayerOut(id="cases", fields=single | {"urgency": "Number", "overdue": "Boolean"}),
        ],
    )
    return tagged(response, body, if_none_match)


async def answer_case_tile(
    request: Request, place: Place, token: str, asked: CaseTileAsked, if_none_match: str | None
) -> Response:
    """A tile of cases for whoever has a token."""
    z, x, y = place
    check_tile(z, x, y, (cases.LEAST_ZOOM, cases.MOST_ZOOM))
    counted = z < cases.COUNTED_BELOW if asked.clustered is None else asked.clustered
    tiles: CaseTiles = request.app.state.case_tiles
    tile = await tiles.tile(token_hash(token), Wanted(z, x, y, asked, counted))
    tiles.questions.keep(request.scope["query_string"], asked)
    return tile_answer(request, tile, "no-store", if_none_match)


@router.get("/cases/{z}/{x}/{y}.mvt", response_class=Response, responses=TILE | FOR_OFFICERS)
async def read_case_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    token: SessionToken,
    asked: Annotated[CaseTileAsked, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The station's own located cases; far out, how many there are in each part of the tile."""
    return await answer_case_tile(request, (z, x, y), token, asked, if_none_match)


async def known_case_tile(request: Request, place: Place) -> Response | None:
    """A tile of cases, if the same question was asked before."""
    tiles: CaseTiles = request.app.state.case_tiles
    asked = tiles.questions.find(request.scope["query_string"])
    if asked is None:
        return None
    token = await session_token(request, await BEARER(request), await COOKIE_SCHEME(request))
    return await answer_case_tile(request, place, token, asked, tag_of(request))


async def known_ward_tile(request: Request, place: Place) -> Response | None:
    """A tile of wards, if it is kept."""
    edition = EDITION.fullmatch(request.scope["query_string"])
    atlas = request.app.state.atlases.current(moment_of(request))
    if edition is None or atlas is None:
        return None
    tiles: wards.WardTiles = request.app.state.ward_tiles
    tile = tiles.cache.get(wards.Place(atlas.edition_id, *place))
    if tile is None:
        return None
    asked = int(edition[1]) if edition[1] else None
    return tile_answer(request, tile, kept_for(asked, atlas), tag_of(request))


def tag_of(request: Request) -> str | None:
    """`IfNoneMatch` where FastAPI does not solve the dependencies."""
    return request.headers.get("if-none-match")


def repeated_tiles(app: ASGIApp) -> ASGIApp:
    """The app with ways of their own for tiles that were asked for before."""
    routes = {getattr(each, "endpoint", None): each for each in router.routes}
    app = Repeated(app, routes[read_case_tile], "cases", known_case_tile)
    return Repeated(app, routes[read_ward_tile], "wards", known_ward_tile)
