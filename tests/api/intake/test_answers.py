"""The answers to reports, which are written without the models that the document shows."""

import httpx

from api.local.client import uuid7
from api.reports.schemas import AcceptedOut
from tests.town import AT_SEA, IN_SOUTH, ON_BORDER, report


async def test_the_answer_is_what_the_document_says_and_not_a_byte_more(
    unlimited: httpx.AsyncClient,
) -> None:
    bodies = [
        report(IN_SOUTH),
        report(ON_BORDER, accuracy_m=200),
        report(AT_SEA),
        report(None),
        report(IN_SOUTH, category="fire_hazard"),
    ]
    for body in bodies:
        report_id = uuid7()

        first, again = [
            await unlimited.put(f"/v1/reports/{report_id}", json=body) for _ in range(2)
        ]

        as_declared = AcceptedOut.model_validate_json(first.content).model_dump_json().encode()
        assert first.content == as_declared
        assert again.content == as_declared
