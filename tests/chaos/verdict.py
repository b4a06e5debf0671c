"""After the chaos: what must hold of the database, and of what reporters were told."""

import uuid
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Engine, text

from api.secrets import Keys
from tests.chaos.phones import Phone

HALF_DONE = {
    "a report without exactly one event, audit row and inbox row of its arrival": """
        select count(*) from reports where
            (select count(*) from case_events as event
             where event.case_id = reports.case_id and kind = 'report.received') <> 1
            or (select count(*) from audit_events
                where object_id = reports.case_id::text and action = 'report.received') <> 1
            or (select count(*) from acknowledgements as item
                where item.subject = reports.id and item.kind = 'report.received'
                    and item.id = reports.acknowledgement_id) <> 1
    """,
    "a case with more or less of a step than its state says": """
        select count(*) from reports, lateral (
            select case when state = 'acknowledged' then 1 else 0 end as steps
        ) as taken where
            (select count(*) from register_entries as entry
             where entry.case_id = reports.case_id and entry.number = register_number) <> steps
            or (select count(*) from register_entries as entry
                where entry.case_id = reports.case_id) <> steps
            or (select count(*) from case_events as event
                where event.case_id = reports.case_id and kind = 'report.acknowledged') <> steps
            or (select count(*) from audit_events
                where object_id = reports.case_id::text and action = 'report.acknowledged') <> steps
            or (select count(*) from acknowledgements as item
                where item.subject = reports.id and item.kind = 'report.acknowledged') <> steps
            or (register_number is not null)::int <> steps
    """,
    "a register with a gap": """
        select count(*) from (
            select station_id, year from registers natural left join register_entries
            group by station_id, year, last_number
            having count(number) <> last_number or max(number) <> last_number or min(number) <> 1
        ) as gaps
    """,
    "a delivery that is not settled as sent": """
        select count(*) from deliveries where state <> 'sent'
    """,
    "a message without its delivery": """
        select count(*) from acknowledgements as item where
            (select count(*) from deliveries where acknowledgement_id = item.id) <> 1
    """,
}
"""Each counts what must not be. One phone has one token, so one message is one delivery."""


def half_done(engine: Engine) -> list[str]:
    """What of `HALF_DONE` there is."""
    with engine.connect() as connection:
        counts = {what: connection.scalar(text(query)) for what, query in HALF_DONE.items()}
    return [f"{count} times {what}" for what, count in counts.items() if count]


def stored(engine: Engine, keys: Keys) -> set[uuid.UUID]:
    """The ids of all reports."""
    with engine.connect() as connection:
        return set(map(keys.report_id, connection.scalars(text("select id from reports"))))


def doubles(engine: Engine) -> int:
    """How many rows tell what another tells already: every phone's words are sent only once."""
    with engine.connect() as connection:
        query = text("select count(*) - count(distinct text) from reports")
        return int(connection.scalar(query) or 0)


def register_numbers(engine: Engine) -> Counter[str]:
    """Every number as officers read it, and in how many registers it is."""
    with engine.connect() as connection:
        query = text("select number || '/' || year from register_entries")
        return Counter(connection.scalars(query))


def untold(engine: Engine, phones: Sequence[Phone], pushed: Sequence[str]) -> list[str]:
    """What is wrong with what phones were told: by inbox exactly once, by push at least once.

    So a phone that drops the ids it knows shows each message once.
    """
    faults = []
    for phone in phones:
        told = Counter(item["id"] for item in phone.told)
        faults += [f"an inbox gave {ack} {n} times" for ack, n in told.items() if n != 1]
        expected = {answer["acknowledgement"]["id"] for answer in phone.accepted.values()}
        received = {item["id"] for item in phone.told if item["kind"] == "report.received"}
        if strangers := {item["report_id"] for item in phone.told} - set(map(str, phone.accepted)):
            faults.append(f"an inbox told of {len(strangers)} reports of others")
        if expected != received:
            faults.append(f"{len(expected ^ received)} acknowledgements and answers do not match")
    with engine.connect() as connection:
        owed = set(map(str, connection.scalars(text("select id from acknowledgements"))))
    told_of = {item["id"] for phone in phones for item in phone.told}
    if told_of != owed:
        faults.append(f"{len(told_of ^ owed)} messages are not in the inbox they are for")
    if owed != set(pushed):
        faults.append(f"{len(owed ^ set(pushed))} messages were not pushed, or pushed by mistake")
    return faults
