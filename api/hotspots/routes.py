"""Hotspots over HTTP: for commanders, of their own places, each reading on record."""

import asyncio
import datetime as dt
import gzip
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.clock import VIETNAM, Now, local
from api.db import Session
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.hotspots import page, schemas, sheet, words
from api.hotspots.groups import SENSITIVE_DAYS, WINDOWS, Group
from api.hotspots.shapes import SENT, shaped, side_by_side
from api.hotspots.suppression import K
from api.i18n import Language, Speak
from api.maps.cache import Tile, TileCache, pack, quick, tight
from api.maps.routes import TILE as TILE_ANSWER
from api.maps.routes import VIETNAM as VIETNAM_BOX
from api.maps.routes import check_tile, takes_gzip, tile_answer, url_of
from api.maps.schemas import TileJsonOut, VectorLayerOut
from api.texts import CleanText
from api.trends.keeping import COUNTRY, Area
from api.trends.places import EditionId, area_asked, atlas_asked, name_of, on_record, unfit
from geo.atlas import Atlas

if TYPE_CHECKING:
    from api.hotspots.keeping import Kept

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["hotspots"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.NotFound,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

OLDEST = dt.timedelta(400)
ONE_AT_A_TIME = asyncio.Semaphore(1)
"""Making a large province's layer takes a core for half a second; a kept one takes neither."""
PATIENCE = text("set local statement_timeout = '8s'")
ANSWERS = TileCache(16 * 1024 * 1024)
"""Layers as they were last sent: they stay as they are."""


async def commander(
    reader: Annotated[
        OfficerIdentity, Depends(require(StaffRole.PROVINCE_COMMANDER, StaffRole.STATION_CHIEF))
    ],
) -> OfficerIdentity:
    """Who commands a province, or the country; a chief of a station does not."""
    if reader.role == StaffRole.STATION_CHIEF and reader.station_id != COUNTRY:
        raise problems.RoleNotAllowed
    return reader


Commander = Annotated[OfficerIdentity, Depends(commander)]


@dataclass(frozen=True)
class LayerAsked:
    """Which layer a request is about."""

    area: Area
    atlas: Atlas
    window: schemas.Window
    group: Group
    as_of: dt.date


async def layer_asked(
    request: Request,
    reader: Commander,
    session: Session,
    now: Now,
    language: Speak,
    scope: Annotated[
        CleanText | None, Query(max_length=20, description="Yours if left out")
    ] = None,
    window: schemas.Window | None = None,
    group: Group = Group.ALL,
    as_of: Annotated[dt.date | None, Query(description="Today if left out")] = None,
    edition: EditionId = None,
) -> LayerAsked:
    """The layer that the query names; there are no other windows, days or places than these."""
    today = now.astimezone(VIETNAM).date()
    day = as_of or today
    if not today - OLDEST <= day <= today:
        raise unfit("as_of", language)
    if window is None:
        window = "90d" if group == Group.SENSITIVE else "28d"
    if group == Group.SENSITIVE and WINDOWS[window] != SENSITIVE_DAYS:
        raise unfit("window", language)
    atlas = await atlas_asked(request, session, edition, now, language)
    return LayerAsked(area_asked(atlas, reader, scope), atlas, window, group, day)


Asked = Annotated[LayerAsked, Depends(layer_asked)]


@router.get("/hotspots", responses=TAGGED, response_model=schemas.HotspotsOut)
async def read_hotspots(
    request: Request,
    reader: Commander,
    session: Session,
    now: Now,
    language: Speak,
    asked: Asked,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Where reports concentrate, and where there are more than chance explains: mostly nowhere.

    Counts are of reporters, in bands. A layer is made once a day and then stays as it is.
    """
    await session.execute(on_record("hotspots.read", reader, asked.area.scope))
    answer = await answer_for(session, asked, now, language)
    headers = {"ETag": answer.etag, "Vary": "Accept-Encoding, Accept-Language"}
    if answer.etag in [each.strip() for each in (if_none_match or "").split(",")]:
        return Response(status_code=304, headers=headers)
    if takes_gzip(request):
        packed = headers | {"Content-Encoding": "gzip"}
        return Response(answer.packed, headers=packed, media_type="application/json")
    whole = gzip.decompress(answer.packed)
    return Response(whole, headers=headers, media_type="application/json")


async def answer_for(
    session: AsyncSession, asked: LayerAsked, now: dt.datetime, language: Language
) -> Tile:
    """A layer as it is sent, packed, and its tag."""
    from api.hotspots import keeping  # noqa: PLC0415

    wanted = wanted_of(asked)
    connection = await session.connection()
    made_at = await connection.run_sync(keeping.kept_at, wanted)
    key = (*wanted.key.values(), language, made_at)
    answer = ANSWERS.get(key) if made_at else None
    if answer is None:
        layer = await layer_for(session, asked, now)
        answer = await asyncio.to_thread(as_sent, layer, asked, language)
        ANSWERS.keep((*wanted.key.values(), language, layer.computed_at), answer)
    return answer


def as_sent(layer: "Kept", asked: LayerAsked, language: Language) -> Tile:
    """A layer with its sentences, packed: some tenths of a second for a large province."""
    told = hotspots_out(layer, asked, language)
    told.features.sort(key=side_by_side)
    return pack(told.model_dump_json().encode(), tight)


def wanted_of(asked: LayerAsked) -> Any:
    """The kept layer that is asked for."""
    from api.hotspots import keeping  # noqa: PLC0415

    return keeping.Asked(asked.area, WINDOWS[asked.window], asked.group, asked.as_of, asked.atlas)


async def layer_for(session: AsyncSession, asked: LayerAsked, now: dt.datetime) -> "Kept":
    """The layer that was told before, or one that is made and kept."""
    # NumPy's and SciPy's larger parts are loaded when somebody asks for what needs them.
    from api.hotspots import keeping  # noqa: PLC0415

    wanted = wanted_of(asked)
    connection = await session.connection()
    found = await connection.run_sync(keeping.kept, wanted)
    if found is None:
        async with ONE_AT_A_TIME:
            await session.execute(PATIENCE)
            read = await connection.run_sync(keeping.inputs, wanted, now)
            answer = await asyncio.to_thread(keeping.made, read)
            found = await connection.run_sync(keeping.keep, read, answer)
    return found


def hotspots_out(layer: "Kept", asked: LayerAsked, language: Language) -> schemas.HotspotsOut:
    """A layer with its sentences."""
    edition = asked.atlas.edition
    sensitive = asked.group == Group.SENSITIVE
    return schemas.HotspotsOut.model_validate(
        layer.answer
        | {
            "features": [shaped(each, decimals=SENT) for each in layer.answer["features"]],
            "scope": asked.area.scope,
            "name": name_of(asked.area, asked.atlas),
            "window": asked.window,
            "group": asked.group,
            "as_of": asked.as_of,
            "computed_at": layer.computed_at,
            "edition": {
                "id": edition.id,
                "effective_from": edition.effective_from,
                "approximate": edition.approximate,
            },
            "k_min": layer.parameters["sensitive_k"] if sensitive else K,
            "sentence": words.sentence(layer.answer, language, sensitive=sensitive),
            "caveat": words.say("caveat", language),
            "method": {
                "name": layer.method,
                "version": layer.version,
                "parameters": layer.parameters,
            },
        }
    )


TILE = text("""
    select ST_AsMVT(drawn, 'hotspots', 4096, 'shape')
    from (
        select facts ->> 'cell' as cell, facts ->> 'ward_code' as ward_code,
            facts ->> 'count_band' as count_band, facts ->> 'area_band' as area_band,
            (facts ->> 'intensity')::int as intensity,
            (facts ->> 'is_hotspot')::boolean as is_hotspot,
            (facts ->> 'is_rising')::boolean as is_rising,
            (facts ->> 'suppressed')::boolean as suppressed,
            ST_AsMVTGeom(
                ST_Transform(ST_SetSRID(ST_GeomFromGeoJSON(feature -> 'geometry'), 4326), 3857),
                ST_TileEnvelope(:z, :x, :y), 4096, 64) as shape
        from jsonb_array_elements(cast(:features as jsonb)) as feature,
            lateral (select feature -> 'properties' as facts) as told
    ) as drawn
    where shape is not null
""")

MOST_ZOOM = 14
"""A cell fills a tile long before."""

BYTES = {"type": "string", "format": "binary"}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The layer: as a table, or as one page in Vietnamese to be printed",
        "content": {kind.media_type: {"schema": BYTES} for kind in sheet.FILES.values()},
    }
}


@router.get("/exports/hotspots.{format}", response_class=Response, responses=FILE)
async def export_hotspots(
    format: Annotated[sheet.Format, Path()],  # noqa: A002 - the path's own word
    reader: Commander,
    session: Session,
    now: Now,
    language: Speak,
    asked: Asked,
) -> Response:
    """A layer to take away: the same figures, with the mark of who took them out."""
    layer = await layer_for(session, asked, now)
    await session.execute(on_record("hotspots.exported", reader, asked.area.scope))
    spoken: Language = "vi" if format == sheet.Format.PDF else language
    told = with_names(hotspots_out(layer, asked, spoken), asked.atlas)
    export_id = uuid.uuid4()
    at = local(now.replace(microsecond=0))
    mark = f"TinBáo {export_id}, {reader.username}, {reader.scope or COUNTRY}, {at}"
    if format == sheet.Format.PDF:
        borders = await page.outlines(session, asked.atlas, asked.area)
        made = await page.typeset(page.facts(told, borders, asked.atlas, mark))
    else:
        made = await asyncio.to_thread(sheet.written, told, format, mark)
    name = f"tinbao-hotspots-{asked.as_of:%Y%m%d}-{export_id}.{format}"
    return Response(
        made,
        media_type=sheet.FILES[format].media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def with_names(layer: schemas.HotspotsOut, atlas: Atlas) -> schemas.HotspotsOut:
    """The layer with the ward's name beside each code: in files, where size matters less."""
    for each in layer.features:
        each.properties.ward_name = atlas.wards[each.properties.ward_code].name
    return layer


TOLD_BY_TILES = dict.fromkeys(("cell", "ward_code", "count_band", "area_band"), "String") | {
    "intensity": "Number",
    **dict.fromkeys(("is_hotspot", "is_rising", "suppressed"), "Boolean"),
}


@router.get("/tiles/hotspots.json", response_model=TileJsonOut, responses=TAGGED)
async def describe_hotspot_tiles(
    request: Request,
    response: Response,
    reader: Commander,
    session: Session,
    asked: Asked,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """Where the tiles of a layer are: of one day, so that they stay as they are."""
    await session.execute(on_record("hotspots.read", reader, asked.area.scope))
    question = {
        "scope": asked.area.scope,
        "window": asked.window,
        "group": asked.group.value,
        "as_of": asked.as_of,
        "edition": asked.atlas.edition_id,
    }
    body = TileJsonOut(
        name="hotspots",
        tiles=[url_of(request, "hotspots", urlencode(question))],
        minzoom=0,
        maxzoom=MOST_ZOOM,
        bounds=VIETNAM_BOX,
        attribution=asked.atlas.attribution,
        vector_layers=[VectorLayerOut(id="hotspots", fields=TOLD_BY_TILES)],
    )
    return tagged(response, body, if_none_match)


@router.get(
    "/tiles/hotspots/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses=TILE_ANSWER,
)
async def read_hotspot_tile(
    request: Request,
    z: Annotated[int, Path(ge=0, le=MOST_ZOOM)],
    x: Annotated[int, Path(ge=0, lt=2**MOST_ZOOM)],
    y: Annotated[int, Path(ge=0, lt=2**MOST_ZOOM)],
    reader: Commander,
    session: Session,
    now: Now,
    asked: Asked,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The cells of a layer as a map draws them: what the layer says of them, and no more."""
    check_tile(z, x, y, (0, MOST_ZOOM))
    layer = await layer_for(session, asked, now)
    await session.execute(on_record("hotspots.read", reader, asked.area.scope))
    shapes = [
        shaped(each, hidden=True)
        for each in layer.answer["features"]
        if each["properties"]["cell"] is not None
    ]
    drawn = await session.scalar(TILE, {"features": json.dumps(shapes), "z": z, "x": x, "y": y})
    return tile_answer(request, pack(bytes(drawn or b""), quick), "no-store", if_none_match)
