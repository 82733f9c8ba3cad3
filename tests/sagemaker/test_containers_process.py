"""Containers as child processes: logs, exit codes, stopping, and that nothing survives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers import isolated
from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree
from asl_runner.sagemaker.containers.inference import NotReady, wait_until_ready
from asl_runner.sagemaker.containers.process import free_port, start


def spec_of(root: Path, program: str, **changes: object) -> ContainerSpec:
    tree = create_tree(root / "ml")
    command = (sys.executable, "-c", textwrap.dedent(program))
    return ContainerSpec(kind="process", tree=tree, command=command, log_path=root / "log", **changes)  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    while is_alive(pid):
        threading.Event().wait(0.005)


def test_log_lines_and_exit_code(tmp_path: Path) -> None:
    lines: list[str] = []
    program = """
        import sys
        print("to stdout")
        sys.stderr.write("to stderr\\n")
        sys.stdout.buffer.write(b"no \\xff text, no end")
        sys.exit(3)
    """
    container = start(spec_of(tmp_path, program), lines.append)
    status = container.wait(30)
    assert status is not None
    assert (status.code, status.signal, status.stopped, status.ok) == (3, None, False, False)
    assert lines == ["to stdout", "to stderr", "no \ufffd text, no end"]
    assert container.log_path.read_bytes() == b"to stdout\nto stderr\nno \xff text, no end"
    assert container.status is status
    assert container.stop() == status


def test_death_by_signal_is_told_as_docker_does(tmp_path: Path) -> None:
    status = start(spec_of(tmp_path, "import os; os.abort()")).wait(30)
    assert status is not None
    assert (status.code, status.signal) == (134, signal.SIGABRT)


def test_environment_is_small_and_has_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    lines: list[str] = []
    program = """
        import os
        print(os.environ.get("AWS_SECRET_ACCESS_KEY"))
        print(os.environ["MINE"], os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"])
        print(os.environ["ASL_RUNNER_OPT_ML"], os.environ["HOME"])
        print(os.getcwd())
    """
    spec = spec_of(tmp_path, program, environment={"MINE": "yes"}, threads=3)
    start(spec, lines.append).wait(30)
    assert lines == ["None", "yes 3 passive", "/opt/ml /opt/ml/tmp", "/opt/ml/code"]


def test_every_container_has_an_opt_ml_of_its_own(tmp_path: Path) -> None:
    program = """
        import os, pathlib, socket
        model = pathlib.Path("/opt/ml/model")
        model.joinpath(os.environ["MINE"]).write_text("made")
        print(os.listdir(model), os.listdir("/opt").count("ml"), socket.gethostbyname("algo-2"))
    """
    lines: dict[str, list[str]] = {"a": [], "b": []}
    hosts = ("algo-1", "algo-2")
    running = [
        start(spec_of(tmp_path / name, program, environment={"MINE": name}, hosts=hosts), said.append)
        for name, said in lines.items()
    ]
    assert all(container.wait(30) for container in running)
    assert lines == {"a": ["['a'] 1 127.0.0.2"], "b": ["['b'] 1 127.0.0.2"]}
    assert (tmp_path / "a/ml/model/a").read_text() == "made"


def test_where_no_namespace_is_allowed_the_program_is_told_where_its_tree_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "problem", lambda: "not today")
    program = "import os, sys; print(sys.argv[1], os.environ['MINE'], os.environ['ASL_RUNNER_OPT_ML'], os.getcwd())"
    spec = spec_of(tmp_path, program, environment={"MINE": "s3://b/opt/ml/x:/opt/ml/y"})
    container = start(replace(spec, command=(*spec.command, "/opt/ml/processing/x.py")))
    container.wait(30)
    word, said = container.log_path.read_text().splitlines()
    root = tmp_path / "ml"
    assert word.startswith(f"asl_runner: this machine gives no program an /opt/ml of its own (not today). It is {root}")
    assert said == f"{root}/processing/x.py s3://b/opt/ml/x:{root}/y {root} {root}/code"


def test_wait_with_timeout_then_stop(tmp_path: Path) -> None:
    ready = threading.Event()
    program = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(0)))
        print("ready")
        time.sleep(60)
    """
    container = start(spec_of(tmp_path, program), lambda line: ready.set())
    assert ready.wait(30)
    assert container.wait(0.01) is None
    status = container.stop(30)
    assert (status.code, status.stopped) == (0, True)
    assert container.log_path.read_text().endswith("bye\n")


def test_what_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    started: list[str] = []
    ready = threading.Event()
    program = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid)
        time.sleep(60)
    """

    def note(line: str) -> None:
        started.append(line)
        ready.set()

    container = start(spec_of(tmp_path, program), note)
    assert ready.wait(30)
    status = container.stop(0.05)
    assert (status.code, status.signal) == (137, signal.SIGKILL)
    wait_until_gone(int(started[0]))


def test_children_left_behind_end_with_the_container(tmp_path: Path) -> None:
    lines: list[str] = []
    program = """
        import subprocess, sys
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
    """
    status = start(spec_of(tmp_path, program), lines.append).wait(30)
    assert status is not None
    assert status.code == 0
    wait_until_gone(int(lines[0]))


def test_everything_dies_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = f"""
        import sys, time
        from pathlib import Path
        from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree
        from asl_runner.sagemaker.containers.process import start
        inner = '''
        import subprocess, sys, time, os
        print(os.getpid(), subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
        time.sleep(60)
        '''
        import textwrap
        root = Path({str(tmp_path)!r})
        command = (sys.executable, "-c", textwrap.dedent(inner))
        spec = ContainerSpec(kind="process", tree=create_tree(root / "ml"), command=command, log_path=root / "log")
        start(spec, lambda line: print(line, flush=True))
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        os.kill(process.pid, signal.SIGKILL)
    for pid in pids:
        wait_until_gone(pid)


def test_a_failing_callback_is_raised_by_wait(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise LookupError(line)

    container = start(spec_of(tmp_path, "print('a'); print('b')"), fail)
    with pytest.raises(LookupError, match="a"):
        container.wait(30)
    assert container.log_path.read_text() == "a\nb\n"


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    tree = create_tree(tmp_path / "ml")
    spec = ContainerSpec(
        kind="train", tree=tree, command=("/no/such/program",), log_path=tmp_path / "log", image="a/b:1"
    )
    with pytest.raises(UsageError, match="container of a/b:1 cannot start: No such file or directory"):
        start(spec)


def test_many_at_once_from_threads(tmp_path: Path) -> None:
    codes: dict[int, int] = {}

    def run(number: int) -> None:
        status = start(spec_of(tmp_path / str(number), f"raise SystemExit({number})")).wait(30)
        assert status is not None
        codes[number] = status.code

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {number: number for number in range(8)}


def test_a_server_that_ends_or_never_answers_is_not_ready(tmp_path: Path) -> None:
    ended = start(spec_of(tmp_path / "a", "raise SystemExit(3)"))
    with pytest.raises(NotReady, match="ended with exit code 3 before it answered /ping"):
        wait_until_ready(ended, free_port(), 60)
    silent = start(spec_of(tmp_path / "b", "import time; time.sleep(60)"))
    with pytest.raises(NotReady, match="did not answer /ping with 200 on port"):
        wait_until_ready(silent, free_port(), 0.01)
    silent.stop(0)


def test_a_full_disk_does_not_block_the_container(tmp_path: Path) -> None:
    spec = replace(spec_of(tmp_path, "print('x' * 100000)"), log_path=Path("/dev/full"))
    container = start(spec)
    with pytest.raises(OSError, match="No space left"):
        container.wait(30)
    assert container.status is not None
    assert container.status.ok
