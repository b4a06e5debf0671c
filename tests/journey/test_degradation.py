"""Real processes without what they need: an honest 503 in time, and recovery by itself."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from api.local.client import uuid7
from api.local.machine import working_in
from tests.installation import Installation, installed
from tests.service import why_not_ready
from tests.town import IN_NORTH, report

SOON_S = 3.0
"""The longest a client waits for "not now"."""
STUCK_S = 6.0
"""The same where a statement must first run into its time-out."""
FROZEN_S = 8.0
"""The same where PostgreSQL does not even keep that time-out, and a new connection fails too."""
HALF_SENT = 350
MIB = 2**20
LONG = "Đầy đĩa. " * 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A service on a PostgreSQL of its own, which may be stopped."""
    with installed(tmp_path_factory.mktemp("site"), durable=False) as made:
        yield made


@pytest.fixture
async def http(site: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without credentials."""
    limits = httpx.Limits(max_connections=200)
    url = site.service.base_url
    async with httpx.AsyncClient(base_url=url, timeout=20, limits=limits) as client:
        yield client


Asking = Callable[[], Awaitable[httpx.Response]]


async def timed(asking: Asking) -> tuple[httpx.Response, float]:
    """An answer, and how long it took in seconds."""
    began = time.monotonic()
    answer = await asking()
    return answer, time.monotonic() - began


async def send(http: httpx.AsyncClient, words: str = "Ồn ào.") -> httpx.Response:
    """One new report."""
    return await http.put(f"/v1/reports/{uuid7()}", json=report(IN_NORTH, text=words))


async def until_it_works(asking: Asking, status: int) -> float:
    """Seconds until the answer is `status`."""
    began = time.monotonic()
    while (await asking()).status_code != status:
        assert time.monotonic() - began < 30
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def assert_not_now(answer: httpx.Response) -> None:
    """A 503 that says when to come back, and whom to ring meanwhile."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["emergency"]["call"] == "113"


@contextmanager
def locked(site: Installation, table: str, mode: str) -> Iterator[None]:
    """Somebody holds a lock on a whole table."""
    with site.engine.connect() as connection, connection.begin():
        connection.execute(text(f"lock table {table} in {mode} mode"))
        yield


@contextmanager
def frozen(site: Installation) -> Iterator[None]:
    """PostgreSQL is there, takes connections, and does nothing."""
    with site.engine.connect() as connection:
        folder = Path(connection.scalar(text("show data_directory")) or "")
    processes = working_in(folder)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


async def test_without_its_database_the_service_says_so_at_once_and_comes_back_with_it(
    site: Installation, http: httpx.AsyncClient
) -> None:
    token = (await http.post("/v1/devices", json={})).json()["token"]
    reporter = {"Authorization": f"Bearer {token}"}
    assert (await send(http)).status_code == 201

    def everything() -> list[Asking]:
        return [
            *[lambda: send(http)] * 10,
            lambda: http.put(f"/v1/reports/{uuid7()}", json=report(IN_NORTH), headers=reporter),
            lambda: http.get("/v1/inbox", headers=reporter),
            lambda: http.get("/v1/queue", headers={"Authorization": "Bearer of-nobody"}),
            lambda: http.post("/v1/devices", json={}),
            lambda: http.post("/v1/receipts", json={"code": "0000-0000-0000-0000"}),
        ]

    site.cluster.stop()
    for _ in range(2):
        for answer, seconds in await asyncio.gather(*map(timed, everything())):
            assert_not_now(answer)
            assert seconds < SOON_S
    red, seconds = await timed(lambda: http.get("/readyz"))
    alive = await http.get("/healthz")
    site.cluster.up()
    first_s = await until_it_works(lambda: send(http), 201)
    green_s = await until_it_works(lambda: http.get("/readyz"), 200)

    assert seconds < SOON_S
    assert_not_now(red)
    assert any(reason.startswith("database") for reason in red.json()["reasons"])
    assert alive.status_code == 200
    print(f"first 201 {first_s:.2f} s after the database, /readyz green {green_s:.2f} s later")
    assert first_s < 5
    assert green_s < 15


async def test_a_database_that_does_not_get_on_is_an_honest_503(
    site: Installation, http: httpx.AsyncClient
) -> None:
    with locked(site, "reports", "exclusive"):
        refused = await asyncio.gather(*(timed(lambda: send(http)) for _ in range(40)))
        alive, alive_s = await timed(lambda: http.get("/healthz"))
    recovered_s = await until_it_works(lambda: send(http), 201)

    for answer, _ in refused:
        assert_not_now(answer)
    slowest = max(seconds for _, seconds in refused)
    print(f"slowest 503 {slowest:.2f} s, recovered in {recovered_s:.2f} s")
    assert slowest < STUCK_S
    assert (alive.status_code, alive_s < 1) == (200, True)
    assert recovered_s < 1.5


async def test_a_frozen_database_hangs_nobody(site: Installation, http: httpx.AsyncClient) -> None:
    async def queue() -> httpx.Response:
        return await http.get("/v1/queue", headers={"Authorization": "Bearer of-nobody"})

    assert (await queue()).status_code == 401
    everything: list[Asking] = [lambda: send(http), queue, lambda: http.get("/readyz")]

    with frozen(site):
        refused = [await asyncio.gather(*map(timed, everything)) for _ in range(2)]
    recovered_s = await until_it_works(lambda: send(http), 201)
    green_s = await until_it_works(lambda: http.get("/readyz"), 200)

    slowest = max(seconds for answers in refused for _, seconds in answers)
    print(f"slowest 503 {slowest:.2f} s, recovered in {recovered_s:.2f} s, green {green_s:.2f} s")
    for answers in refused:
        for answer, _ in answers:
            assert_not_now(answer)
    assert slowest < FROZEN_S
    assert recovered_s < 3
    assert green_s < 15


async def test_when_every_connection_is_busy_the_others_are_told_soon_and_reports_still_come_in(
    site: Installation, http: httpx.AsyncClient
) -> None:
    async def queue() -> httpx.Response:
        return await http.get("/v1/queue", headers={"Authorization": "Bearer of-nobody"})

    with locked(site, "staff_sessions", "access exclusive"):
        asking = [asyncio.create_task(timed(queue)) for _ in range(40)]
        await asyncio.sleep(0.5)
        taken, taken_s = await timed(lambda: send(http))
        refused = await asyncio.gather(*asking)
    recovered_s = await until_it_works(queue, 401)

    times = sorted(seconds for _, seconds in refused)
    for answer, _ in refused:
        assert_not_now(answer)
    print(f"503s in {times[0]:.2f} to {times[-1]:.2f} s; report taken in {taken_s:.2f} s")
    assert sum(seconds < SOON_S for seconds in times) >= 30
    assert times[-1] < STUCK_S
    assert (taken.status_code, taken_s < 2) == (201, True)
    assert recovered_s < 1.5


HEAD = b"PUT /v1/reports/1 HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n"
HALVES = (HEAD, HEAD + b'\r\n{"kind"', b"")
"""Headers half sent, a body half sent, nothing sent."""


async def half_send(port: int, number: int, connected: Callable[[], None]) -> tuple[float, bytes]:
    """Send half a request; every other client goes on byte by byte. When it ended, and how."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(HALVES[number % len(HALVES)])
    connected()

    async def trickle() -> None:
        while number % 2:
            await asyncio.sleep(1)
            writer.write(b"x")

    trickling, answer = asyncio.create_task(trickle()), b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    trickling.cancel()
    writer.close()
    return time.monotonic() - began, answer


async def test_half_sent_requests_stop_nobody_and_do_not_stay(
    site: Installation, http: httpx.AsyncClient
) -> None:
    port = int(site.service.own["serve"]["TINBAO_PORT"])
    connected = asyncio.Semaphore(0)
    halves = [
        asyncio.create_task(half_send(port, number, connected.release))
        for number in range(HALF_SENT)
    ]
    for _ in halves:
        await connected.acquire()

    normal = [await timed(lambda: send(http)) for _ in range(5)]
    ended = await asyncio.gather(*halves)

    for answer, seconds in normal:
        assert answer.status_code == 201
        assert seconds < 2
    longest = max(seconds for seconds, _ in ended)
    slowest = max(seconds for _, seconds in normal)
    print(f"slowest normal request {slowest:.3f} s, last half closed {longest:.1f} s")
    assert longest < 15
    assert all(b" 408 " in answer for _, answer in ended[4::6])


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own for a database."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="tinbao-disk-", dir="/var/tmp"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", "size=192m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("this machine's root may not mount anything")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


async def test_a_full_disk_loses_nothing_that_was_accepted(
    small_disk: Path, tmp_path: Path
) -> None:
    filler = small_disk / "filler"
    with installed(tmp_path, database_home=small_disk / "home") as site:
        url = site.service.base_url
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            answers = [await send(http, LONG)]
            filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - MIB // 4))
            until = time.monotonic() + 60
            while answers[-1].status_code == 201:
                assert time.monotonic() < until
                answers += await asyncio.gather(*(send(http, LONG) for _ in range(8)))
            answers += [await send(http, LONG) for _ in range(5)]
            filler.unlink()
            site.cluster.up()
            recovered_s = await until_it_works(lambda: send(http), 201)
            accepted = [answer.json() for answer in answers if answer.status_code == 201]
            receipts = [
                await http.post("/v1/receipts", json={"code": each["receipt"]["code"]})
                for each in accepted
            ]
        print(f"{len(accepted)} accepted until the disk was full, recovered in {recovered_s:.2f} s")
        assert accepted
        assert len(accepted) < len(answers)
        for answer in answers:
            if answer.status_code != 201:
                assert_not_now(answer)
        opened = [answer.json()["report"]["id"] for answer in receipts]
        assert opened == [each["id"] for each in accepted]
        assert why_not_ready(url) is None
