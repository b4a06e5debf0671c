"""Somebody who has every answer that may be asked for, and draws all that follows from them.

They know the cells, the wards and the rules of counting. Of every fine cell, window and group of
categories they keep the smallest and the largest number of reporters that can be behind it, and
narrow both until nothing more follows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import h3
import numpy as np

from api.hotspots.suppression import K, ends

Place = tuple[str, ...]
"""Fine cells that something is told of together."""
Kind = tuple[int, str]
"""A window in days, and a group."""


@dataclass
class Statement:
    """So many reporters are in a place, in a window, of a group."""

    place: Place
    kind: Kind
    low: float
    high: float


@dataclass
class Adversary:
    """What they know."""

    wards: Mapping[str, str]
    """The ward of each fine cell."""
    statements: list[Statement] = field(default_factory=list)

    def hear(self, layer: Mapping[str, Any]) -> None:
        """Take in an answer: what is told, and that what is not told of is hidden."""
        kind = (int(layer["window"][:-1]), layer["group"])
        told: dict[Place, tuple[float, float]] = {}
        for feature in layer["features"]:
            facts = feature["properties"]
            if facts["count_band"] is not None:
                told[self.place(facts)] = ends(facts["count_band"])
        for place, (low, high) in told.items():
            self.statements.append(Statement(place, kind, low, high))
        if layer["resolution"] == 8:
            in_scope = self.scope(layer["scope"])
            for cell in in_scope - {place[0] for place in told if len(place) == 1}:
                self.statements.append(Statement((cell,), kind, 0, K - 1))

    def scope(self, code: str) -> set[str]:
        """The cells of a scope."""
        return {cell for cell, ward in self.wards.items() if code in {"01", ward}}

    def place(self, facts: Mapping[str, Any]) -> Place:
        """The fine cells of a feature."""
        if facts["cell"] is None:
            return tuple(sorted(c for c, ward in self.wards.items() if ward == facts["ward_code"]))
        if facts["res"] == 8:
            return (facts["cell"],)
        return tuple(sorted(c for c in self.wards if h3.cell_to_parent(c, 7) == facts["cell"]))

    def bounds(self) -> dict[tuple[str, Kind], tuple[float, float]]:
        """What follows for each fine cell, window and group."""
        kinds = {statement.kind for statement in self.statements}
        low: dict[tuple[str, Kind], float] = defaultdict(float)
        high: dict[tuple[str, Kind], float] = defaultdict(lambda: np.inf)
        for _ in range(20):
            before = sum(low.values())
            for statement in self.statements:
                self.narrow(statement, kinds, low, high)
            if sum(low.values()) == before:
                break
        return {
            (cell, kind): (low[cell, kind], high[cell, kind])
            for cell in self.wards
            for kind in kinds
        }

    def narrow(
        self,
        statement: Statement,
        kinds: Iterable[Kind],
        low: dict[tuple[str, Kind], float],
        high: dict[tuple[str, Kind], float],
    ) -> None:
        """What a statement says of its cells, and of those of wider windows and groups."""
        for kind in kinds:
            if not wider(kind, statement.kind):
                continue
            # Who counts in a narrow window counts in a wide one, in the same place.
            others = {cell: high[cell, kind] for cell in statement.place}
            for cell in statement.place:
                rest = (
                    sum(others.values()) - others[cell]
                    if np.isfinite(sum(others.values()))
                    else np.inf
                )
                low[cell, kind] = max(low[cell, kind], statement.low - rest)
        for kind in kinds:
            if wider(statement.kind, kind):
                known = sum(low[cell, kind] for cell in statement.place)
                for cell in statement.place:
                    rest = known - low[cell, kind]
                    high[cell, kind] = min(high[cell, kind], statement.high - rest)


def wider(kind: Kind, other: Kind) -> bool:
    """Whether all that is of the other kind is of this one."""
    return kind[0] >= other[0] and kind[1] in {"all", other[1]}
