"""`asl-runner validate`: exit codes, formats, standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from asl_runner.cli.entry import run_command_line

VALID = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
WARNED = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "$.x", "End": true}}}'
INVALID = '{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"valid.json": VALID, "warned.json": WARNED, "invalid.json": INVALID}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_valid_files_are_one_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["validate", "valid.json", "warned.json"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("OK valid.json (1 state)\n")
    assert out.endswith("OK warned.json (1 state, 1 warning)\n")


def test_errors_give_exit_code_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["validate", "valid.json", "invalid.json"]) == 3

    out = capsys.readouterr().out
    assert "invalid.json:1:13: error ASL301: Missing 'Next' target: B" in out
    assert "OK valid.json" in out


def test_strict_lets_warnings_fail(folder: Path) -> None:
    assert run_command_line(["validate", "--strict", "warned.json"]) == 3


@pytest.mark.parametrize("format", ["json", "github", "sarif"])
def test_machine_formats_are_alone_on_stdout(folder: Path, capsys: pytest.CaptureFixture[str], format: str) -> None:
    assert run_command_line(["validate", "--format", format, "valid.json", "invalid.json"]) == 3

    captured = capsys.readouterr()
    assert captured.err == ""
    if format != "github":
        json.loads(captured.out)
    else:
        assert captured.out.startswith("::error file=invalid.json,line=1,col=13,")


def test_standard_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "asl_runner", "validate", "-"],
        input=INVALID,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert done.stdout.startswith("<stdin>:1:13: error ASL301")


@pytest.mark.parametrize("arguments", [["missing.json"], ["."], [], ["--format", "xml", "valid.json"]])
def test_usage_errors_give_exit_code_2(folder: Path, arguments: list[str]) -> None:
    assert run_command_line(["validate", *arguments]) == 2


def test_reading_json_definitions_imports_nothing_heavy() -> None:
    heavy = ("yaml", "jsonschema", "jsonpath_ng", "jsonata2py", "boto3", "asyncio")
    code = (
        "import sys\n"
        "from asl_runner.definition import check\n"
        f"machine, found = check({VALID!r})\n"
        "assert machine is not None and not found\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
