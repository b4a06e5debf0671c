"""From the features of a boundary file to wards: fields, codes, names, types, shapes, faults."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.shapes import Repair, Shapes, as_multipolygon, repair
from geo.tables import WardType

WELL_KNOWN = {
    "code": ("code", "ward_code", "ma_xa", "maxa", "gso", "gso_code", "ma_gso", "ma", "xa_code"),
    "name": ("name", "ward_name", "ten", "ten_xa", "tenxa", "name_vi", "full_name", "ward"),
    "name_en": ("name_en", "english_name", "full_name_en", "ten_en"),
    "type": ("type", "ward_type", "loai", "loai_xa", "cap", "cap_hanh_chinh"),
    "province_code": ("province_code", "ma_tinh", "matinh", "ma_tp", "province_id", "tinh_code"),
    "province_name": ("province_name", "ten_tinh", "tentinh", "province", "tinh", "tinh_thanh"),
}
"""Names of fields met in Vietnamese boundary files, the likeliest first; case does not matter."""

PREFIXES = {
    "Phường": WardType.WARD,
    "Xã": WardType.COMMUNE,
    "Đặc khu": WardType.SPECIAL_ZONE,
}

TYPE_WORDS = {
    "ward": WardType.WARD,
    "phuong": WardType.WARD,
    "p": WardType.WARD,
    "commune": WardType.COMMUNE,
    "xa": WardType.COMMUNE,
    "x": WardType.COMMUNE,
    "special_zone": WardType.SPECIAL_ZONE,
    "special zone": WardType.SPECIAL_ZONE,
    "dac khu": WardType.SPECIAL_ZONE,
    "dk": WardType.SPECIAL_ZONE,
}

CODE = re.compile(r"[0-9A-Za-z]{1,16}")
"""A code becomes part of a station id and of addresses."""


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """Which fields hold what; what is None is guessed from the names of the file's fields."""

    code: str | None = None
    name: str | None = None
    province: str | None = None
    type: str | None = None
    province_name: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that stops an import, and at which ward (its code, or the feature's number)."""

    kind: str
    ward: str | None
    detail: str

    def __str__(self) -> str:
        return f"{self.ward}: {self.detail}" if self.ward else self.detail


@dataclass(slots=True)
class WardShape:
    """A ward as a file draws it: `boundary` is a valid MultiPolygon, or None if it has a fault."""

    code: str
    name: str
    name_en: str | None
    type: WardType
    province_code: str
    province_name: str
    boundary: Any


@dataclass(slots=True)
class Reading:
    """What a file holds. Nothing may be imported while there are `faults`."""

    wards: list[WardShape] = field(default_factory=list)
    repaired: dict[str, Repair] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    crs: str | None = None
    features: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier editions tell about codes, for files that leave it out."""

    provinces: dict[str, str] = field(default_factory=dict)
    """Province code -> name."""
    ward_provinces: dict[str, str] = field(default_factory=dict)
    """Ward code -> province code."""


def choose_fields(names: list[str], options: FieldOptions, reading: Reading) -> None:
    """Fill `reading.fields`: what was asked for, else the likeliest name that is there."""
    folded = {name.casefold(): name for name in reversed(names)}
    asked = {
        "code": options.code,
        "name": options.name,
        "type": options.type,
        "province_code": options.province,
        "province_name": options.province_name,
    }
    for meaning, likely in WELL_KNOWN.items():
        wish = asked.get(meaning)
        candidates = likely if wish is None else (wish.casefold(),)
        found = next((folded[name] for name in candidates if name in folded), None)
        if found is not None:
            reading.fields[meaning] = found
        elif wish is not None or meaning in {"code", "name"}:
            what = f"no field {wish}" if wish else f"no field that looks like the ward's {meaning}"
            reading.faults.append(
                Fault("missing-field", None, f"There is {what}; there are: {', '.join(names)}.")
            )


def take_rows(
    columns: dict[str, NDArray[Any]], shapes: Shapes, known: Known, reading: Reading
) -> None:
    """Turn features into wards, sorted by code; what cannot be one becomes a fault."""
    values = {meaning: columns[name] for meaning, name in reading.fields.items()}
    codes = cleaned(values.get("code"), len(shapes), digits=5)
    provinces = cleaned(values.get("province_code"), len(shapes), digits=2)
    names = cleaned(values.get("name"), len(shapes))
    english = cleaned(values.get("name_en"), len(shapes))
    types = cleaned(values.get("type"), len(shapes))
    province_names = province_names_by_code(
        provinces, cleaned(values.get("province_name"), len(shapes)), known
    )
    if "code" in reading.fields:
        find_bad_codes(codes, reading)
    boundaries = take_boundaries(codes, shapes, reading)
    for i, boundary in enumerate(boundaries):
        ward = codes[i] or f"feature {i + 1}"
        kind, name = type_and_name(types[i], names[i], ward, reading)
        province = provinces[i] or known.ward_provinces.get(codes[i] or "")
        if province is None:
            reading.faults.append(Fault("missing-province", ward, "has no province code"))
        elif province not in province_names:
            reading.faults.append(
                Fault("unknown-province", ward, f"province {province} has no name here")
            )
        elif codes[i] is not None and boundary is not None:
            reading.wards.append(
                WardShape(
                    code=codes[i] or "",
                    name=name,
                    name_en=english[i],
                    type=kind,
                    province_code=province,
                    province_name=province_names[province],
                    boundary=boundary,
                )
            )
    reading.wards.sort(key=lambda ward: ward.code)


def cleaned(values: NDArray[Any] | None, count: int, *, digits: int = 0) -> list[str | None]:
    """Values as stripped NFC text, blanks as None; numbers are padded to so many digits."""
    if values is None:
        return [None] * count
    return [_text(value, digits) for value in values.tolist()]


def _text(value: Any, digits: int) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is what differs from itself
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).zfill(digits)
    return " ".join(unicodedata.normalize("NFC", str(value)).split()) or None


def province_names_by_code(
    provinces: list[str | None], names: list[str | None], known: Known
) -> dict[str, str]:
    """Province code -> name: the file's commonest word for it, else the one known before."""
    said: dict[str, Counter[str]] = {}
    for code, name in zip(provinces, names, strict=True):
        if code and name:
            said.setdefault(code, Counter())[name] += 1
    return known.provinces | {code: count.most_common(1)[0][0] for code, count in said.items()}


def find_bad_codes(codes: list[str | None], reading: Reading) -> None:
    """Faults for codes that are missing, malformed, or there more than once."""
    for i, code in enumerate(codes, start=1):
        if code is None:
            reading.faults.append(Fault("missing-code", f"feature {i}", "has no code"))
        elif not CODE.fullmatch(code):
            reading.faults.append(
                Fault("bad-code", code, "a code is 1 to 16 letters or digits of ASCII")
            )
    for code, times in Counter(filter(None, codes)).items():
        if times > 1:
            reading.faults.append(Fault("duplicate-code", code, f"is there {times} times"))


def type_and_name(
    word: str | None, name: str | None, ward: str, reading: Reading
) -> tuple[WardType, str]:
    """The type (from its field, else from the name's prefix) and the name with its prefix."""
    if name is None:
        if "name" in reading.fields:
            reading.faults.append(Fault("missing-name", ward, "has no name"))
        return WardType.WARD, ""
    prefix = next((p for p in PREFIXES if folded(name).startswith(folded(p) + " ")), None)
    kind = PREFIXES[prefix] if prefix else None
    if word is not None:
        kind = TYPE_WORDS.get(folded(word), kind)
    if kind is None:
        said = f"type {word!r} is not known" if word else "its name tells no type"
        reading.faults.append(Fault("unknown-type", ward, f"{said}: phường, xã or đặc khu?"))
        return WardType.WARD, name
    if prefix is None:
        name = f"{next(p for p, of in PREFIXES.items() if of is kind)} {name}"
    return kind, name


def folded(word: str) -> str:
    """A word without case and Vietnamese marks."""
    plain = unicodedata.normalize("NFD", word.casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def take_boundaries(codes: list[str | None], shapes: Shapes, reading: Reading) -> list[Any]:
    """Each shape as a valid MultiPolygon, or None where it has a fault. Valid ones keep every
    double; the others are repaired and the repair is noted."""
    faulty = shape_faults(shapes)
    with np.errstate(invalid="ignore"):
        valid = shapely.is_valid(shapes)
    taken: list[Any] = []
    for i, shape in enumerate(shapes):
        ward = codes[i] or f"feature {i + 1}"
        fault, boundary = faulty.get(i), shape
        if fault is None and not valid[i]:
            boundary, how = repair(shape)
            reading.repaired[ward] = how
            if boundary.is_empty:
                fault = Fault("empty-geometry", None, "nothing is left of its shape when repaired")
        if fault is None:
            taken.append(as_multipolygon(boundary))
        else:
            reading.faults.append(Fault(fault.kind, ward, fault.detail))
            taken.append(None)
    return taken


def farthest(shape: Any) -> NDArray[np.float64]:
    """The largest longitude and latitude of a shape, by amount; NaN and infinity show."""
    reach: NDArray[np.float64] = np.abs(shapely.get_coordinates(shape)).max(axis=0, initial=0)
    return reach


def shape_faults(shapes: Shapes) -> dict[int, Fault]:
    """What is wrong beyond repair with shapes, by position: kind and words, without the ward."""
    kinds = shapely.get_type_id(shapes)
    nothing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    polygonal = np.isin(kinds, [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON])
    reach = np.array([farthest(shape) for shape in shapes])
    broken = ~np.isfinite(reach).all(axis=1)
    away = (reach > [180, 90]).any(axis=1)
    faults = {}
    for i in np.flatnonzero(nothing | ~polygonal | broken | away).tolist():
        if nothing[i]:
            faults[i] = Fault("empty-geometry", None, "has no shape")
        elif broken[i]:
            faults[i] = Fault("not-finite", None, "has coordinates that are no numbers")
        elif not polygonal[i]:
            faults[i] = Fault("not-polygons", None, f"is a {shapes[i].geom_type}, not a polygon")
        else:
            faults[i] = Fault("off-the-globe", None, "reaches beyond ±180 / ±90 degrees")
    return faults
