"""Reading the inbox: everything, once, in order."""

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifications import inbox
from notifications.inbox import InboxItem, Position, read_inbox
from tests.notifications.kit import ALICE, BOB, RECEIVED, Outbox


async def read(
    post: Outbox,
    recipient: bytes | None = ALICE,
    *,
    subject: uuid.UUID | None = None,
    after: Position | None = None,
    limit: int = 100,
) -> list[InboxItem]:
    async with post.sessions.begin() as session:
        return await read_inbox(
            session, recipient=recipient, subject=subject, after=after, limit=limit
        )


async def ids(post: Outbox, recipient: bytes | None = ALICE, **options: object) -> list[str]:
    return [str(item.id) for item in await read(post, recipient, **options)]  # type: ignore[arg-type]


async def test_an_inbox_is_read_page_by_page_oldest_first_each_once(post: Outbox) -> None:
    owed = await post.owe(ALICE, times=3) + await post.owe(ALICE, times=4)
    await post.owe(BOB)
    await post.owe(None)

    seen, after = [], None
    while page := await read(post, after=after, limit=2):
        seen += [str(item.id) for item in page]
        after = page[-1].position

    assert seen == owed
    assert await read(post, after=after) == []


async def test_a_message_has_what_its_sentence_needs(post: Outbox) -> None:
    subject = uuid.uuid4()
    await post.owe(ALICE, subject=subject)

    (item,) = await read(post)

    assert (item.subject, item.kind, item.data) == (subject, "report.received", RECEIVED)


async def test_the_bearer_of_a_receipt_reads_one_report_only(post: Outbox) -> None:
    subject = uuid.uuid4()
    owed = await post.owe(None, subject=subject, times=2)
    await post.owe(None)

    assert await ids(post, None, subject=subject) == owed
    assert await ids(post, None, subject=uuid.uuid4()) == []


async def test_an_inbox_of_nobody_is_a_callers_mistake(post: Outbox) -> None:
    with pytest.raises(ValueError, match="recipient's or a subject's"):
        await read(post, None)


async def test_a_bound_device_reads_the_report_from_its_beginning_even_behind_its_cursor(
    post: Outbox,
) -> None:
    subject = uuid.uuid4()
    early = await post.owe(BOB, subject=subject, times=2)
    own = await post.owe(ALICE)
    page = await read(post)
    await post.bind(ALICE, subject)
    late = await post.owe(BOB, subject=subject)

    assert [str(item.id) for item in page] == own
    assert await ids(post, after=page[-1].position) == early + late
    assert await ids(post) == own + early + late
    assert await ids(post, BOB) == early + late


async def test_binding_ones_own_report_or_twice_shows_nothing_twice(post: Outbox) -> None:
    subject = uuid.uuid4()
    owed = await post.owe(ALICE, subject=subject, times=2)
    await post.bind(ALICE, subject)
    await post.bind(ALICE, subject)

    assert await ids(post) == owed


async def test_a_row_that_commits_late_is_not_skipped(post: Outbox) -> None:
    async with post.sessions() as slow:
        await begin_and_owe(slow, ALICE)
        quick = await post.owe(ALICE)

        assert await ids(post) == []
        await slow.commit()

    assert len(await ids(post)) == 2
    assert (await ids(post))[1] == quick[0]


async def begin_and_owe(session: AsyncSession, recipient: bytes) -> None:
    await session.execute(
        text(
            "insert into acknowledgements (id, subject, recipient, kind, data)"
            " values (gen_random_uuid(), gen_random_uuid(), :recipient, 'report.received', '{}')"
        ),
        {"recipient": recipient},
    )


async def test_the_first_fetch_and_the_first_showing_are_noted(post: Outbox) -> None:
    first, second = await post.owe(ALICE, times=2)

    await read(post, limit=1)
    query = "select id::text, fetched_at, shown_at from acknowledgements order by seq"
    fetched, unfetched = post.ask(query)
    await read(post)
    async with post.sessions.begin() as session:
        await inbox.mark_shown(session, recipient=BOB, ids=[uuid.UUID(first)])
        await inbox.mark_shown(session, recipient=ALICE, ids=[uuid.UUID(second), uuid.uuid4()])

    again, shown = post.ask(query)
    assert fetched["fetched_at"] is not None
    assert unfetched["fetched_at"] is None
    assert again["fetched_at"] == fetched["fetched_at"]
    assert (again["shown_at"], shown["shown_at"] is not None) == (None, True)


async def test_a_bearer_and_a_bound_device_say_what_they_showed(post: Outbox) -> None:
    subject = uuid.uuid4()
    by_bearer, by_device = await post.owe(None, subject=subject, times=2)
    await post.bind(ALICE, subject)

    async with post.sessions.begin() as session:
        await inbox.mark_shown(session, subject=subject, ids=[uuid.UUID(by_bearer)])
        await inbox.mark_shown(session, recipient=ALICE, ids=[uuid.UUID(by_device)])

    assert post.ask("select 1 from acknowledgements where shown_at is null") == []


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1))
def test_a_cursor_brings_back_its_place(xid: int, seq: int) -> None:
    assert Position.decode(Position(xid, seq).encode()) == Position(xid, seq)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "abc",
        "ü",
        "AAAA AAAA",
        "A" * 21,
        "A" * 22 + "==",
        "A" * 21 + "B",
        "A" * 400,
        "\ud800",
        base64.urlsafe_b64encode(b"\xff" * 16).decode().rstrip("="),
    ],
)
def test_a_cursor_we_did_not_make_is_a_value_error(cursor: str) -> None:
    with pytest.raises(ValueError, match="no cursor"):
        Position.decode(cursor)


FILL = """
insert into acknowledgements (id, subject, recipient, kind, data)
select gen_random_uuid(), md5(mod(n, 2000)::text)::uuid, sha256(mod(n, 500)::text::bytea),
    'report.received', '{}'
from generate_series(1, 20000) as n
"""


@pytest.mark.parametrize("query", [inbox.READ_AS_RECIPIENT, inbox.READ_AS_BEARER])
async def test_reading_is_served_by_the_indexes(post: Outbox, query: object) -> None:
    post.ask(FILL)
    post.ask(
        "insert into inbox_bindings (recipient, subject)"
        " select sha256(mod(n, 500)::text::bytea), md5(n::text)::uuid"
        " from generate_series(1, 2000) as n"
    )
    post.ask("analyze acknowledgements, inbox_bindings")
    parameters = {"xid": "0", "seq": 0, "limit": 51}
    async with post.sessions() as session:
        someone = text("select recipient, subject from inbox_bindings limit 1")
        recipient, subject = (await session.execute(someone)).one()
        explain = text(f"explain {query}")
        who = {"recipient": recipient} if "recipient" in str(query) else {"subject": subject}
        plan = "\n".join(await session.scalars(explain, {**parameters, **who}))

    assert "Seq Scan" not in plan, plan
    assert "ix_acknowledgements_" in plan
