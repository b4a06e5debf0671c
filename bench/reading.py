"""What measurements of reading share: many reports in a private cluster, and processor time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from api import migrations
from api.db import libpq_url
from api.local.postgis import Cluster
from api.texts import folded

STATIONS, OPEN = 3_321, 40_000
BUSY = "w-busy"
"""A station with 3,000 open cases, and informed of 3,000 others, half of them closed."""

WORDS = (
    "có người tụ tập gây rối trước cổng chợ lúc nửa đêm hai thanh niên đi xe máy màu đen biển số"
    " che kín đánh nhau cãi nhau to tiếng đốt rác karaoke ồn ào trộm cắp bẻ khóa hàng xóm phát hiện"
    " đề nghị công an phường kiểm tra giúp khu phố mất trật tự nhiều lần ngõ hẻm đường cầu sông"
)
RARE = "nghi mua bán ma túy"
"""In one of fifty texts."""

# Foreign keys and keys of the reporter's side are left out: nothing here reads them.
LEAN = """
alter table reports set (autovacuum_enabled = false);
alter table reports drop constraint pk_reports cascade;
alter table reports drop constraint uq_reports_receipt_hash;
do $$ declare each record; begin
    for each in select conname, conrelid::regclass as owner from pg_constraint
        where contype = 'f' and (conrelid = 'reports'::regclass or confrelid = 'reports'::regclass)
    loop execute format('alter table %s drop constraint %I', each.owner, each.conname); end loop;
end $$;
"""

STATION_ROWS = f"""
insert into stations (id, kind, name)
select 'w-' || n, 'ward', 'x' from generate_series(1, {STATIONS}) n
union all select '{BUSY}', 'ward', 'x';
"""  # noqa: S608 - made of constants

# The n-th report is the same in every database: of station n, on a spot of that station's square.
# Every fifth station is in one of five cities, where squares are 1.6 km wide.
REPORTS = """
insert into reports (id, case_id, state, kind, category, text, folded, about_station, language,
    location, accuracy_m, place_source, received_at, urgency, station_id, confidence, routing,
    reporter_kind, body_sha256, receipt_hash, receipt_key_id, receipt_signature,
    acknowledgement_id)
select md5('i' || n)::uuid, md5('c' || n)::uuid,
    case when n > %(open)s then 'resolved' when n %% 5 = 0 then 'acknowledged' else 'received' end,
    'tip', case when n %% 3 = 0 then 'theft' else 'noise' end, t.text, t.folded, false, 'vi',
    ST_SetSRID(ST_MakePoint(
        case when urban then 105.8 + s / 5 %% 5 * 0.5 + s / 25 %% 12 * 0.015 + east * 0.015
             else 103 + s %% 58 * 0.1 + east * 0.1 end,
        case when urban then 10 + s / 5 %% 5 * 2.5 + s / 300 * 0.015 + north * 0.015
             else 9 + s / 58 * 0.22 + north * 0.2 end), 4326),
    25, 'gps', timestamptz '2026-11-22' - n * interval '3 seconds', 1 + abs(hashint4(n)) %% 3,
    case when n > %(busy)s and n <= %(open)s then 'w-busy' else 'w-' || s end, 'certain', '{}',
    'anonymous', '', '', 'k', '', md5('a' || n)::uuid
from generate_series(%(first)s::int, %(last)s::int) n
cross join lateral (
    select 1 + n %% %(stations)s as s, (1 + n %% %(stations)s) %% 5 = 0 as urban,
        abs(hashint4(n)) %% 1000 / 1000.0 as east,
        abs(hashint4(-n)) %% 1000 / 1000.0 as north) as at
join bench_texts t on t.number = abs(hashint4(n / 3)) %% 1000
"""
BUSY_CASES = 3_000
INFORMED = f"""
insert into case_informed (case_id, station_id)
select md5('c' || n)::uuid, '{BUSY}'
from generate_series({OPEN - BUSY_CASES - 1499}, {OPEN - BUSY_CASES}) n
union all
select md5('c' || n)::uuid, '{BUSY}' from generate_series({OPEN + 1}, {OPEN + 1500}) n
"""  # noqa: S608
STEP = 500_000


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A private cluster with a quarter of the machine's memory for itself, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tinbao-bench-"))
    home.chmod(0o755)
    made = Cluster(home, durable=False)
    quarter = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4 // 2**20
    try:
        made.up()
        with psycopg.connect(libpq_url(made.url("postgres")), autocommit=True) as server:
            server.execute(f"alter system set shared_buffers = '{quarter}MB'".encode())
        made.stop()
        made.up()
        yield made
    finally:
        made.remove()
        shutil.rmtree(home, ignore_errors=True)


def filled(cluster: Cluster, name: str, reports: int) -> str:
    """A database of that many reports, always the same open ones; its owner's URL for libpq."""
    with psycopg.connect(libpq_url(cluster.url("postgres")), autocommit=True) as server:
        server.execute(f"create database {name}".encode())
    migrations.upgrade(cluster.url(name))
    url = libpq_url(cluster.url(name))
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(LEAN)
        owner.execute(STATION_ROWS.encode())
        indexes = dropped_indexes(owner)
        keep_texts(owner)
        for first in range(1, reports + 1, STEP):
            given = {"first": first, "last": min(first + STEP - 1, reports), "open": OPEN}
            owner.execute(REPORTS, given | {"busy": OPEN - BUSY_CASES, "stations": STATIONS})
        for index in indexes:
            owner.execute(index.encode())
        owner.execute(INFORMED.encode())
        owner.execute("vacuum (analyze) reports")
        owner.execute("vacuum (analyze) case_informed")
    return url


def dropped_indexes(owner: psycopg.Connection[Any]) -> list[str]:
    """Take the indexes off the reports; the statements that make them again."""
    found = owner.execute(
        "select indexname, indexdef from pg_indexes where tablename = 'reports'"
        " and indexname <> 'uq_reports_case_id'"
    ).fetchall()
    for name, _ in found:
        owner.execute(f"drop index {name}".encode())
    unique = "create unique index uq_reports_case_id on reports (case_id)"
    owner.execute("alter table reports drop constraint uq_reports_case_id")
    return [unique, *(definition for _, definition in found)]


def keep_texts(owner: psycopg.Connection[Any]) -> None:
    """A thousand texts of some 25 words."""
    owner.execute("create table bench_texts (number int primary key, text text, folded text)")
    texts, known = [], WORDS.split()
    for n in range(1000):
        words = [known[(n * 7 + each * (1 + n % 13)) % len(known)] for each in range(25)]
        texts.append(" ".join([*words, RARE] if n % 50 == 0 else words))
    rows = [(n, each, folded(each)) for n, each in enumerate(texts)]
    owner.cursor().executemany("insert into bench_texts values (%s, %s, %s)", rows)


def cpu_us(pid: int) -> float:
    """Processor microseconds a process has used."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000
