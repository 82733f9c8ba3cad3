"""What a command imports: looking something up, or a machine without tasks, must not pay for what it does not use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import asl_runner, environment, write

from asl_runner import __version__
from asl_runner.cli.overview import COMMANDS

HEAVY = {
    *("boto3", "botocore", "moto", "starlette", "rich", "yaml", "jsonschema", "jsonpath_ng", "jsonata"),
    *("xgboost", "pandas", "numpy", "optuna"),
}
AVOIDABLE = {"_ssl", "_hashlib", "http", "email", "json", "difflib", "shutil", "tempfile", "multiprocessing"}
"""What the standard library has that costs a millisecond or more; OpenSSL alone, in `_ssl` and `_hashlib`, ten."""

CALL = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:hello"}
WITHOUT_TASKS = {
    "StartAt": "Set",
    "States": {
        "Set": {"Type": "Pass", "Parameters": {"n.$": "States.ArrayRange(1, 3, 1)"}, "Next": "Every"},
        "Every": {
            "Type": "Map",
            "ItemsPath": "$.n",
            "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": True}}},
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "Left", "States": {"Left": {"Type": "Wait", "Seconds": 0, "End": True}}}],
            "Next": "Which",
        },
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$[0][2]", "NumericEquals": 3, "Next": "Done"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


def imported(directory: Path, *arguments: str) -> set[str]:
    """Top-level modules a command imports, as Python itself reports them."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "asl_runner", *arguments],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}


def test_help_and_version_import_next_to_nothing(tmp_path: Path) -> None:
    for option in ("--help", "-h", "--version"):
        assert not imported(tmp_path, option) & {*HEAVY, "asyncio", "click", "msgspec", "sqlite3", "typing", "re"}


def test_a_run_without_tasks_imports_only_what_it_needs(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", WITHOUT_TASKS)
    assert not imported(tmp_path, "run", "order.asl.json") & (HEAVY | AVOIDABLE)


TALK = """
import sys
from asl_runner.cli.event_loop import load_asyncio

tls = sys.argv[1] == "tls"
asyncio = load_asyncio(tls=tls)
assert ("_ssl" in sys.modules) is tls

async def talk():
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "from asyncio.sslproto import ssl; ssl.SSLError")
    assert await child.wait() == 0
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address)
    assert await reader.read() == b""
    writer.close()
    try:
        await asyncio.open_connection(*address, ssl=True)
    except (RuntimeError, OSError) as refused:
        print(type(refused).__name__)

asyncio.run(talk())
import ssl
assert ssl.create_default_context()
"""


@pytest.mark.parametrize("tls", ["tls", "none"])
def test_an_event_loop_without_tls_lacks_nothing_else(tls: str) -> None:
    ran = subprocess.run([sys.executable, "-c", TALK, tls], capture_output=True, text=True, check=True)
    # With TLS it is the server that does not answer as it should.
    assert (ran.stdout == "RuntimeError\n") is (tls == "none")


def test_a_run_with_tasks_has_tls(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/hello.py", "def handler(event, context):\n    return event\n")
    write(tmp_path, "call.asl.json", {"StartAt": "Call", "States": {"Call": {**CALL, "End": True}}})
    assert "_ssl" in imported(tmp_path, "run", "call.asl.json")


def test_reading_the_workspace_needs_no_event_loop_to_start(tmp_path: Path) -> None:
    assert not imported(tmp_path, "run", "--help") & {*HEAVY, "asyncio", "sqlite3"}


def test_the_overview_names_every_command(tmp_path: Path) -> None:
    overview = asl_runner(tmp_path, "--help").stdout
    for name, line in COMMANDS.items():
        assert f"{name} " in overview
        assert line in overview
    assert asl_runner(tmp_path, "--version").stdout == f"asl-runner {__version__}\n"
    nothing = asl_runner(tmp_path)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (2, "", overview)


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself_with_an_example(tmp_path: Path, command: str) -> None:
    told = asl_runner(tmp_path, command, "--help")
    assert told.returncode == 0
    assert "Examples:" in told.stdout
    assert f"asl-runner {command}" in told.stdout


def test_a_defect_is_reported_as_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken" / "asl_runner_defect.py"
    broken.parent.mkdir()
    broken.write_text(
        "import asl_runner.cli.list as module\n"
        "def open_workspace(*_):\n    raise ZeroDivisionError('counted wrong')\n"
        "module.open_workspace = open_workspace\n"
        "from asl_runner.cli.entry import run_command_line\n"
        "raise SystemExit(run_command_line(['list']))\n"
    )
    ran = subprocess.run(
        [sys.executable, str(broken)], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 70
    assert "this is a defect in asl_runner" in ran.stderr
    assert "ZeroDivisionError: counted wrong" in ran.stderr
    assert "Traceback" not in ran.stderr
    reports = list((tmp_path / ".asl-runner").glob("defect-*.txt"))
    assert len(reports) == 1
    assert "Traceback" in reports[0].read_text()
