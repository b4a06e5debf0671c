"""The year's cases in which something happens to the clock: see `year.py` for the calendar."""

from api.clocks.deadlines import Facts
from tests.clocks.year import (
    EMERGENCY,
    NORMAL,
    REPORT,
    URGENT,
    Act,
    Row,
    answered,
    asked,
    extension,
)

START = "2026-03-03 09:00"
"""A Tuesday: 20 days end on Mon 23 Mar."""
PAUSES = [
    # From the 10th to the 12th are 2 days: Wed 25 Mar.
    Row("2 days' pause", "outcome", START, "2026-03-26 00:00",
        (asked("2026-03-10 09:00"), answered("2026-03-12 15:00")), REPORT),
    # On the same day: no day.
    Row("a pause of a day", "outcome", START, "2026-03-24 00:00",
        (asked("2026-03-10 09:00"), answered("2026-03-10 20:00")), REPORT),
    # 2 + 20 = 22 Feb; the pause is 13 to 23 Feb, 10 days: Wed 4 Mar.
    Row("a pause across Tết", "outcome", "2026-02-02 08:00", "2026-03-05 00:00",
        (asked("2026-02-13 16:00"), answered("2026-02-23 08:00")), REPORT),
    # 1 day and 4 days: 28 Mar, a Saturday; so Mon 30.
    Row("two pauses", "outcome", START, "2026-03-31 00:00",
        (asked("2026-03-05 09:00"), answered("2026-03-06 09:00"),
         asked("2026-03-09 09:00"), answered("2026-03-13 09:00")), REPORT),
    # The officer goes on without an answer, a day later: Tue 24 Mar.
    Row("no answer needed", "outcome", START, "2026-03-25 00:00",
        (asked("2026-03-10 09:00"), Act("2026-03-11 09:00", "report.progressed")), REPORT),
    # Another station gets it 3 days later: 26 Mar.
    Row("a pause ended by a transfer", "outcome", START, "2026-03-27 00:00",
        (asked("2026-03-10 09:00"), Act("2026-03-13 09:00", "report.transferred", "w-2")), REPORT),
    # Closed while paused, 20 days later: 23 Mar + 20 = 12 Apr, a Sunday; so Mon 13.
    Row("closed in the pause", "outcome", START, "2026-04-14 00:00",
        (asked("2026-03-10 09:00"), Act("2026-03-30 09:00", "report.resolved")), REPORT),
    # 2 + 20 = 22 Mar, a Sunday, so Mon 23; asked that Monday, it has the day of the answer: Thu 26.
    Row("asked on the day it gained", "outcome", "2026-03-02 09:00", "2026-03-27 00:00",
        (asked("2026-03-23 09:00"), answered("2026-03-26 15:00")), REPORT),
    # Too late on the 25th: nothing moves.
    Row("asked when it is too late", "outcome", START, "2026-03-24 00:00",
        (asked("2026-03-25 09:00"), answered("2026-03-28 09:00")), REPORT),
    # 6.5 h of clock time: 10:00 + 6.5 h.
    Row("hours", "handover", "2026-03-03 10:00", "2026-03-04 16:30",
        (asked("2026-03-03 12:00"), answered("2026-03-03 18:30")), REPORT),
    # From Fri 08:00: 7.5 h on Fri, due Mon 08:00. At 16:00 1.5 h are left: Mon 07:30 + 1.5 h.
    Row("working hours over a weekend", "day", "2026-03-06 08:00", "2026-03-09 09:00",
        (asked("2026-03-06 16:00"), answered("2026-03-08 10:00"))),
    # Fri 15:00-16:00 is 1 h, 7 h are left, answered in Tết: Mon 23 Feb 4 h and 3 h.
    Row("working hours across Tết", "day", "2026-02-13 15:00", "2026-02-23 16:00",
        (asked("2026-02-13 16:00"), answered("2026-02-18 09:00"))),
    # Asked and answered at night: due Tue 10:00 as without it.
    Row("a pause in which nobody works", "day", "2026-03-02 10:00", "2026-03-03 10:00",
        (asked("2026-03-02 20:00"), answered("2026-03-03 06:00"))),
]  # fmt: skip
EXTENSIONS = [
    # 2 months from 3 Mar: 3 May, a Sunday; so Mon 4.
    Row("to two months", "outcome", START, "2026-05-05 00:00",
        extension("2026-03-16 09:00", "2026-05-03", granted="2026-03-17 09:00"), REPORT),
    # 2 months from 3 May: Fri 3 Jul.
    Row("twice", "outcome", START, "2026-07-04 00:00",
        (*extension("2026-03-16 09:00", "2026-05-03", granted="2026-03-17 09:00"),
         *extension("2026-04-20 09:00", "2026-07-03", granted="2026-04-21 09:00")), REPORT),
    # 26 Apr is Hùng Kings' Sunday, Mon 27 in lieu; so Tue 28.
    Row("to a holiday", "outcome", START, "2026-04-29 00:00",
        extension("2026-03-16 09:00", "2026-04-26", granted="2026-03-17 09:00"), REPORT),
    Row("asked for only", "outcome", START, "2026-03-24 00:00",
        extension("2026-03-16 09:00", "2026-04-26", granted="2026-03-17 09:00")[:1], REPORT),
    Row("refused", "outcome", START, "2026-03-24 00:00",
        (*extension("2026-03-16 09:00", "2026-04-26", granted="2026-03-17 09:00")[:1],
         Act("2026-03-17 09:00", "report.extension_refused", data={"clock": "outcome"})), REPORT),
    # The term ended at 24:00 of the 23rd; granting on the 24th revives nothing.
    Row("granted too late", "outcome", START, "2026-03-24 00:00",
        extension("2026-03-16 09:00", "2026-04-26", granted="2026-03-24 00:01"), REPORT),
    # Fri 10 Apr and a pause of 3 days: Mon 13 Apr.
    Row("and then a pause", "outcome", START, "2026-04-14 00:00",
        (*extension("2026-03-16 09:00", "2026-04-10", granted="2026-03-17 09:00"),
         asked("2026-04-01 09:00"), answered("2026-04-04 09:00")), REPORT),
    # The pause of 20 days, to 12 Apr, reaches further than the extension: nothing is lost.
    Row("less than a pause gave", "outcome", START, "2026-04-14 00:00",
        (*extension("2026-03-09 09:00", "2026-04-10", granted="2026-03-31 09:00")[:1],
         asked("2026-03-10 09:00"), answered("2026-03-30 09:00"),
         Act("2026-03-31 09:00", "report.extension_granted", data={"clock": "outcome"})), REPORT),
]  # fmt: skip
CLOSED_AND_REOPENED = (
    Act("2026-07-05 09:00", "report.resolved"),
    Act("2026-07-10 09:00", "report.reopened"),
)
NEW_LAW = [
    # Still the old law's 20 days: 30 Jun + 20 = Mon 20 Jul.
    Row("ten minutes before", "outcome", "2026-06-30 23:50", "2026-07-21 00:00",
        facts=REPORT, book="new law"),
    # 15 days: Thu 16 Jul.
    Row("at its midnight", "outcome", "2026-07-01 00:00", "2026-07-17 00:00",
        facts=REPORT, book="new law"),
    # The clock that runs keeps its rule through a transfer: 20 Jun + 20 = Fri 10 Jul.
    Row("kept by a transfer", "outcome", "2026-06-20 09:00", "2026-07-11 00:00",
        (Act("2026-07-02 09:00", "report.transferred", "w-2"),), REPORT, "new law"),
    # A new run under the new law: 10 + 15 = 25 Jul, a Saturday; so Mon 27.
    Row("reopened", "outcome", "2026-06-20 09:00", "2026-07-28 00:00",
        CLOSED_AND_REOPENED, REPORT, "new law"),
    # The emergency's 15 minutes of the day it came in, not the 5 of the day it was corrected.
    Row("corrected after it", "first_response", "2026-06-30 23:50", "2026-07-01 00:20",
        (Act("2026-07-01 00:05", "report.corrected", changed={"urgency": EMERGENCY}),),
        book="new law"),
    # The old law's 2 months from 20 Jun: Thu 20 Aug.
    Row("extended by the old law", "outcome", "2026-06-20 09:00", "2026-08-21 00:00",
        extension("2026-07-02 09:00", "2026-08-20", granted="2026-07-03 09:00"), REPORT, "new law"),
]  # fmt: skip
CORRECTIONS = [
    # Due Tue 08:00 as it was; as an emergency it has 15 minutes from now on.
    Row("an emergency after all", "first_response", "2026-03-02 08:00", "2026-03-02 09:15",
        (Act("2026-03-02 09:00", "report.corrected", changed={"urgency": EMERGENCY}),)),
    # 12:00 as it was is earlier than 11:55 + 15 min.
    Row("no more than there was", "first_response", "2026-03-02 08:00", "2026-03-02 12:00",
        (Act("2026-03-02 11:55", "report.corrected", changed={"urgency": EMERGENCY}),),
        Facts("tip", URGENT)),
    # Counted from the start: all of Monday.
    Row("no emergency after all", "first_response", "2026-03-02 07:30", "2026-03-02 17:00",
        (Act("2026-03-02 07:40", "report.corrected", changed={"urgency": NORMAL}),),
        Facts("tip", EMERGENCY)),
    # Recognised as a crime report on the 5th: 25 Mar, a Wednesday.
    Row("a crime report after all", "outcome", START, "2026-03-26 00:00",
        (Act("2026-03-05 10:00", "report.corrected", changed={"kind": "crime_report"}),)),
    # Met before it was corrected: nothing is judged again.
    Row("read before", "first_response", "2026-03-02 08:00", "2026-03-03 08:00",
        (Act("2026-03-02 10:00", "report.acknowledged"),
         Act("2026-03-02 11:00", "report.corrected", changed={"urgency": EMERGENCY}))),
]  # fmt: skip
MOVES = [
    # Bounced: the sender's 4 hours begin with its return.
    Row("bounced", "takeover", "2026-03-05 06:00", "2026-03-05 15:30",
        (Act("2026-03-05 09:00", "report.transferred", "w-2"),
         Act("2026-03-05 11:30", "report.bounced", "w-1")), Facts("tip", URGENT)),
    # Handed over and bounced back: the 24 hours go on as if nothing had been.
    Row("handed over and back", "handover", "2026-03-03 10:00", "2026-03-04 10:00",
        (Act("2026-03-03 12:00", "report.transferred", "p-01"),
         Act("2026-03-03 18:00", "report.bounced", "w-1")), REPORT),
    # To the neighbour is no handing over.
    Row("a neighbour's", "handover", "2026-03-03 10:00", "2026-03-04 10:00",
        (Act("2026-03-03 12:00", "report.transferred", "w-2"),), REPORT),
]  # fmt: skip
