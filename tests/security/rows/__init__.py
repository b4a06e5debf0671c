"""What the matrix expects, a module for each part of the service.

A module has `ROWS` (every operation of its part, about a tip of a device that a ward owns and a
neighbour is informed of), and where it needs them `COMPLAINTS` (the same about a complaint about
the police, which oversight owns), `SEEN` (whose lists the tip is in), `BODIES` (a good body),
`PATHS` (for another parameter of a path, what makes a good one in a world) and `STREAMS` (answers
that do not end).
"""

import pkgutil
from importlib import import_module
from typing import Any

from tests.security.people import Row

PARTS = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def gathered(name: str) -> dict[str, Any]:
    """One table of all parts together; no operation may be in two."""
    together: dict[str, Any] = {}
    for part in PARTS:
        table = getattr(part, name, {})
        assert not together.keys() & table.keys()
        together |= table
    return together


MATRIX: dict[str, Row] = gathered("ROWS")
COMPLAINTS: dict[str, Row] = gathered("COMPLAINTS")
SEEN: dict[str, tuple[str, ...]] = gathered("SEEN")
BODIES: dict[str, Any] = gathered("BODIES")
PATHS: dict[str, Any] = gathered("PATHS")
STREAMS: dict[str, str] = gathered("STREAMS")
