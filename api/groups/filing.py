"""Reports filed as a group: whether their sender may, asked only when one names a group."""

import uuid
from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from api.accounts.identity import ReporterIdentity
from api.groups.membership import wards_of_groups


def as_uuid(word: str | None) -> uuid.UUID | None:
    """The UUID a word is, if it is one."""
    try:
        return uuid.UUID(word) if word else None
    except ValueError:
        return None


async def groups_of(
    engine: AsyncEngine, reporter: ReporterIdentity, claimed: Iterable[str | None]
) -> dict[uuid.UUID, str]:
    """Of the groups that reports name those that the reporter belongs to, and their wards.

    One statement however many reports there are, and none when they name no group. Nobody in
    particular belongs to no group.
    """
    named = {found for word in claimed if (found := as_uuid(word)) is not None}
    if reporter.key is None or not named:
        return {}
    async with AsyncSession(engine) as session:
        return await wards_of_groups(session, reporter.key, named)
