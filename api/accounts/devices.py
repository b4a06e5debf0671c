"""Devices by their tokens, many at once."""

import uuid
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

FIND_DEVICES = "select token_hash, id from devices where token_hash = any(%b)"
"""Hashes go as they are, which is what `%b` means: writing them as text takes longer than asking.
"""


async def find_devices(
    connection: AsyncConnection[Any], hashes: Sequence[bytes]
) -> list[uuid.UUID | None]:
    """The devices that tokens belong to, by the tokens' hashes."""
    rows = await (await connection.execute(FIND_DEVICES, [list(hashes)], prepare=True)).fetchall()
    found = dict(rows)
    return [found.get(each) for each in hashes]
