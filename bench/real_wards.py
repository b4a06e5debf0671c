"""An installation of its own with real wards in force."""

import datetime as dt
import gzip
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from api import migrations
from api.local.postgis import Cluster
from api.reports.sealing import create_sealing_keys
from api.secrets import create_keys
from geo import editions
from geo.load import import_edition

WARDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "wards-2025.fgb.gz"


@contextmanager
def installation(wards: Path) -> Iterator[tuple[Path, str]]:
    """A private cluster with these wards in force (a FlatGeobuf file, gzipped or not), and keys.

    Its home and the owner's URL.
    """
    home = Path(tempfile.mkdtemp(prefix="tinbao-bench-"))
    home.chmod(0o755)
    cluster = Cluster(home)
    try:
        url = cluster.up()
        migrations.upgrade(url)
        cluster.grant_service()
        create_keys(home / "keys")
        file = home / "wards.fgb"
        contents = wards.read_bytes()
        file.write_bytes(gzip.decompress(contents) if wards.suffix == ".gz" else contents)
        engine = create_engine(url)
        report = import_edition(engine, file, effective_from=dt.date(2025, 7, 1))
        assert report.edition_id is not None
        with engine.begin() as connection:
            editions.activate(connection, report.edition_id, dt.datetime.now(dt.UTC))
        create_sealing_keys(engine, home / "keys" / "unsealer")
        engine.dispose()
        yield home, url
    finally:
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)
