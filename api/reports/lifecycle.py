"""The rules of taking reports in: who may send how many, and what the same id means."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from api import limits, problems
from api.accounts.identity import ReporterIdentity
from api.accounts.tables import ReporterKind
from api.hot_paths import HotPaths
from api.reports import receipts
from api.reports.acceptance import Accepted
from api.reports.intake import Submission
from api.telemetry import REPORTS

log = structlog.get_logger()

WIDE_M = 500
"""A circle wider than this may touch hundreds of wards: it is measured in a thread."""

CREATED, REPEATED, REUSED, LIMITED = map(
    REPORTS.labels, ("created", "repeated", "reused", "limited")
)

Outcome = Accepted | problems.Problem


async def submit(
    hot: HotPaths, submissions: Sequence[Submission], counted: Sequence[limits.Checks]
) -> list[Outcome]:
    """Take the reports of one reporter in; what became of each. Their ids are all different.

    `counted` are the limits they count against, the last resort last; none where limits are off.
    A report that was already accepted is answered from what is stored, whatever the limits say.
    Raises `TooManyRequests` when something new is over them all; then nothing was stored.
    """
    if not submissions:
        return []
    charged, wait = await charge(hot, counted[:1])
    if wait is not None:
        before = await stored_before(hot, submissions)
        if len(before) == len(submissions):
            return judge_all(before, submissions)
        charged, last_wait = await charge(hot, counted[1:])
        if charged is None:
            LIMITED.inc()
            raise problems.TooManyRequests(min(wait, last_wait or wait))
    await route_wide(submissions)
    kept = await settled([hot.keep_report(each) for each in submissions])
    if charged and not any(isinstance(each, Accepted) and each.created for each in kept):
        with suppress(problems.ServiceUnavailable):
            await hot.refund_hit(charged)
    return judge_all(kept, submissions)


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


async def stored_before(hot: HotPaths, submissions: Sequence[Submission]) -> list[Accepted]:
    """The answers to those of the reports that were accepted earlier."""
    stored = await asyncio.gather(
        *(hot.find_report(each.intake.keys.store_id(each.report_id)) for each in submissions)
    )
    return [
        each.accepted(found, created=False)
        for each, found in zip(submissions, stored, strict=True)
        if found is not None
    ]


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
    found: Sequence[Accepted | BaseException], submissions: Sequence[Submission]
) -> list[Outcome]:
    """What each report is answered; a fault of one is not the others'."""
    return [judge(what, each) for what, each in zip(found, submissions, strict=True)]


def judge(found: Accepted | BaseException, submission: Submission) -> Outcome:
    """Created now, the same again, or an id that another body or another reporter has used."""
    if isinstance(found, problems.Problem):
        return found
    if isinstance(found, BaseException):
        log.error("report.not_kept", exc_info=found)
        return problems.InternalError()
    if found.created:
        CREATED.inc()
        return found
    same_body = found.stored.body_sha256 == receipts.body_sha256(submission.report)
    if same_body and found.stored.reporter_key == submission.reporter.key:
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
