"""The answer to where a place is, as JSON."""

from functools import lru_cache

from pydantic_core import to_json

from api.reports.routing import (
    candidates_answer,
    edition_answer,
    station_answer,
    ward_answer,
)
from geo.atlas import Atlas
from geo.routing import Routing


class Answers:
    """Writes answers by one atlas. What is the same for a whole ward is written once and kept."""

    def __init__(self, atlas: Atlas | None) -> None:
        self._atlas = atlas
        self._places: dict[tuple[str | None, str], bytes] = {}

    def located(self, found: Routing) -> bytes:
        """A `LocateOut`."""
        owner = found.ward_code, found.owner_station_id
        place = self._places.get(owner)
        if place is None:
            place = self._places[owner] = self._place(*owner)
        decision = {
            "confidence": found.confidence,
            "candidates": candidates_answer(self._atlas, found),
            "distance_to_border_m": found.distance_to_border_m,
            "flags": found.flags,
        }
        return place + to_json(decision)[1:]

    def _place(self, ward_code: str | None, station_id: str) -> bytes:
        """The beginning of the answer, up to the comma before the decision."""
        place = {
            "ward": ward_answer(self._atlas, ward_code),
            "station": station_answer(self._atlas, station_id),
            "edition": edition_answer(self._atlas),
        }
        return to_json(place)[:-1] + b","


answers_by = lru_cache(maxsize=4)(Answers)
"""The answers by the atlas in force, and by a few others that were asked for."""
