"""Several processes in one workspace: names stay unique, a stop reaches across, a kill hurts nobody else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from machines import COUNTS, WAITS, answer, asl_runner, environment, start, write

from asl_runner.history.store import Store

NAMES = 25

STARTS_ALL = """
import asyncio, json, sys
from pathlib import Path
from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.records import ExecutionExists
from asl_runner.workspace import Workspace

async def main(root):
    async with Workspace(Configuration(root=root, workspace=root / ".asl-runner")) as workspace:
        machine = load((root / "count.asl.json").read_text())
        mine = []
        sys.stdin.read()
        for number in range(int(sys.argv[2])):
            try:
                running = await workspace.start(machine, {"n": 0, "to": 3}, machine_name="m", name=f"n-{number}")
            except ExecutionExists:
                continue
            assert (await running.result()).output == b"3"
            mine.append(number)
        print(json.dumps(mine))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_name_belongs_to_one(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    command = [sys.executable, "-c", STARTS_ALL, str(tmp_path), str(NAMES)]
    racing = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(3)
    ]
    for process in racing:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    taken = [json.loads(process.communicate()[0]) for process in racing]
    assert sorted(number for mine in taken for number in mine) == list(range(NAMES))
    with Store.open(tmp_path / ".asl-runner" / "workspace.db", read_only=True) as store:
        records = store.executions()
        assert sorted(record.name for record in records) == sorted(f"n-{number}" for number in range(NAMES))
        for record in records:
            assert record.status == "SUCCEEDED"
            assert [event.id for event in store.events(record.arn)] == list(range(1, record.event_count + 1))


def test_a_stop_from_another_process(tmp_path: Path) -> None:
    write(tmp_path, "w", WAITS)
    with start(tmp_path, "run", "w.asl.json", "--name", "w", "--input", '{"seconds": 600}') as running:
        assert running.stderr is not None
        while "W" not in running.stderr.readline():
            pass
        assert asl_runner(tmp_path, "stop", "w", "--error", "Enough", "--cause", "of it").returncode == 0
        running.communicate()
    assert running.returncode == 1
    described = answer(tmp_path, "describe", "w", "--json")
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "of it")


def test_one_is_killed_while_the_other_writes(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    (tmp_path / "asl-runner.toml").write_text('[limits]\nhistory_events = "none"\n', encoding="utf-8")
    command = ("run", "count.asl.json", "--quiet", "--input")
    with (
        start(tmp_path, *command, '{"n": 0, "to": 100000000}', "--name", "endless") as endless,
        start(tmp_path, *command, '{"n": 0, "to": 10000}', "--name", "other") as other,
    ):
        database = tmp_path / ".asl-runner" / "workspace.db"
        try:
            while not _has_events(database, "endless", 2000):
                assert endless.poll() is None
        finally:
            endless.send_signal(signal.SIGKILL)
        assert other.communicate()[0].strip() == "10000"
    assert other.returncode == 0
    with Store.open(database, read_only=True) as store:
        killed, whole = store.find("endless"), store.find("other")
        assert store.is_orphaned(killed)
        assert whole.status == "SUCCEEDED"
        for record in (killed, whole):
            assert [event.id for event in store.events(record.arn)] == list(range(1, record.event_count + 1))
    assert asl_runner(tmp_path, "stop", "endless").stdout.strip() == "endless ABORTED"


def _has_events(database: Path, name: str, count: int) -> bool:
    """Whether as many events of an execution are kept; not, where there is nothing yet."""
    from asl_runner.errors import NotFound

    try:
        with Store.open(database, read_only=True) as store:
            return store.find(name).event_count >= count
    except NotFound:
        return False
