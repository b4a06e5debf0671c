"""What maps draw of wards: never further from the border than half a pixel, at any zoom."""

import datetime as dt

import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, text

from geo import editions, outlines
from geo.features import Reading, WardShape
from geo.load import import_reading
from geo.tables import WardType

PIXELS = 512
"""The side of a tile on a sharp screen."""


def ragged(lon: float, lat: float, size: float, seed: int) -> shapely.MultiPolygon:
    """A ward with a border of 4,000 crooked lines."""
    pick = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    waves = sum(np.sin(angles * n + n) / n for n in (3, 17, 90, 400))
    radius = size * (1 + 0.15 * waves + pick.normal(0, 0.002, len(angles)))
    ring = np.stack([lon + radius * np.cos(angles), lat + radius * np.sin(angles)], 1)
    return shapely.MultiPolygon([shapely.make_valid(shapely.Polygon(ring))])


@pytest.fixture
def edition(own_engine: Engine) -> int:
    """An edition of three wards: large, small, tiny."""
    wards = [
        WardShape(
            code=f"9000{n}",
            name=f"Xã Thử {n}",
            name_en=None,
            type=WardType.COMMUNE,
            province_code="01",
            province_name="Thành phố Hà Nội",
            boundary=ragged(105 + n, 21, size, n),
        )
        for n, size in enumerate((0.2, 0.02, 0.002))
    ]
    report = import_reading(
        own_engine,
        Reading(wards=wards, crs="EPSG:4326", features=len(wards)),
        source="ragged",
        attribution="made up",
        approximate=False,
        effective_from=dt.date(2025, 7, 1),
    )
    assert report.edition_id is not None
    return report.edition_id


def test_an_outline_is_within_half_a_pixel_of_its_border(own_engine: Engine, edition: int) -> None:
    drawn = outlines.draw(own_engine, edition)
    columns = ", ".join(
        f"ST_AsBinary({shape})"
        for zoom in outlines.ZOOMS
        for shape in (f"zoom_{zoom}", outlines.in_mercator(f"zoom_{zoom}", zoom))
    )
    query = text(f"""
        select ST_AsBinary(ST_Transform(boundary, 3857)), {columns}
          from ward_outlines join wards using (edition_id, code)
         where edition_id = :edition order by code
    """)  # noqa: S608
    with own_engine.connect() as connection:
        rows = [
            [each and shapely.from_wkb(bytes(each)) for each in row]
            for row in connection.execute(query, {"edition": edition})
        ]
        finished = outlines.finished(connection, edition)

    assert (drawn, finished) == (3, True)
    for border, *shapes in rows:
        for zoom, in_steps, outline in zip(outlines.ZOOMS, shapes[::2], shapes[1::2], strict=True):
            pixel = outlines.step_m(zoom) * outlines.STEPS / PIXELS
            if outline is None:
                assert in_steps is None
                assert shapely.minimum_bounding_radius(border) <= 4 * pixel
                continue
            away = shapely.hausdorff_distance(border.boundary, outline.boundary)
            assert away <= pixel / 2 * 1.001, zoom
            corners = shapely.get_coordinates(in_steps)
            assert (corners == corners.round()).all()
            assert shapely.is_valid(in_steps)
            assert all(part.exterior.is_ccw for part in shapely.get_parts(in_steps))
    whole, *counts = (
        int(shapely.get_num_coordinates(each)) for each in [rows[0][0], *rows[0][1::2]]
    )
    assert counts == sorted(counts)
    assert counts[0] < whole / 100


def test_every_edition_that_holds_is_drawn_again_after_an_upgrade(
    own_engine: Engine, edition: int
) -> None:
    unused = outlines.draw_all(own_engine)
    with own_engine.begin() as connection:
        editions.activate(connection, edition, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    assert (unused, outlines.draw_all(own_engine), outlines.draw_all(own_engine)) == (0, 3, 0)


def test_drawing_goes_on_where_it_was_broken_off(own_engine: Engine, edition: int) -> None:
    outlines.draw(own_engine, edition)
    with own_engine.begin() as connection:
        connection.execute(
            text("delete from ward_outlines where edition_id = :id and code = '90001'"),
            {"id": edition},
        )
        broken = outlines.finished(connection, edition)

    assert not broken
    assert outlines.draw(own_engine, edition) == 1
    assert outlines.draw(own_engine, edition) == 0
