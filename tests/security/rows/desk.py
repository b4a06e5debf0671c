"""Reports that officers write down."""

import uuid
from typing import Any

from tests.security.people import CASE_STAFF, OTHER_STAFF, Row, expect
from tests.town import IN_SOUTH, report

ROWS: dict[str, Row] = {
    "take_report_at_desk": expect((CASE_STAFF, 201), (OTHER_STAFF, 403), otherwise=401),
}


def written() -> dict[str, Any]:
    """Another report each time."""
    return report(IN_SOUTH) | {"id": str(uuid.uuid4()), "channel": "walk_in"}


BODIES = {"take_report_at_desk": written}
