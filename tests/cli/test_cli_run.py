"""`asl-runner run` and what looks at its executions: output, exit codes, names, clocks."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import FAIL, PASS, asl_runner, environment, task, write


def test_the_output_alone_is_on_stdout(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    ran = asl_runner(tmp_path, "run", "order.asl.json")
    assert (ran.returncode, ran.stdout) == (0, '{"n":1}\n')
    assert "A  Pass" in ran.stderr
    assert "SUCCEEDED" in ran.stderr


def test_the_first_line_says_where_the_execution_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "deep/order.asl.json", PASS)
    ran = asl_runner(tmp_path / "deep", "run", "order.asl.json", "--name", "one")
    assert ran.stderr.splitlines()[0].endswith("  order  started as one (workspace .asl-runner)")
    file = write(tmp_path, "asl-runner.toml", "workspace = 'kept'\n")
    ran = asl_runner(tmp_path / "deep", "run", "order.asl.json", "--name", "two")
    kept = f"(workspace {tmp_path / 'kept'}, configuration {file})"
    assert ran.stderr.splitlines()[0].endswith(f"  order  started as two {kept}")


def test_quiet_says_nothing_on_stderr(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    ran = asl_runner(tmp_path, "run", "-q", "order.asl.json")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '{"n":1}\n', "")


def test_quiet_still_says_why_it_failed(tmp_path: Path) -> None:
    write(tmp_path, "f.asl.json", FAIL)
    ran = asl_runner(tmp_path, "run", "-q", "f.asl.json")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "FAILED: Order.Lost: gone\n")


def test_json_prints_one_object(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    ran = asl_runner(tmp_path, "run", "order.asl.json", "--json", "--quiet", "--name", "first")
    document = json.loads(ran.stdout)
    assert list(document) == ["executionArn", "name", "status", "startDate", "stopDate", "output"]
    assert document["executionArn"] == "arn:aws:states:us-east-1:123456789012:execution:order:first"
    assert (document["name"], document["status"], document["output"]) == ("first", "SUCCEEDED", '{"n":1}')


def test_json_of_a_failure_has_error_and_cause(tmp_path: Path) -> None:
    write(tmp_path, "f.asl.json", FAIL)
    ran = asl_runner(tmp_path, "run", "f.asl.json", "--json", "-q")
    document = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert (document["status"], document["error"], document["cause"]) == ("FAILED", "Order.Lost", "gone")
    assert "output" not in document


@pytest.mark.parametrize("form", ["argument", "file", "stdin"])
def test_the_input_comes_as_argument_file_or_stdin(tmp_path: Path, form: str) -> None:
    write(tmp_path, "echo.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    text = '{"größe": [1, 2.5, 12345678901234567890]}'
    write(tmp_path, "input.json", text)
    given = {"argument": text, "file": "@input.json", "stdin": "-"}[form]
    ran = asl_runner(tmp_path, "run", "-q", "echo.asl.json", "--input", given, stdin=text)
    assert ran.stdout == '{"größe":[1,2.5,12345678901234567890]}\n'


def test_the_definition_comes_from_stdin_in_json_or_yaml(tmp_path: Path) -> None:
    for text in (json.dumps(PASS), "StartAt: A\nStates:\n  A: {Type: Pass, Result: {n: 1}, End: true}\n"):
        ran = asl_runner(tmp_path, "run", "-q", "-", stdin=text)
        assert (ran.returncode, ran.stdout) == (0, '{"n":1}\n')


def test_both_from_stdin_is_refused(tmp_path: Path) -> None:
    ran = asl_runner(tmp_path, "run", "-", "--input", "-", stdin="{}")
    assert (ran.returncode, ran.stderr) == (2, "Error: Standard input cannot be both the definition and the input.\n")


def test_the_virtual_clock_waits_for_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        "year.asl.json",
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 30_000_000, "End": True}}},
    )
    ran = asl_runner(tmp_path, "run", "year.asl.json", "--clock", "virtual")
    assert ran.returncode == 0
    assert "W  exited after 347 d" in ran.stderr


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    assert asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", "x").returncode == 0
    again = asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", "x")
    assert again.returncode == 2
    assert again.stderr == (
        "Error: Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:order:x'. "
        "Choose another --name, or none for a new one.\n"
    )


def test_executions_are_listed_described_and_told(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    write(tmp_path, "f.asl.json", FAIL)
    asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", "first", "--input", '{"id": 7}')
    asl_runner(tmp_path, "run", "-q", "f.asl.json", "--name", "second")

    listed = asl_runner(tmp_path, "list").stdout.splitlines()
    assert listed[0].split() == ["NAME", "STATE", "MACHINE", "STATUS", "STARTED", "DURATION"]
    assert [line.split()[:3] for line in listed[1:]] == [["second", "f", "FAILED"], ["first", "order", "SUCCEEDED"]]
    failed = json.loads(asl_runner(tmp_path, "list", "--status", "failed", "--json").stdout)
    assert [row["name"] for row in failed["executions"]] == ["second"]

    described = asl_runner(tmp_path, "describe", "fir").stdout
    assert "SUCCEEDED" in described
    assert '"id": 7' in described
    document = json.loads(asl_runner(tmp_path, "describe", "latest", "--json").stdout)
    assert (document["name"], document["error"], document["redriveStatus"]) == ("second", "Order.Lost", "REDRIVABLE")

    table = asl_runner(tmp_path, "history", "first").stdout
    assert [line.split()[2] for line in table.splitlines()[1:3]] == ["ExecutionStarted", "PassStateEntered"]
    events = json.loads(asl_runner(tmp_path, "history", "first", "--json").stdout)["events"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    last = json.loads(asl_runner(tmp_path, "history", "first", "--json", "--reverse", "--limit", "1").stdout)["events"]
    assert last == events[-1:]


def test_a_workspace_elsewhere_and_a_configuration(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    write(tmp_path, "conf/asl-runner.toml", 'region = "eu-west-1"\naccount = "111122223333"\n')
    ran = asl_runner(
        tmp_path, "run", "-q", "order.asl.json", "--json", "--config", "conf/asl-runner.toml", "--workspace", "kept"
    )
    assert json.loads(ran.stdout)["executionArn"].startswith("arn:aws:states:eu-west-1:111122223333:execution:order:")
    assert (tmp_path / "kept" / "workspace.db").exists()
    assert not (tmp_path / "conf" / ".asl-runner").exists()


def test_a_lambda_function_answers_and_logs_beside_the_execution(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/greet.py", "def handler(event, context):\n    print('said')\n    return f'hi {event}'\n")
    write(tmp_path, "greet.asl.json", task("greet"))
    ran = asl_runner(tmp_path, "run", "-q", "greet.asl.json", "--input", '"you"', "--name", "n")
    assert (ran.returncode, ran.stdout) == (0, '"hi you"\n')
    logs = list((tmp_path / ".asl-runner" / "logs" / "n").iterdir())
    assert len(logs) == 1
    assert "said" in logs[0].read_text()


def test_an_empty_workspace_lists_nothing(tmp_path: Path) -> None:
    listed = asl_runner(tmp_path, "list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "No executions in" in listed.stderr
    assert json.loads(asl_runner(tmp_path, "list", "--json").stdout) == {"executions": []}


@pytest.mark.parametrize("setting, coloured", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_has_colours_unless_it_shall_not(tmp_path: Path, setting: dict[str, str], coloured: bool) -> None:
    write(tmp_path, "order.asl.json", PASS)
    write(tmp_path, "bad.asl.json", {"StartAt": "A", "States": {}})
    asl_runner(tmp_path, "run", "-q", "order.asl.json")
    for arguments in ("list", "describe latest", "history latest", "validate bad.asl.json", "run bad.asl.json"):
        main, side = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "asl_runner", *arguments.split()],
            cwd=tmp_path,
            env={**environment(), "TERM": "xterm", **setting},
            stdout=side,
            stderr=side,
            check=False,
        )
        os.close(side)
        assert (b"\x1b[" in os.read(main, 1 << 16)) is coloured, arguments
        os.close(main)


def test_output_in_any_language_goes_anywhere(tmp_path: Path) -> None:
    write(tmp_path, "echo.asl.json", {"StartAt": "Größe", "States": {"Größe": {"Type": "Succeed"}}})
    for arguments in (["run", "echo.asl.json", "--input", '"深"'], ["describe", "latest"], ["history", "latest"]):
        ran = subprocess.run(
            [sys.executable, "-m", "asl_runner", *arguments],
            cwd=tmp_path,
            env={**environment(), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
        assert (ran.returncode, b"defect" in ran.stderr) == (0, False), ran.stderr
        assert "深".encode() in ran.stdout


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        ("--help >&-", 0, ""),
        ("run -q order.asl.json >&-", 0, ""),
        ("list >&-", 0, ""),
        ("run order.asl.json 2>&-", 0, ""),
        ("run order.asl.json 2>/dev/full", 0, ""),
        ("run -q order.asl.json >/dev/full", 1, "Error: The output cannot be written: No space left on device.\n"),
        ("history latest >/dev/full", 1, "Error: The output cannot be written: No space left on device.\n"),
    ],
)
def test_output_that_cannot_go_anywhere(tmp_path: Path, arguments: str, code: int, said: str) -> None:
    write(tmp_path, "order.asl.json", PASS)
    asl_runner(tmp_path, "run", "-q", "order.asl.json")
    ran = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m asl_runner {arguments}'],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (code, said)


def test_tasks_answered_by_a_mock_file(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", task("nowhere", TimeoutSeconds=60))
    write(tmp_path, "mocks.yaml", "T: {return: [1], after: 50}\n")
    ran = asl_runner(tmp_path, "run", "-q", "order.asl.json", "--mock", "mocks.yaml", "--clock", "virtual")
    assert (ran.returncode, ran.stdout) == (0, "[1]\n"), ran.stderr
    cases = {"order": {"TestCases": {"lost": {"T": "gone"}}}}
    responses = {"gone": {"0": {"Throw": {"Error": "Lost", "Cause": "at sea"}}}}
    write(tmp_path, "local.json", {"StateMachines": cases, "MockedResponses": responses})
    ran = asl_runner(tmp_path, "run", "-q", "order.asl.json", "--mock", "local.json", "--case", "lost")
    assert (ran.returncode, ran.stderr) == (1, "FAILED: Lost: at sea\n")
    ran = asl_runner(tmp_path, "run", "order.asl.json", "--mock", "local.json", "--case", "lots")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "no 'lots': did you mean 'lost'?" in ran.stderr
    ran = asl_runner(tmp_path, "run", "order.asl.json", "--case", "lost")
    assert (ran.returncode, ran.stderr) == (
        2,
        "Error: --case names a test case of a mock file; say which with --mock FILE.\n",
    )
    write(tmp_path, "mocks.yaml", "U: never\n")
    ran = asl_runner(tmp_path, "run", "order.asl.json", "--mock", "mocks.yaml")
    assert (ran.returncode, ran.stderr) == (
        2,
        "Error: The mock of 'U' is for no Task of the state machine: there are 'T'.\n",
    )


def test_a_distributed_map_goes_from_files_to_files(tmp_path: Path) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "StringEquals": "2", "Next": "F"}], "Default": "P"},
            "P": {"Type": "Pass", "End": True},
            "F": {"Type": "Fail", "Error": "Two"},
        },
    }
    state = {
        "Type": "Map",
        "Label": "Rows",
        "ToleratedFailureCount": 1,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "data", "Key": "in.csv"},
        },
        "ItemProcessor": processor,
        "ResultWriter": {
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "data", "Prefix": "out"},
        },
        "End": True,
    }
    (tmp_path / "rows.asl.json").write_text(json.dumps({"StartAt": "M", "States": {"M": state}}), encoding="utf-8")
    data = tmp_path / ".asl-runner" / "s3" / "data"
    data.mkdir(parents=True)
    (data / "in.csv").write_text("n\n1\n2\n3\n", encoding="utf-8")
    output = json.loads(asl_runner(tmp_path, "run", "rows.asl.json").stdout)
    manifest = json.loads((data / output["ResultWriterDetails"]["Key"]).read_text(encoding="utf-8"))
    (succeeded,) = manifest["ResultFiles"]["SUCCEEDED"]
    results = json.loads((data / succeeded["Key"]).read_text(encoding="utf-8"))
    assert [json.loads(result["Output"]) for result in results] == [{"n": "1"}, {"n": "3"}]
    described = asl_runner(tmp_path, "describe", "latest").stdout
    assert re.search(r"Map run +rows/Rows  SUCCEEDED  3 items: 1 failed, 2 succeeded\n", described)
    assert len(asl_runner(tmp_path, "list", "--machine", "rows/Rows").stdout.splitlines()) == 4
