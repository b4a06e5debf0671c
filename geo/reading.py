"""Reading ward boundaries from whatever GDAL reads: which layer, in which coordinate system."""

import warnings
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyogrio
import pyogrio.errors
import shapely
from numpy.typing import NDArray

from geo.features import Fault, FieldOptions, Known, Reading, choose_fields, take_rows
from geo.shapes import Shapes

LONLAT = {"EPSG:4326", "OGC:CRS84"}
"""What needs no transformation: WGS84 degrees."""


def read_wards(path: str | Path, options: FieldOptions, known: Known) -> Reading:
    """Read a boundary file; every fault found is listed, not only the first."""
    reading = Reading()
    try:
        columns, shapes = read_layer(str(path), reading)
    except UnreadableError as problem:
        reading.faults.append(Fault("unreadable", None, str(problem)))
        return reading
    reading.features = len(shapes)
    if not reading.features:
        reading.faults.append(Fault("empty-file", None, "The file holds no features."))
        return reading
    choose_fields(list(columns), options, reading)
    if axes_swapped(shapes):
        reading.faults.append(
            Fault("swapped-axes", None, "Every shape has latitude before longitude: swap them.")
        )
        return reading
    take_rows(columns, shapes, known, reading)
    return reading


class UnreadableError(ValueError):
    """The file cannot be read as polygons in a known coordinate system."""


def gdal_path(path: str) -> str:
    """The path as GDAL wants it: compressed files get the prefix of their virtual folder."""
    if path.startswith("/vsi"):
        return path
    if not Path(path).exists():
        raise UnreadableError(f"There is no file {path}.")
    whole = str(Path(path).resolve())
    if path.endswith(".zip"):
        return f"/vsizip/{whole}"
    if path.endswith((".tar.gz", ".tgz", ".tar")):
        return f"/vsitar/{whole}"
    return f"/vsigzip/{whole}" if path.endswith(".gz") else whole


def read_layer(path: str, reading: Reading) -> tuple[dict[str, NDArray[Any]], Shapes]:
    """Columns and shapes of the first layer of polygons, in WGS84 degrees and two dimensions."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            source = gdal_path(path)
            layer = polygon_layer(source, reading)
            crs = pyogrio.read_info(source, layer=layer)["crs"]
            if crs is None or crs in LONLAT:
                meta, _, wkb, values = pyogrio.raw.read(source, layer=layer, force_2d=True)
            else:
                reading.notes.append(f"Transformed from {crs[:60]} to EPSG:4326.")
                meta, _, wkb, values = pyogrio.raw.read(warped(source, layer), force_2d=True)
            with np.errstate(invalid="ignore"):
                shapes = shapely.from_wkb(wkb, on_invalid="fix")
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise UnreadableError(f"GDAL cannot read it: {error}") from error
        except (pyogrio.errors.CRSError, pyogrio.errors.FeatureError) as error:
            raise UnreadableError(f"GDAL cannot transform or read its features: {error}") from error
        except shapely.errors.ShapelyError as error:
            raise UnreadableError(f"Its geometry is malformed: {error}") from error
    reading.notes.extend(sorted({str(warning.message) for warning in warned}))
    reading.crs = crs
    if crs is None:
        require_degrees(shapes, reading)
    return dict(zip((str(name) for name in meta["fields"]), values, strict=True)), shapes


def polygon_layer(source: str, reading: Reading) -> str:
    """The first layer that may hold polygons."""
    layers = pyogrio.list_layers(source)
    fitting = [
        name
        for name, kind in layers
        if kind is not None and ("Polygon" in kind or kind in {"Unknown", "GeometryCollection"})
    ]
    if not fitting:
        raise UnreadableError("It has no layer of polygons.")
    if len(layers) > 1:
        reading.notes.append(f"Of {len(layers)} layers, {fitting[0]} was read.")
    return str(fitting[0])


def warped(source: str, layer: str) -> bytes:
    """A virtual data source through which GDAL hands out a layer in EPSG:4326."""
    return (
        "<OGRVRTDataSource><OGRVRTWarpedLayer>"
        f"<OGRVRTLayer name={_quoted(layer)}><SrcDataSource>{escape(source)}</SrcDataSource>"
        f"<SrcLayer>{escape(layer)}</SrcLayer></OGRVRTLayer>"
        "<TargetSRS>EPSG:4326</TargetSRS></OGRVRTWarpedLayer></OGRVRTDataSource>"
    ).encode()


def _quoted(value: str) -> str:
    return '"' + escape(value, {'"': "&quot;"}) + '"'


def require_degrees(shapes: Shapes, reading: Reading) -> None:
    """A file that names no coordinate system passes only if its numbers can be degrees."""
    west, south, east, north = shapely.total_bounds(shapes)
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 180:
        raise UnreadableError(
            "It names no coordinate system and its numbers are not degrees: "
            "assign one (for shapefiles: add the .prj) and import it again."
        )
    reading.notes.append("No coordinate system is named; taken as EPSG:4326.")


def axes_swapped(shapes: Shapes) -> bool:
    """Whether every shape would fit the globe only with its two axes exchanged."""
    west, south, east, north = shapely.bounds(shapes).T
    drawn = np.isfinite(west)
    lat_out = np.maximum(np.abs(south), np.abs(north)) > 90
    lon_as_lat = np.maximum(np.abs(west), np.abs(east)) <= 90
    return bool(drawn.any() and (lat_out & lon_as_lat)[drawn].all())
