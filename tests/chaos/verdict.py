"""After the chaos: what must hold of the database, and of what reporters were told."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, text

from api.reports.tables import State
from api.secrets import Keys
from api.triage.steps import STEPS
from tests.chaos.phones import Phone

LEAVING = [
    "report.resolved",
    "report.dismissed",
    "report.questioned",
    "report.messaged",
    "report.answered",
    "report.reopened",
]
"""The steps that leave an outcome, or words in the dialogue; each leaves one."""

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
    "a step that was not audited exactly once": """
        select count(*) from (
            select case_id::text as case_id, kind, count(*) from case_events
            where kind = any(:steps) group by 1, 2
        ) as event full join (
            select object_id as case_id, action as kind, count(*) from audit_events
            where object_kind = 'case' and action = any(:steps) group by 1, 2
        ) as audit using (case_id, kind)
        where event.count is distinct from audit.count
    """,
    "a step that its reporter was not told of exactly once": """
        select count(*) from (
            select report.id as subject, event.kind, count(*)
            from case_events as event join reports as report using (case_id)
            where event.kind = any(:telling) group by 1, 2
        ) as event full join (
            select subject, kind, count(*) from acknowledgements
            where kind <> 'report.received' group by 1, 2
        ) as item using (subject, kind)
        where event.count is distinct from item.count
    """,
    "a version that is not the number of steps": """
        select count(*) from reports as report where version <> 1 + (
            select count(*) from case_events as event
            where event.case_id = report.case_id and event.kind = any(:steps))
    """,
    "a line in a register that no acknowledgement made, or none where one should be": """
        select count(*) from (
            select case_id::text as case_id, station_id from register_entries
        ) as entry full join (
            select distinct object_id as case_id, scope as station_id from audit_events
            where action = 'report.acknowledged'
        ) as taken using (case_id, station_id)
        where entry.case_id is null or taken.case_id is null
    """,
    "an outcome or a message that no step left": """
        select (select count(*) from case_outcomes)
            + (select count(*) from case_messages)
            - (select count(*) from case_events where kind = any(:leaving))
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
    parameters = {
        "steps": [*STEPS],
        "telling": [name for name, step in STEPS.items() if step.tells == "always"],
        "leaving": LEAVING,
    }
    with engine.connect() as connection:
        counts = {
            what: connection.scalar(text(query), parameters) for what, query in HALF_DONE.items()
        }
    return [f"{count} times {what}" for what, count in counts.items() if count]


def strayed(engine: Engine) -> list[str]:
    """Cases whose history is no way through the table of steps, or does not end where they are."""
    query = text("""
        select report.case_id, report.state, report.station_id,
            array_agg(event.kind order by event.id) as kinds,
            array_agg(event.data ->> 'to' order by event.id)
                filter (where event.kind = 'report.transferred') as given_to
        from reports as report join case_events as event using (case_id)
        where event.kind = any(:steps) group by report.id
    """)
    faults = []
    with engine.connect() as connection:
        for row in connection.execute(query, {"steps": [*STEPS]}):
            state: str | None = State.RECEIVED
            for kind in row.kinds:
                state = None if state is None else STEPS[kind].leads.get(State(state))
            if state != row.state:
                faults.append(f"{row.state} after {', '.join(row.kinds)}")
            if row.given_to and row.given_to[-1] != row.station_id:
                faults.append(f"at {row.station_id} after going to {row.given_to[-1]}")
    return faults


def misheard(engine: Engine, said: Mapping[str, bool]) -> list[str]:
    """What was said and taken but is not kept once, and what is kept twice."""
    with engine.connect() as connection:
        query = text(
            "select text from case_messages union all select public_text from case_outcomes"
        )
        kept = Counter(connection.scalars(query))
    lost = sum(taken and not kept[words] for words, taken in said.items())
    doubled = sum(count > 1 for count in kept.values())
    return [
        f"{count} times something said was {how}"
        for count, how in ((lost, "lost"), (doubled, "kept twice"))
        if count
    ]


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
