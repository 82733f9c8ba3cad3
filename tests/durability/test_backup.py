"""`asl-runner backup`: a copy that is whole, taken while somebody writes."""

from __future__ import annotations

import signal
from pathlib import Path

from machines import COUNTS, answer, asl_runner, start, write

from asl_runner.history.store import Store


def test_a_copy_taken_while_an_execution_runs(tmp_path: Path) -> None:
    write(tmp_path, "count", COUNTS)
    (tmp_path / "asl-runner.toml").write_text('[limits]\nhistory_events = "none"\n', encoding="utf-8")
    asl_runner(tmp_path, "run", "count.asl.json", "--name", "before", "--input", '{"n": 0, "to": 3}')
    endless = ("run", "count.asl.json", "--name", "endless", "--input", '{"n": 0, "to": 100000000}', "--quiet")
    database = tmp_path / ".asl-runner" / "workspace.db"
    with start(tmp_path, *endless) as running:
        while len(_names(database)) < 2:
            assert running.poll() is None
        copies = [tmp_path / f"copy-{number}" / "workspace.db" for number in range(3)]
        for copy in copies:
            copy.parent.mkdir()
            done = asl_runner(tmp_path, "backup", str(copy))
            assert done.returncode == 0, done.stderr
            assert str(copy) in done.stdout
        running.send_signal(signal.SIGKILL)
        running.communicate()
    counts = []
    for copy in copies:
        assert [path.name for path in copy.parent.iterdir()] == ["workspace.db"]
        with Store.open(copy, read_only=True) as store:
            assert store.execution(store.find("before").arn).status == "SUCCEEDED"
            record = store.find("endless")
            assert store.is_orphaned(record)
            assert [event.id for event in store.events(record.arn)] == list(range(1, record.event_count + 1))
            counts.append(record.event_count)
    assert counts == sorted(counts)
    assert answer(tmp_path, "list", "--json", "--workspace", str(copies[0].parent))["executions"]
    assert asl_runner(tmp_path, "stop", "endless", "--workspace", str(copies[0].parent)).returncode == 0


def test_what_it_refuses(tmp_path: Path) -> None:
    nothing = asl_runner(tmp_path, "backup", "copy.db")
    assert nothing.returncode == 2
    assert "no workspace database" in nothing.stderr
    write(tmp_path, "count", COUNTS)
    asl_runner(tmp_path, "run", "count.asl.json", "--input", '{"n": 0, "to": 3}')
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    there = asl_runner(tmp_path, "backup", "there")
    assert (there.returncode, (tmp_path / "there").read_text(encoding="utf-8")) == (2, "mine")
    assert "is there already" in there.stderr
    assert "There is no directory" in asl_runner(tmp_path, "backup", "nowhere/copy.db").stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".asl-runner", "count.asl.json", "there"]


def _names(database: Path) -> list[str]:
    with Store.open(database, read_only=True) as store:
        return store.names()
