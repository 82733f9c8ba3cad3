"""What a person gets wrong, and what a machine runs out of: one message, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import PASS, asl_runner, environment, task, write

TEN_FAULTS: dict[str, Any] = {
    "StartAt": "Nowhere",
    "TimeoutSeconds": "soon",
    "States": {
        "A": {"Type": "Pass", "Next": "Missing"},
        "B": {"Type": "Choise"},
        "C": {"Type": "Task", "End": True},
        "D": {"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "End": True},
        "E": {"Type": "Choice", "Choices": []},
        "F": {"Type": "Map", "End": True},
        "G": {"Type": "Pass", "InputPath": "$.[", "End": True},
        "H": {"Type": "Pass", "Parameters": {"x.$": "States.Nope($)"}, "Next": "A", "End": True},
    },
}


def refused(ran: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert ran.returncode == code, ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.json", '{"StartAt": "A",', ["a.json:1:"]),
        ("a.yaml", "StartAt: A\nStates: [", ["a.yaml:2:"]),
        ("a.json", "", ["a.json"]),
        ("a.json", "[]", ["a.json", "JSON object"]),
    ],
)
def test_a_malformed_definition_is_placed(tmp_path: Path, name: str, text: str, words: list[str]) -> None:
    write(tmp_path, name, text)
    refused(asl_runner(tmp_path, "run", name), 3, *words)
    assert not (tmp_path / ".asl-runner").exists()


def test_ten_faults_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "ten.asl.json", json.dumps(TEN_FAULTS, indent=1))
    ran = asl_runner(tmp_path, "run", "ten.asl.json")
    refused(ran, 3, 'did you mean "Choice"?')
    assert ran.stderr.count("error ASL") >= 10


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["absent.asl.json"], ["There is no file absent.asl.json."]),
        (["oder.asl.json"], ["Did you mean order.asl.json?"]),
        (["."], ["is a directory"]),
        (["order.asl.json", "--input", '{"id"'], ["not JSON", "line 1, column 6", "--input @file.json"]),
        (["order.asl.json", "--input", ""], ["not JSON", "empty"]),
        (["order.asl.json", "--input", "NaN"], ["not JSON", "NaN"]),
        ([""], ["The definition file has no name"]),
        (["/proc/self/mem"], ["/proc/self/mem cannot be read: "]),
        (["order.asl.json", "--input", "@absent.json"], ["There is no input file absent.json."]),
        (["order.asl.json", "--input", "@order.asl.jsn"], ["There is no input file order.asl.jsn. Did you mean order"]),
        (["order.asl.json", "--input", "@"], ["--input @ names no file", "--input @file.json"]),
        (["order.asl.json", "--input", "@."], ["The input file . cannot be read: Is a directory."]),
        (["order.asl.json", "--input", "order.asl.json"], ["write --input @order.asl.json"]),
        (["order.asl.json", "--input", "[" * 60_000], ["not JSON"]),
        (["order.asl.json", "--name", "a b"], ["'a b' holds ' '"]),
        (["order.asl.json", "--name", "x" * 81], ["81 characters", "1 to 80"]),
        (["order.asl.json", "--config", "absent.toml"], ["absent.toml", "cannot be read"]),
        (["order.asl.json", "--nmae", "x"], ["No such option", "--name"]),
        (["order.asl.json", "--clock", "slow"], ["'slow'", "'virtual'"]),
    ],
    ids=lambda value: None if isinstance(value, list) and len(" ".join(value)) > 99 else str(value)[:60],
)
def test_wrong_arguments_say_what_is_right(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    write(tmp_path, "order.asl.json", PASS)
    refused(asl_runner(tmp_path, "run", *arguments), 2, *words)


def test_a_closed_standard_input_is_said(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    for arguments in ("run -", "run order.asl.json --input -"):
        ran = subprocess.run(
            ["sh", "-c", f'exec "{sys.executable}" -m asl_runner {arguments} <&-'],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        refused(ran, 2, "Standard input is closed")


def test_a_current_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'mkdir gone && cd gone && rmdir ../gone && exec "{sys.executable}" -m asl_runner list'],
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    refused(ran, 2, "The current directory is gone")


def test_what_would_steer_a_terminal_is_not_printed(tmp_path: Path) -> None:
    name, text = "A\x1b[31m", "red \x1b[31m\x07 alert"
    machine = {"StartAt": name, "States": {name: {"Type": "Fail", "Error": text, "Cause": text}}}
    write(tmp_path, "m.asl.json", machine)
    said = [
        asl_runner(tmp_path, "run", "m.asl.json"),
        asl_runner(tmp_path, "run", "m.asl.json", "-q"),
        asl_runner(tmp_path, "describe", "latest"),
        asl_runner(tmp_path, "history", "latest"),
    ]
    for ran in said:
        assert not set("\x1b\x07") & set(ran.stdout + ran.stderr), ran.args
    assert "\ufffd" in said[0].stderr


def test_an_unknown_command_names_a_near_one(tmp_path: Path) -> None:
    refused(asl_runner(tmp_path, "rnu"), 2, "Did you mean 'run'?")


def test_an_input_over_the_limit_is_refused_as_on_aws(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    write(tmp_path, "edge.json", json.dumps("é" * 131_071))
    write(tmp_path, "over.json", json.dumps("é" * 131_071 + "e"))
    assert asl_runner(tmp_path, "run", "-q", "order.asl.json", "--input", "@edge.json").returncode == 0
    ran = asl_runner(tmp_path, "run", "order.asl.json", "--input", "@over.json")
    refused(ran, 2, "262,145 bytes", "at most 262,144")


def test_an_unknown_function_gets_its_configuration_spelled_out(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/send_invoice.py", "def handler(event, context):\n    return 1\n")
    write(tmp_path, "pay.asl.json", task("send-invoices"))
    refused(
        asl_runner(tmp_path, "run", "pay.asl.json"),
        2,
        "State 'T' cannot run here",
        '[functions]\n"send-invoices" = "lambdas/send_invoice.py"',
    )
    assert not (tmp_path / ".asl-runner" / "workspace.db").exists()
    write(tmp_path, "asl-runner.toml", '[functions]\n"send-invoices" = "lambdas/send_invoice.py"\n')
    assert asl_runner(tmp_path, "run", "-q", "pay.asl.json").stdout == "1\n"


def test_resources_of_other_services_are_refused_before_the_start(tmp_path: Path) -> None:
    machine = task("x")
    machine["States"]["T"]["Resource"] = "arn:aws:states:::xray:getTraceSummaries"
    write(tmp_path, "m.asl.json", machine)
    refused(asl_runner(tmp_path, "run", "m.asl.json"), 2, "xray:getTraceSummaries is not available", "sagemaker")
    machine["States"]["T"]["Resource"] = "arn:aws:states:::sagemaker:createLabelingJob"
    write(tmp_path, "m.asl.json", machine)
    refused(asl_runner(tmp_path, "run", "m.asl.json"), 2, "createLabelingJob is not available", "createTrainingJob")


def test_placeholders_of_a_template_are_refused(tmp_path: Path) -> None:
    machine = task("x")
    machine["States"]["T"]["Resource"] = "${SendFunctionArn}"
    write(tmp_path, "m.asl.json", machine)
    refused(asl_runner(tmp_path, "run", "m.asl.json"), 2, "${SendFunctionArn}")


@pytest.mark.parametrize(
    "body, error, cause",
    [
        ("raise KeyError('id')", "KeyError", "'id'"),
        ("import os; os._exit(3)", "Runtime.ExitError", "exit status 3"),
        ("import time; time.sleep(600)", "Sandbox.Timedout", "timed out after 1.00 seconds"),
        ("return {1, 2}", "Runtime.MarshalError", "not JSON serializable"),
        ("return 'x' * 300_000", "States.DataLimitExceeded", "maximum number of bytes"),
    ],
    ids=["raises", "exits", "hangs", "not-json", "too-much"],
)
def test_a_function_that_misbehaves_fails_the_execution(tmp_path: Path, body: str, error: str, cause: str) -> None:
    write(tmp_path, "bad.py", f"def handler(event, context):\n    {body}\n")
    write(tmp_path, "asl-runner.toml", '[functions]\nbad = { path = "bad.py", timeout = 1 }\n')
    write(tmp_path, "m.asl.json", task("bad"))
    ran = asl_runner(tmp_path, "run", "--name", "one", "--json", "m.asl.json")
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["status"], document["error"]) == (1, "FAILED", error)
    assert cause in document["cause"]
    logs = Path(".asl-runner", "logs", "one")
    assert ran.stderr.splitlines()[-1] == f"What its functions printed is in {logs}"
    assert list((tmp_path / logs).iterdir())


@pytest.mark.parametrize("command", ["describe", "history", "stop"])
def test_an_unknown_execution_gets_close_names(tmp_path: Path, command: str) -> None:
    nothing = f"No executions in {tmp_path / '.asl-runner'}"
    refused(asl_runner(tmp_path, command, "latest"), 2, nothing, "`asl-runner run` starts one there.")
    assert nothing in asl_runner(tmp_path, "list").stderr
    write(tmp_path, "order.asl.json", PASS)
    asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", "order-2026")
    asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", "order-2027")
    refused(asl_runner(tmp_path, command, "ordr-2026"), 2, "Did you mean order-2026")
    refused(asl_runner(tmp_path, command, "order-"), 2, "order-2026", "order-2027", "more of the name")


def test_an_ended_execution_cannot_be_stopped(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    asl_runner(tmp_path, "run", "-q", "order.asl.json")
    refused(asl_runner(tmp_path, "stop", "latest"), 2, "is not running", "SUCCEEDED")


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[Path]:
    """A file system in memory; skips where it cannot be mounted."""
    directory.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def test_a_read_only_directory_is_named(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    if os.geteuid() == 0:
        with mounted(tmp_path / "kept", "ro") as kept:
            ran = asl_runner(tmp_path, "run", "-q", "order.asl.json", "--workspace", str(kept / "w"))
    else:
        kept = tmp_path / "kept"
        kept.mkdir(mode=0o555)
        ran = asl_runner(tmp_path, "run", "-q", "order.asl.json", "--workspace", str(kept / "w"))
    refused(ran, 1, str(kept / "w"))


def test_a_read_only_workspace_can_be_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "order.asl.json", PASS)
    with mounted(tmp_path / "kept", "size=2m") as kept:
        workspace = ["--workspace", str(kept / "w")]
        asl_runner(tmp_path, "run", "-q", "order.asl.json", *workspace)
        subprocess.run(["mount", "-o", "remount,ro", str(kept)], check=True)
        for command in ("list", "describe latest", "history latest"):
            ran = asl_runner(tmp_path, *command.split(), *workspace)
            assert (ran.returncode, ran.stderr) == (0, "")
        refused(asl_runner(tmp_path, "stop", "latest", *workspace), 2, "is not running", "SUCCEEDED")
        refused(asl_runner(tmp_path, "run", "order.asl.json", *workspace), 1, "can be written")


def test_a_full_disk_ends_the_run_with_one_message(tmp_path: Path) -> None:
    write(tmp_path, "loop.asl.json", LOOP)
    with mounted(tmp_path / "kept", "size=400k") as kept:
        workspace = ["--workspace", str(kept / "w")]
        refused(asl_runner(tmp_path, "run", "-q", "loop.asl.json", *workspace), 1, "the disk is full")
        listed = asl_runner(tmp_path, "list", *workspace)
        assert (listed.returncode, "Traceback" in listed.stderr) == (0, False)


LOOP: dict[str, Any] = {
    "StartAt": "Set",
    "States": {
        "Set": {"Type": "Pass", "Result": {"n": 0, "text": "x" * 500}, "Next": "Add"},
        "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "text.$": "$.text"}, "Next": "More"},
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 5000, "Next": "Add"}],
            "Default": "End",
        },
        "End": {"Type": "Succeed"},
    },
}


def test_a_parameter_without_a_value_is_refused_with_the_name_that_was_meant(tmp_path: Path) -> None:
    parameter = {"Name": "Threshold", "Type": "Float", "DefaultValue": 6.0}
    step = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    document = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [parameter], "Steps": [step]}
    write(tmp_path, "p.json", document)
    for text, hint in (("Treshold", "did you mean 'Threshold'?"), ("=7", "there are 'Threshold'.")):
        refused = asl_runner(tmp_path, "run", "p.json", "-p", text)
        assert (refused.returncode, refused.stderr) == (2, f"Error: -p {text}: expected NAME=VALUE; {hint}\n")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_age_before_all_time_has_nothing_to_prune(tmp_path: Path, options: tuple[str, ...]) -> None:
    write(tmp_path, "m.json", PASS)
    assert asl_runner(tmp_path, "run", "m.json", "-q").returncode == 0
    pruned = asl_runner(tmp_path, "prune", "--older-than", "9999999999999w", "--dry-run", *options)
    assert (pruned.returncode, pruned.stderr) == (0, "")
    assert ("Nothing ended before" in pruned.stdout) or json.loads(pruned.stdout)["executions"] == []
