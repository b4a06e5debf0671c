"""Each night, when a day begins in Vietnam: the layers that commanders will ask for.

Each layer is a short transaction of its own and the first one told holds, so a job that was cut off
or runs twice does no harm. Layers of single wards are made when somebody asks, of what counts
until the same moment.
"""

import datetime as dt
import threading
from pathlib import Path

from sqlalchemy import Engine

from api.clock import VIETNAM
from api.hotspots import keeping
from api.hotspots.groups import SENSITIVE_DAYS, WINDOWS, Group
from api.trends.keeping import COUNTRY, Area
from geo.atlas import Atlas, edition_in_force, load_atlas


def freeze(
    engine: Engine,
    folder: Path | None,
    stop: threading.Event,
    now: dt.datetime,
    as_of: dt.date | None = None,
) -> int:
    """Make the layers of a day (today), for every province and the country; how many were new."""
    day = as_of or now.astimezone(VIETNAM).date()
    with engine.connect() as connection:
        edition = edition_in_force(connection, now)
        if edition is None:
            return 0
        atlas = load_atlas(connection, edition.id, folder)
    made = 0
    for province in [*atlas.provinces, None]:
        if stop.is_set():
            break
        made += freeze_area(engine, atlas, Area(province or COUNTRY, province), day, now, stop)
    return made


def freeze_area(
    engine: Engine,
    atlas: Atlas,
    area: Area,
    day: dt.date,
    now: dt.datetime,
    stop: threading.Event,
) -> int:
    """The layers of a province, or of the country."""
    questions = [
        (days, group)
        for group in Group
        for days in WINDOWS.values()
        if group != Group.SENSITIVE or days == SENSITIVE_DAYS
    ]
    with engine.begin() as connection:
        read = keeping.reports_of(connection, area, day, atlas, now)
    made = 0
    for days, group in questions:
        if stop.is_set():
            break
        asked = keeping.Asked(area, days, group, day, atlas)
        with engine.begin() as connection:
            if keeping.kept(connection, asked) is None:
                found = keeping.inputs(connection, asked, now, read=read)
                keeping.keep(connection, found, keeping.made(found))
                made += 1
    return made
