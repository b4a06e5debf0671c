"""The private database of a home folder, with real servers that are really killed."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, pool, text
from sqlalchemy.exc import DBAPIError

from api.local import machine
from api.local.postgis import Cluster

SCRIPT = Path(__file__).resolve().parents[2] / "api" / "local" / "postgis.py"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("home") / "a home", durable=False)
    try:
        made.up()
        execute(made.url(), "CREATE TABLE kept AS SELECT 42 AS answer")
        yield made
    finally:
        made.remove()


def execute(url: str, *statements: str) -> list[object]:
    """Run statements in one transaction; the first column of the last one's rows."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            result = connection.execute(text(statement))
        return [row[0] for row in result] if result.returns_rows else []


def folder(cluster: Cluster) -> Path:
    return Path(str(execute(cluster.url(), "SHOW data_directory")[0]))


def main_process(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


def wait_for_end(pid: int) -> None:
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text():
        time.sleep(0.01)


def test_the_file_in_the_home_folder_opens_the_database_and_is_for_its_owner_only(
    cluster: Cluster,
) -> None:
    file = cluster.home / "database.json"

    urls = json.loads(file.read_text())

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert execute(urls["owner_url"], "SELECT PostGIS_Lib_Version()")
    assert execute(urls["service_url"], "SELECT current_user") == ["tinbao_service"]


def test_the_server_listens_on_loopback_only_and_asks_for_the_password(cluster: Cluster) -> None:
    wrong = make_url(cluster.url()).set(password="wrong").render_as_string(hide_password=False)

    assert execute(cluster.url(), "SHOW listen_addresses") == ["127.0.0.1"]
    assert execute(cluster.url(), "SHOW unix_socket_directories") == [""]
    assert execute(cluster.url(), "SHOW data_checksums") == ["on"]
    with pytest.raises(DBAPIError, match="password authentication failed"):
        execute(wrong, "SELECT 1")


def test_the_services_login_has_a_role_only_when_it_takes_it(cluster: Cluster) -> None:
    execute(
        cluster.url(),
        "CREATE ROLE tinbao_api NOLOGIN",
        "CREATE TABLE secrets (word text)",
        "GRANT SELECT ON secrets TO tinbao_api",
    )

    cluster.grant_service()
    cluster.grant_service()

    with pytest.raises(DBAPIError, match="permission denied for table secrets"):
        execute(cluster.service_url(), "SELECT * FROM secrets")
    assert execute(cluster.service_url(), "SET ROLE tinbao_api", "SELECT * FROM secrets") == []


def test_starting_what_runs_changes_nothing(cluster: Cluster) -> None:
    pid = main_process(folder(cluster))

    url = cluster.up()

    assert url == cluster.url()
    assert main_process(folder(cluster)) == pid


def test_a_stopped_server_starts_again_with_its_data(cluster: Cluster) -> None:
    cluster.stop()
    assert not cluster.running()

    cluster.up()

    assert cluster.running()
    assert execute(cluster.url(), "SELECT answer FROM kept") == [42]


def test_a_killed_main_process_loses_nothing(cluster: Cluster) -> None:
    execute(cluster.url(), "DROP TABLE IF EXISTS late", "CREATE TABLE late AS SELECT 7 AS answer")
    pid = main_process(folder(cluster))
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)

    cluster.up()

    assert execute(cluster.url(), "SELECT answer FROM late") == [7]


def test_a_main_process_killed_under_a_busy_child_loses_nothing(cluster: Cluster) -> None:
    data = folder(cluster)
    pid = main_process(data)
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(
            execute, cluster.url(), "SELECT count(*) FROM generate_series(1, 10 ^ 10)"
        )
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)

        cluster.up()

        assert isinstance(busy.exception(), DBAPIError)
    assert execute(cluster.url(), "SELECT answer FROM kept") == [42]


def test_a_server_killed_with_all_its_children_loses_nothing(cluster: Cluster) -> None:
    for pid in machine.working_in(folder(cluster)):
        os.kill(pid, signal.SIGKILL)

    cluster.up()

    assert execute(cluster.url(), "SELECT answer FROM kept") == [42]


def test_a_process_file_that_names_a_stranger_does_not_prevent_a_start(cluster: Cluster) -> None:
    data = folder(cluster)
    cluster.stop()
    owner = data.stat()
    with subprocess.Popen(
        ["sleep", "60"], user=owner.st_uid if machine.IS_ROOT else None
    ) as stranger:
        try:
            (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n1\n1\n\n127.0.0.1\n")
            os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)

            cluster.up()

            assert stranger.poll() is None
        finally:
            stranger.kill()
    assert execute(cluster.url(), "SELECT answer FROM kept") == [42]


def test_a_port_taken_by_another_program_makes_the_server_move(cluster: Cluster) -> None:
    before = cluster.url()
    cluster.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", make_url(before).port or 0))
        other.listen()

        after = cluster.up()

    assert after != before
    assert json.loads((cluster.home / "database.json").read_text())["owner_url"] == after
    assert execute(after, "SELECT answer FROM kept") == [42]


def test_several_starts_at_once_end_in_one_server(cluster: Cluster) -> None:
    cluster.stop()
    start = [sys.executable, str(SCRIPT), "up", "--home", str(cluster.home)]
    starts = [subprocess.Popen(start, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    answers = {start.communicate()[0].strip() for start in starts}

    assert answers == {cluster.url()}
    assert [start.returncode for start in starts] == [0, 0, 0, 0]


def test_what_a_failing_statement_was_about_stays_out_of_the_servers_log(cluster: Cluster) -> None:
    for statement in ("SELECT 'canary-one'::int", "SELEC 'canary-two'"):
        with pytest.raises(DBAPIError):
            execute(cluster.url(), statement)
    execute(cluster.url(), "DO $$ BEGIN RAISE WARNING 'canary-three'; END $$")

    log = (folder(cluster).parent / "log").read_text()

    assert "database system is ready" in log
    assert "canary" not in log


def test_an_interrupted_first_start_is_made_good_by_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, SCRIPT, "up", "--home", home], start_new_session=True
    ) as start:
        while not (home / "postgres" / "state.json").exists():
            time.sleep(0.01)
        time.sleep(0.3)
        os.killpg(start.pid, signal.SIGKILL)
    cluster = Cluster(home)

    try:
        assert execute(cluster.up(), "SELECT 1") == [1]
    finally:
        cluster.remove()


def test_it_runs_as_a_plain_script_without_any_package(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(SCRIPT), "status", "--home", str(tmp_path)]

    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)

    assert (result.stdout, result.returncode) == ("stopped\n", 3)
