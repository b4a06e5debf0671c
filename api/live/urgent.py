"""Waking the officers of a station when an urgent case comes to it and no page may be open.

The worker follows the feed. Its place is kept in the database and moves in the transaction that
owes the pushes: each arrival is owed once, whichever worker dies when.
"""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from api.live import feed
from api.live.feed import Change
from notifications.inbox import Position
from notifications.outbox import OWE_MANY, Debt, arrays

FOLLOWER = "urgent"
KIND = "case.urgent"
EMERGENCY = 3
ARRIVALS = frozenset(
    {
        "report.received",
        "report.rerouted",
        "report.transferred",
        "report.bounced",
        "report.corrected",
        "report.reopened",
    }
)
"""What brings a case before a station that has not looked at it yet."""
PAGE = 500

BEGIN = """
insert into feed_followers (name, xid, id)
values (%(name)s, %(xid)s::text::xid8, %(id)s)
on conflict (name) do nothing
"""
PLACE = "select xid::text, id from feed_followers where name = %(name)s for update skip locked"
MOVE = """
update feed_followers set xid = %(xid)s::text::xid8, id = %(id)s where name = %(name)s
"""
AWAKE = """
select staff.station_id, device.recipient
from staff join staff_devices as device on device.staff_id = staff.id
where staff.station_id = any(%(stations)s) and staff.disabled_at is null
"""


def wake_for_urgent(connection: Connection, now: dt.datetime) -> int:
    """Owe the pushes for the next page of the feed, in the caller's transaction; how many.

    One worker follows at a time; for the others there is nothing to do.
    """
    place = connection.exec_driver_sql(PLACE, {"name": FOLLOWER}).one_or_none()
    if place is None:
        begin(connection)
        return 0
    position = Position(int(place.xid), place.id)
    rows = connection.exec_driver_sql(feed.READ, feed.after(position, PAGE)).all()
    changes = feed.changes(rows)
    if not changes:
        return 0
    debts = owed(connection, [each for each in changes if is_urgent_arrival(each)], now)
    if debts:
        connection.exec_driver_sql(OWE_MANY, arrays(debts))
    move(connection, changes[-1].position)
    return len(debts)


def begin(connection: Connection) -> None:
    """Follow from here on, unless somebody follows already."""
    oldest = connection.exec_driver_sql(feed.END).scalar_one()
    place = feed.before(oldest)
    connection.exec_driver_sql(BEGIN, {"name": FOLLOWER, "xid": str(place.xid), "id": place.seq})


def move(connection: Connection, place: Position) -> None:
    """Remember how far the feed has been read."""
    connection.exec_driver_sql(MOVE, {"name": FOLLOWER, "xid": str(place.xid), "id": place.seq})


def is_urgent_arrival(change: Change) -> bool:
    """Whether somebody at the owner's station should be woken."""
    return change.urgency == EMERGENCY and change.state == "received" and change.kind in ARRIVALS


def owed(connection: Connection, arrivals: Sequence[Change], now: dt.datetime) -> list[Debt]:
    """One message for each arrival and each device of the station that owns it now."""
    stations = sorted({each.owner for each in arrivals})
    if not stations:
        return []
    devices = connection.exec_driver_sql(AWAKE, {"stations": stations}).all()
    return [
        Debt(
            id=uuid.uuid4(),
            subject=arrival.case_id,
            recipient=device.recipient,
            kind=KIND,
            data={},
            now=now,
        )
        for arrival in arrivals
        for device in devices
        if device.station_id == arrival.owner
    ]
