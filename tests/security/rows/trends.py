"""Trends: of one's own province, ward or country."""

from tests.security.people import CHIEFS, STAFF, Row, expect

COMMANDERS = ("own commander", "other province's commander")

ROWS: dict[str, Row] = {
    # No ward of the edition is theirs: the chiefs', nor the other commander's whole province.
    "read_trends": expect(
        (STAFF, 403), (CHIEFS, 404), (COMMANDERS, 404), (("own commander",), 200), otherwise=401
    ),
    "list_trend_alerts": expect((STAFF, 403), (COMMANDERS, 200), (CHIEFS, 200), otherwise=401),
}
