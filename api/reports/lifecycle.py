"""The rules of taking reports in: who may send how many, and what the same id means."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import State

from api import limits, problems
from api.accounts.identity import ReporterIdentity
from api.accounts.tables import ReporterKind
from api.reports import receipts
from api.reports.intake import Accepted, Intake
from api.reports.schemas import ReportIn
from api.telemetry import REPORTS

WIDE_M = 500
"""A circle wider than this may touch hundreds of wards: it is measured in a thread."""

Outcome = Accepted | problems.Problem


async def submit(
    app: State,
    intake: Intake,
    reports: Mapping[uuid.UUID, ReportIn],
    *,
    reporter: ReporterIdentity,
    address: str,
    now: dt.datetime,
    request_id: str | None,
    batch: bool = False,
) -> dict[uuid.UUID, Outcome]:
    """Take reports in, all in one statement; what became of each id.

    A report that was already accepted is answered from what is stored, whatever the limits say.
    Raises `TooManyRequests` when something new is over a limit; then nothing was stored.
    """
    wait = await over_limit(app, intake, reports, reporter=reporter, address=address, batch=batch)
    if wait is not None:
        found = await stored_before(app, intake, reports)
        if len(found) < len(reports):
            REPORTS.labels("limited").inc()
            raise problems.TooManyRequests(wait)
    else:
        rows = await make_rows(intake, reports, reporter, now, request_id)
        kept = await asyncio.gather(*(app.intake(row) for row in rows))
        found = dict(zip(reports, kept, strict=True))
    return {
        report_id: judge(found[report_id], report, reporter)
        for report_id, report in reports.items()
    }


async def stored_before(
    app: State, intake: Intake, reports: Mapping[uuid.UUID, ReportIn]
) -> dict[uuid.UUID, Accepted]:
    """Those of the reports that were accepted earlier."""
    stored = await asyncio.gather(
        *(app.stored(intake.keys.store_id(report_id)) for report_id in reports)
    )
    return {
        report_id: Accepted(each, created=False)
        for report_id, each in zip(reports, stored, strict=True)
        if each is not None
    }


async def make_rows(
    intake: Intake,
    reports: Mapping[uuid.UUID, ReportIn],
    reporter: ReporterIdentity,
    now: dt.datetime,
    request_id: str | None,
) -> list[dict[str, Any]]:
    """The rows to store; in a thread when measuring their circles may take long."""

    def make() -> list[dict[str, Any]]:
        return [
            intake.row(report_id, report, reporter, now, request_id)
            for report_id, report in reports.items()
        ]

    if any((each.place.accuracy_m or 0) > WIDE_M for each in reports.values()):
        return await asyncio.to_thread(make)
    return make()


def judge(found: Accepted, report: ReportIn, reporter: ReporterIdentity) -> Outcome:
    """Created now, the same again, or an id that another body or another reporter has used."""
    if found.created:
        REPORTS.labels("created").inc()
        return found
    same_body = found.stored.body_sha256 == receipts.body_sha256(report)
    if same_body and found.stored.reporter_key == reporter.key:
        REPORTS.labels("repeated").inc()
        return found
    REPORTS.labels("reused").inc()
    return problems.ReportIdReused()


async def over_limit(
    app: State,
    intake: Intake,
    reports: Mapping[uuid.UUID, ReportIn],
    *,
    reporter: ReporterIdentity,
    address: str,
    batch: bool,
) -> int | None:
    """Seconds to wait when a request is over a limit, else None.

    Being over the others must not silence an emergency: those have a small allowance of their own.
    """
    if app.settings.limits.factor == 0:
        return None
    wait: int | None = await app.hits(checks(reporter, address, batch=batch))
    if wait is None or not any(is_emergency(intake, each) for each in reports.values()):
        return wait
    urgent: int | None = await app.hits([(limits.URGENT, reporter.principal or address)])
    return urgent


def checks(
    reporter: ReporterIdentity, address: str, *, batch: bool
) -> list[tuple[limits.Rate, str]]:
    """Which limits a request counts against; a batch counts once, against limits of its own."""
    who = reporter.principal or address
    if batch:
        return [(limits.BATCH_PER_PRINCIPAL, who), (limits.BATCH_PER_ADDRESS, address)]
    if reporter.kind == ReporterKind.ANONYMOUS:
        return [(limits.ANONYMOUS_PER_ADDRESS, address), (limits.REPORT_PER_ADDRESS, address)]
    return [
        (limits.REPORT_PER_PRINCIPAL_HOUR, who),
        (limits.REPORT_PER_PRINCIPAL_DAY, who),
        (limits.REPORT_PER_ADDRESS, address),
    ]


def is_emergency(intake: Intake, report: ReportIn) -> bool:
    """Whether the report's category has a number to ring."""
    category = intake.categories.get(report.category)
    return category is not None and category.emergency_call is not None
