import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Queue

import dj_database_url
import psutil
import psycopg
import pytest
import redis

from memory_layer import embedded, embedded_servers
from memory_layer.embedded import EmbeddedServerError, database_url, kept, lease, redis_url, stop
from memory_layer.embedded_servers import Postgres, Redis, Server

ROOT = Path(__file__).parents[2]
LEASE_UNTIL_EOF = """
import sys
from pathlib import Path
from memory_layer.embedded import lease
lease(Path(sys.argv[1]), durable=False)
print("leased", flush=True)
sys.stdin.read()
"""
FORK_AND_EXIT_THE_CHILD = """
import os, sys
from pathlib import Path
from memory_layer.embedded import lease
from memory_layer.embedded_servers import Postgres
lease(Path(sys.argv[1]), durable=False)
child = os.fork()
if not child:
    sys.exit()
os.waitpid(child, 0)
print(Postgres(Path(sys.argv[1])).is_running())
"""
# The interpreter may be where only root can read, so rights are dropped after the imports.
LEASE_AS_ORDINARY_USER = """
import os, pwd, sys
from pathlib import Path
import psutil, psycopg, redis
from memory_layer.embedded import lease
from memory_layer.embedded_servers import Postgres, Redis, Server
data_dir = Path(sys.argv[1])
Redis(data_dir).is_running()  # imports the rest
if os.geteuid() == 0:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
with lease(data_dir, durable=False):
    print(os.geteuid() != 0, Postgres(data_dir).is_running(), Redis(data_dir).is_running())
print(Postgres(data_dir).is_running(), Redis(data_dir).is_running())
"""


@pytest.fixture(scope="module")
def shared_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory whose database exists, for tests that leave it usable."""
    data_dir = tmp_path_factory.mktemp("d")
    with lease(data_dir, durable=False):
        yield data_dir
    discard(data_dir)


@pytest.fixture
def data_dir(shared_dir: Path) -> Path:
    """The shared directory with both servers answering."""
    lease(shared_dir, durable=False)
    return shared_dir


@pytest.fixture
def stopped_dir(data_dir: Path) -> Path:
    """The shared directory with no server and no user."""
    lease(data_dir, durable=False).release()
    return data_dir


@pytest.fixture
def new_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory without a database; its servers are stopped at the end."""
    yield tmp_path / "n"
    discard(tmp_path / "n")


def discard(data_dir: Path) -> None:
    stop(data_dir)
    if (socket_root := Postgres(data_dir).socket_root) != data_dir.resolve():
        shutil.rmtree(socket_root, ignore_errors=True)


def run(script: str, data_dir: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(data_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def another_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lease inside the block and releases it by exiting."""
    with run(LEASE_UNTIL_EOF, data_dir) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leased\n"
        yield process
        process.communicate()


def running(data_dir: Path) -> tuple[bool, bool]:
    return Postgres(data_dir).is_running(), Redis(data_dir).is_running()


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def kill_all(pids: dict[int, int]) -> None:
    processes = [psutil.Process(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=30)


def alive(pid: int) -> bool:
    """Whether it runs: a dead one may wait long for a slow init to take notice."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def query(data_dir: Path, statement: str) -> object:
    with psycopg.connect(database_url(data_dir), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def test_the_database_answers_at_its_url(data_dir: Path) -> None:
    assert query(data_dir, "SELECT current_database()") == ("memory_layer",)


def test_redis_answers_at_its_url(data_dir: Path) -> None:
    with redis.Redis.from_url(redis_url(data_dir)) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_django_and_psycopg_read_the_same_database_url(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    parsed, conninfo = dj_database_url.parse(url), psycopg.conninfo.conninfo_to_dict(url)
    assert (
        (parsed["NAME"], parsed["USER"]) == (conninfo["dbname"], conninfo["user"]) == ("memory_layer", "memory_layer")
    )
    assert parsed["OPTIONS"]["host"] == conninfo["host"]
    assert not list(tmp_path.iterdir())


def test_pgvector_can_be_created(data_dir: Path) -> None:
    query(data_dir, "CREATE EXTENSION IF NOT EXISTS vector")
    assert query(data_dir, "SELECT '[3,4]'::vector <-> '[0,0]'") == (5.0,)


def test_words_and_case_follow_unicode(data_dir: Path) -> None:
    statement = "SELECT to_tsvector('simple', 'ÜBER—“Straße”') = to_tsvector('simple', 'über straße')"
    assert query(data_dir, statement) == (True,)


def test_neither_server_listens_on_tcp(data_dir: Path) -> None:
    pids = [*Postgres(data_dir).processes(), *Redis(data_dir).processes()]
    assert len(pids) > 1
    for pid in pids:
        with suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
            assert psutil.Process(pid).net_connections("inet") == []


def test_postgres_does_not_run_as_root(data_dir: Path) -> None:
    assert psutil.Process(postmaster(data_dir)).uids().effective != 0


def test_a_second_lease_of_a_process_is_the_first(data_dir: Path) -> None:
    assert lease(data_dir) is lease(data_dir)


def test_another_process_uses_the_same_servers(data_dir: Path) -> None:
    before = postmaster(data_dir)
    with another_user(data_dir):
        assert postmaster(data_dir) == before
    assert running(data_dir) == (True, True)


def test_the_servers_stay_for_another_user(data_dir: Path) -> None:
    with another_user(data_dir):
        lease(data_dir).release()
        assert running(data_dir) == (True, True)
    assert running(data_dir) == (False, False)


def test_the_last_release_stops_both_cleanly(data_dir: Path) -> None:
    lease(data_dir).release()
    assert running(data_dir) == (False, False)
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    assert not (data_dir / "redis.pid").exists()


def test_stop_does_not_ask_the_users(data_dir: Path) -> None:
    stop(data_dir)
    assert running(data_dir) == (False, False)


def test_a_killed_user_does_not_keep_the_servers_alive(stopped_dir: Path) -> None:
    with another_user(stopped_dir) as process:
        process.kill()
    assert running(stopped_dir) == (True, True)
    lease(stopped_dir).release()
    assert running(stopped_dir) == (False, False)


def test_the_exit_of_a_forked_child_releases_nothing(stopped_dir: Path) -> None:
    with run(FORK_AND_EXIT_THE_CHILD, stopped_dir) as process:
        assert process.communicate()[0] == "True\n"
    assert running(stopped_dir) == (False, False)


def test_a_killed_postgres_recovers_what_was_committed(stopped_dir: Path) -> None:
    lease(stopped_dir, durable=True)
    query(stopped_dir, "CREATE TABLE survivor AS SELECT 42 AS answer")
    kill_all(Postgres(stopped_dir).processes())
    lease(stopped_dir, durable=False)
    assert query(stopped_dir, "SELECT answer FROM survivor") == (42,)


def test_a_killed_redis_is_started_again(data_dir: Path) -> None:
    kill_all(Redis(data_dir).processes())
    assert Redis(data_dir).socket.exists()
    lease(data_dir)
    assert running(data_dir) == (True, True)


@pytest.mark.parametrize("kind", [Postgres, Redis])
def test_a_server_that_is_kept_is_started_again_when_it_is_killed(kind: type[Server], data_dir: Path) -> None:
    server, said = kind(data_dir), Queue[str]()
    with kept(data_dir, postgres=True, redis=True, say=said.put):
        kill_all(server.processes())
        assert said.get(timeout=30) == f"{server.program} does not answer and is started again"
        assert server._wait(server.is_running, seconds=60)


def test_a_server_that_cannot_be_started_is_tried_again(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: Queue[str] = Queue()
    monkeypatch.setattr(Redis, "_program", raising(OSError("no space left on device")))
    with kept(data_dir, postgres=False, redis=True, say=said.put):
        kill_all(Redis(data_dir).processes())
        assert "does not answer" in said.get(timeout=30)
        assert "no space left on device" in said.get(timeout=30)
        monkeypatch.undo()
        assert Redis(data_dir)._wait(Redis(data_dir).is_running, seconds=30)


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_pid_file_that_names_a_stranger_is_ignored(stopped_dir: Path) -> None:
    postgres = Postgres(stopped_dir)
    # PostgreSQL itself only minds a process of its own account.
    with subprocess.Popen(["sleep", "600"], user=postgres.directory.stat().st_uid) as stranger:
        stale = f"{stranger.pid}\n{postgres.directory}\n1700000000\n5432\n{postgres.socket.parent}\n\n\nready\n"
        (postgres.directory / "postmaster.pid").write_text(stale)
        postgres.socket.with_name(".s.PGSQL.5432.lock").write_text(stale)
        try:
            lease(stopped_dir, durable=False)
        finally:
            stranger.kill()
    assert postmaster(stopped_dir) in postgres.processes()


def test_a_stale_redis_socket_is_replaced(stopped_dir: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(Redis(stopped_dir).socket))
    lease(stopped_dir, durable=False)
    assert running(stopped_dir) == (True, True)


def test_a_server_that_does_not_start_says_why(stopped_dir: Path) -> None:
    control = stopped_dir / "postgres" / "global" / "pg_control"
    hidden = control.rename(control.with_name("hidden"))
    with pytest.raises(EmbeddedServerError, match=r"could not (find|open)"):
        lease(stopped_dir)
    hidden.rename(control)
    with (stopped_dir / "users.lock").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_command_line_starts_reports_and_stops(stopped_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embedded.main(["start", str(stopped_dir)])
    assert database_url(stopped_dir) in capsys.readouterr().out
    embedded.main(["stop", str(stopped_dir)])
    assert capsys.readouterr().out == "postgres: not running\nredis-server: not running\n"


def test_the_command_line_runs_programs_of_postgres_as_superuser(
    stopped_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = "SELECT current_user, current_database()"
    with pytest.raises(SystemExit, match="0"):
        embedded.main(["run", str(stopped_dir), "psql", "--tuples-only", "--csv", "--command", asked])
    assert capfd.readouterr().out.strip() == "postgres,memory_layer"
    assert running(stopped_dir) == (False, False)


def test_the_command_line_hands_on_how_a_program_ended(data_dir: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        embedded.main(["run", str(data_dir), "psql", "--dbname=nowhere"])


@pytest.mark.parametrize("program", ["pg_dmup", "../../../bin/psql", "/bin/true"])
def test_the_command_line_runs_nothing_else(data_dir: Path, program: str) -> None:
    with pytest.raises(EmbeddedServerError, match="has no program"):
        embedded.main(["run", str(data_dir), program])


@pytest.mark.parametrize("arguments", [["run"], ["status", "psql"]])
def test_the_command_line_takes_a_program_for_run_alone(
    data_dir: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        embedded.main([arguments[0], str(data_dir), *arguments[1:]])
    assert "takes a program" in capsys.readouterr().err


def test_a_deleted_directory_starts_afresh(new_dir: Path) -> None:
    lease(new_dir, durable=False)
    ghosts = Postgres(new_dir).processes() | Redis(new_dir).processes()
    shutil.rmtree(new_dir)
    lease(new_dir, durable=False)
    assert running(new_dir) == (True, True)
    assert not [pid for pid in ghosts if alive(pid)]


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    long_dir = tmp_path / "with a space, and ünïcode" / ("x" * 100)
    with lease(long_dir, durable=False):
        assert Postgres(long_dir).socket_root.parent == Path("/tmp")
        assert query(long_dir, "SELECT 1") == (1,)
        assert Redis(long_dir).is_running()
    discard(long_dir)


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * 100)
    socket_root = Postgres(data_dir).socket_root
    socket_root.symlink_to(tmp_path)
    with pytest.raises(EmbeddedServerError, match="not a directory of ours"):
        lease(data_dir)
    socket_root.unlink()


def test_two_directories_do_not_clash(data_dir: Path, new_dir: Path) -> None:
    with lease(new_dir, durable=False):
        assert running(new_dir) == (True, True)
        assert postmaster(new_dir) != postmaster(data_dir)
    assert running(data_dir) == (True, True)


def test_two_first_users_at_once_start_one_server(new_dir: Path) -> None:
    with run(LEASE_UNTIL_EOF, new_dir) as other, another_user(new_dir):
        assert other.stdout is not None
        assert other.stdout.readline() == "leased\n"
        processes = Postgres(new_dir).processes()
        assert {parent for parent in processes.values() if parent in processes} == {postmaster(new_dir)}
        other.communicate()


def test_an_unfinished_initialisation_is_done_again(new_dir: Path) -> None:
    (new_dir / "postgres.new" / "base").mkdir(parents=True)
    with lease(new_dir, durable=False):
        assert running(new_dir) == (True, True)


def test_an_ordinary_user_can_run_them() -> None:
    with tempfile.TemporaryDirectory() as directory:
        if os.geteuid() == 0:
            os.chown(directory, pwd.getpwnam("nobody").pw_uid, -1)
        with run(LEASE_AS_ORDINARY_USER, Path(directory) / "data") as process:
            assert process.communicate()[0] == "True True True\nFalse False\n"


@pytest.mark.parametrize(("limit", "share"), [("1073741824\n", 1024), ("max\n", None)])
def test_the_memory_of_a_container_counts(tmp_path: Path, monkeypatch, limit: str, share: int | None) -> None:
    monkeypatch.setattr(embedded_servers, "MEMORY_LIMIT", tmp_path / "memory.max")
    embedded_servers.MEMORY_LIMIT.write_text(limit)
    assert embedded_servers._megabytes() == (share or psutil.virtual_memory().total >> 20)
