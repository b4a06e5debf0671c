"""A made-up town on the coast of Hà Nội's province code: two wards, and the sea to the east."""

from dataclasses import dataclass
from typing import Any

SIDE = 0.02
WEST, SOUTH = 105.80, 21.00
IN_SOUTH = (WEST + SIDE / 2, SOUTH + SIDE / 2)
IN_NORTH = (WEST + SIDE / 2, SOUTH + SIDE * 1.5)
ON_BORDER = (WEST + SIDE / 2, SOUTH + SIDE)
AT_SEA = (WEST + SIDE * 1.2, SOUTH + SIDE)


@dataclass(frozen=True)
class Town:
    """Codes of the edition in force."""

    edition_id: int
    province: str = "01"
    south: str = "00001"
    north: str = "00002"


def report(
    where: tuple[float, float] | None, *, accuracy_m: float | None = None, **changed: Any
) -> dict[str, Any]:
    """A report's body; place facts and other fields as the test wants them."""
    place: dict[str, Any] = {"source": "unknown"}
    if where is not None:
        place = {"lon": where[0], "lat": where[1], "source": "gps"}
    if accuracy_m is not None:
        place["accuracy_m"] = accuracy_m
    for name in ("ward_code", "province_code", "note"):
        if name in changed:
            place[name] = changed.pop(name)
    made = {"kind": "tip", "category": "noise", "text": "Karaoke sau nửa đêm.", "place": place}
    return made | changed
