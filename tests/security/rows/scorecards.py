"""Scorecards: who may ask for one at all. Which ones, `tests/scorecards` says."""

from tests.security.people import CHIEFS, OVERSIGHT, STAFF, Row, expect, public

COMMANDERS = ("own commander", "other province's commander")

ROWS: dict[str, Row] = {
    # Without a scope the question is incomplete, for those who may ask it.
    "read_scorecard": expect(
        (STAFF, 403), (CHIEFS, 422), (OVERSIGHT, 422), (COMMANDERS, 422), otherwise=401
    ),
    "export_scorecard": expect(
        (STAFF, 403), (CHIEFS, 422), (OVERSIGHT, 422), (COMMANDERS, 422), otherwise=401
    ),
    "list_scorecard_cases": expect((STAFF, 403), (CHIEFS, 422), (OVERSIGHT, 422), otherwise=401),
    "read_scorecard_definitions": public(200),
    "read_public_summary": public(200),
}
