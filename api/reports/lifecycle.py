"""The rules of taking reports in: who may send how many, and what the same id means."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog

from api import limits, problems
from api.accounts.identity import ReporterIdentity
from api.accounts.tables import ReporterKind
from api.hot_paths import HotPaths
from api.i18n import Language
from api.reports import receipts
from api.reports.acceptance import Accepted
from api.reports.intake import Intake, Submission
from api.reports.schemas import ReportIn
from api.telemetry import REPORTS

log = structlog.get_logger()

WIDE_M = 500
"""A circle wider than this may touch hundreds of wards: it is measured in a thread."""

CREATED, REPEATED, REUSED, LIMITED = map(
    REPORTS.labels, ("created", "repeated", "reused", "limited")
)

Outcome = Accepted | problems.Problem


async def submit(
    hot: HotPaths,
    intake: Intake,
    reports: Mapping[uuid.UUID, ReportIn],
    *,
    reporter: ReporterIdentity,
    now: dt.datetime,
    request_id: str | None,
    language: Language | None,
    counted: Sequence[limits.Checks],
) -> dict[uuid.UUID, Outcome]:
    """Take reports in; what became of each id.

    They are answered in `language`, or each in its own. `counted` are the limits they count
    against, the last resort last; none where limits are off.
    A report that was already accepted is answered from what is stored, whatever the limits say.
    Raises `TooManyRequests` when something new is over them all; then nothing was stored.
    """
    if not reports:
        return {}
    submissions = [
        Submission(
            intake, report_id, report, reporter, now, request_id, language or report.language
        )
        for report_id, report in reports.items()
    ]
    charged, wait = await charge(hot, counted[:1])
    if wait is not None:
        found = await stored_before(hot, submissions)
        if len(found) == len(reports):
            return judge_all(found, reports, reporter)
        charged, last_wait = await charge(hot, counted[1:])
        if charged is None:
            LIMITED.inc()
            raise problems.TooManyRequests(min(wait, last_wait or wait))
    await route_wide(submissions)
    kept = await settled([hot.keep_report(each) for each in submissions])
    if charged and not any(isinstance(each, Accepted) and each.created for each in kept):
        with suppress(problems.ServiceUnavailable):
            await hot.refund_hit(charged)
    return judge_all(dict(zip(reports, kept, strict=True)), reports, reporter)


async def charge(
    hot: HotPaths, counted: Sequence[limits.Checks]
) -> tuple[limits.Checks | None, int | None]:
    """Count a request against the first limits that have room: these, or the seconds to wait."""
    wait = None
    for checks in counted:
        wait = await hot.count_hit(checks)
        if wait is None:
            return checks, None
    return None, wait


async def stored_before(
    hot: HotPaths, submissions: Sequence[Submission]
) -> dict[uuid.UUID, Accepted | BaseException]:
    """Those of the reports that were accepted earlier."""
    stored = await asyncio.gather(
        *(hot.find_report(each.intake.keys.store_id(each.report_id)) for each in submissions)
    )
    return {
        each.report_id: each.accepted(found, created=False)
        for each, found in zip(submissions, stored, strict=True)
        if found is not None
    }


async def route_wide(submissions: Sequence[Submission]) -> None:
    """Decide about those whose circles take long to measure, in a thread."""
    wide = [each for each in submissions if (each.report.place.accuracy_m or 0) > WIDE_M]
    if wide:
        await asyncio.to_thread(lambda: [each.decision() for each in wide])


async def settled(results: Sequence[asyncio.Future[Accepted]]) -> list[Accepted | Exception]:
    """What has become of each, when all have ended. `gather` costs a lone one as much again."""
    try:
        return [await ended(each) for each in results]
    finally:
        for each in results:
            each.cancel()  # that is nothing to one that has ended


async def ended(result: asyncio.Future[Accepted]) -> Accepted | Exception:
    """The result, or what went wrong."""
    try:
        return await result
    except Exception as error:
        return error


def judge_all(
    found: Mapping[uuid.UUID, Accepted | BaseException],
    reports: Mapping[uuid.UUID, ReportIn],
    reporter: ReporterIdentity,
) -> dict[uuid.UUID, Outcome]:
    """What each report is answered; a fault of one is not the others'."""
    return {
        report_id: judge(found[report_id], report, reporter)
        for report_id, report in reports.items()
    }


def judge(found: Accepted | BaseException, report: ReportIn, reporter: ReporterIdentity) -> Outcome:
    """Created now, the same again, or an id that another body or another reporter has used."""
    if isinstance(found, problems.Problem):
        return found
    if isinstance(found, BaseException):
        log.error("report.not_kept", exc_info=found)
        return problems.InternalError()
    if found.created:
        CREATED.inc()
        return found
    same_body = found.stored.body_sha256 == receipts.body_sha256(report)
    if same_body and found.stored.reporter_key == reporter.key:
        REPEATED.inc()
        return found
    REUSED.inc()
    return problems.ReportIdReused()


def single_limits(
    reporter: ReporterIdentity, address: str, *, emergency: bool
) -> list[limits.Checks]:
    """What one report counts against.

    Being over the others must not silence an emergency: those have a small allowance of their own.
    """
    who = reporter.principal or address
    if reporter.kind == ReporterKind.ANONYMOUS:
        usual = [(limits.ANONYMOUS_PER_ADDRESS, address), (limits.REPORT_PER_ADDRESS, address)]
    else:
        usual = [
            (limits.REPORT_PER_PRINCIPAL_HOUR, who),
            (limits.REPORT_PER_PRINCIPAL_DAY, who),
            (limits.REPORT_PER_ADDRESS, address),
        ]
    return [usual, [(limits.URGENT, who)]] if emergency else [usual]


def batch_limits(reporter: ReporterIdentity, address: str, count: int) -> list[limits.Checks]:
    """What a batch counts against: each of its reports, with room for what waited on a phone."""
    if reporter.kind == ReporterKind.ANONYMOUS:
        return [[(limits.BATCHED_ANONYMOUS_PER_ADDRESS, address)] * count]
    mine = (limits.BATCHED_PER_PRINCIPAL, reporter.principal)
    return [[mine] * count + [(limits.BATCHED_PER_ADDRESS, address)] * count]
