"""A whole installation of one's own: PostgreSQL, APIs, workers, a town, and a stand-in for FCM."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine

from api import migrations
from api.local.postgis import Cluster
from api.secrets import Keys, create_keys, load_keys
from tests.service import Service, running
from tests.stand_ins.running import Fcm, fcm_running
from tests.town import load_town


@dataclass
class Installation:
    """Everything that is up. Its API and worker have the rights of a service, no more."""

    cluster: Cluster
    engine: Engine
    """The owner's."""
    keys: Keys
    fcm: Fcm
    service: Service


@contextmanager
def installed(
    home: Path,
    *,
    database_home: Path | None = None,
    durable: bool = True,
    apis: int = 1,
    workers: int = 1,
    fcm_mode: str = "by-token",
    **extra: str,
) -> Iterator[Installation]:
    """Build it in a folder, with more environment if wanted, and remove it afterwards."""
    with ExitStack() as stack:
        cluster = Cluster(database_home or home / "database", durable=durable)
        stack.callback(cluster.remove)
        cluster.up()
        migrations.upgrade(cluster.url())
        cluster.grant_service()
        engine = create_engine(cluster.url(), pool_pre_ping=True)
        stack.callback(engine.dispose)
        load_town(engine, home / "keys")
        create_keys(home / "keys")
        seed = home / "fcm.json"
        seed.write_text(json.dumps({"mode": fcm_mode}))
        fcm = stack.enter_context(fcm_running(home, "--seed-file", str(seed)))
        environment = {
            "TINBAO_SERVICE_DATABASE_URL": cluster.service_url(),
            "TINBAO_PUSH__ENDPOINT": fcm.url,
            "TINBAO_PUSH__CREDENTIALS_FILE": str(fcm.credentials_file),
            **extra,
        }
        started = running(home, cluster.url(), environment, apis=apis, workers=workers)
        service = stack.enter_context(started)
        yield Installation(cluster, engine, load_keys(home / "keys"), fcm, service)
