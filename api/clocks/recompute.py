"""Working out every open case's deadline again, for when rules or the calendar have changed."""

import datetime as dt
import threading
import uuid

from sqlalchemy import Engine, text

from api.clocks.book import ClockBook
from api.clocks.history import refresh
from api.reports.tables import IS_OPEN

BATCH = 500
FIRST = uuid.UUID(int=0)

NEXT = text(f"""
select case_id from reports where {IS_OPEN} and case_id > :after
order by case_id
limit :limit
for no key update
""")  # noqa: S608 - a constant


def recompute(
    engine: Engine, book: ClockBook, now: dt.datetime, stop: threading.Event | None = None
) -> int:
    """Go through all open cases, a batch to a transaction; how many deadlines moved."""
    changed, after = 0, FIRST
    while stop is None or not stop.is_set():
        with engine.begin() as connection:
            ids = connection.scalars(NEXT, {"after": after, "limit": BATCH}).all()
            if ids:
                changed += refresh(connection, book, ids, now, anew=False)
                after = ids[-1]
        if len(ids) < BATCH:
            break
    return changed
