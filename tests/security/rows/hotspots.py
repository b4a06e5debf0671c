"""Hotspots: of one's own province, or the country."""

from tests.security.people import CHIEFS, STAFF, Row, expect

COMMANDERS = ("own commander", "other province's commander")

OWN = expect(
    (STAFF, 403), (CHIEFS, 403), (COMMANDERS, 404), (("own commander",), 200), otherwise=401
)
"""No ward of the edition is the other commander's."""

ROWS: dict[str, Row] = dict.fromkeys(
    ("read_hotspots", "export_hotspots", "describe_hotspot_tiles", "read_hotspot_tile"), OWN
)
