"""`show`, `logs`, `diff`, `watch`, `report` and `ui`: what a person sees of executions."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from command_line import WAIT, asl_runner, start, task, wait_for_line, write

FUNCTION = """
def handler(event, context):
    print("got", event)
    if event == "bad":
        raise ValueError("no \\x1b[2J such thing")
    return {"item": event}
"""
EACH: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": task("f"),
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "End"}],
            "Next": "End",
        },
        "End": {"Type": "Succeed"},
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory in which `good` and `bad` have run."""
    write(tmp_path, "lambdas/f.py", FUNCTION)
    write(tmp_path, "m.asl.json", EACH)
    for name, items in (("good", ["a", "b", "c", "d", "e"]), ("bad", ["a", "bad"])):
        asl_runner(tmp_path, "run", "m.asl.json", "--quiet", "--name", name, "--input", json.dumps({"items": items}))
    return tmp_path


def test_show_is_a_tree_with_errors_and_few_iterations(project: Path) -> None:
    good = asl_runner(project, "show", "good").stdout
    assert good.splitlines()[0].startswith("m  good  SUCCEEDED  ")
    assert [line.split()[:2] for line in good.splitlines()[1:4]] == [["✓", "Each"], ["✓", "#0"], ["✓", "T"]]
    assert "5 of 5" in good
    assert "… 2 more; --all shows them" in good
    assert "#4" in asl_runner(project, "show", "good", "--all").stdout
    bad = asl_runner(project, "show", "bad").stdout
    assert "↷ Each" in bad
    assert "ValueError: no �[2J such thing" in bad
    assert "\x1b" not in bad
    rows = json.loads(asl_runner(project, "show", "bad", "--json").stdout)
    assert {"Each": "CAUGHT", "End": "SUCCEEDED"}.items() <= {row["state"]: row["status"] for row in rows}.items()


def test_show_step_has_data_and_log(project: Path) -> None:
    shown = asl_runner(project, "show", "bad", "--step", "T").stdout
    assert "ValueError" in shown
    assert 'Input\n  "bad"' in shown
    assert "  got bad" in shown
    each = json.loads(asl_runner(project, "show", "bad", "--step", "Each", "--json").stdout)
    assert [stage["stage"] for stage in each["stages"]] == ["Input", "Output"]
    assert asl_runner(project, "show", "bad", "--step", str(each["id"]), "--json").stdout.startswith("{")
    unknown = asl_runner(project, "show", "bad", "--step", "Nothing")
    assert unknown.returncode == 2
    assert "No state 'Nothing' was visited; visited were: Each, End, T." in unknown.stderr


def test_logs_are_call_by_call(project: Path) -> None:
    lines = asl_runner(project, "logs", "good").stdout.splitlines()
    assert [line for line in lines if line.startswith("got")] == [f"got {item}" for item in "abcde"]
    assert lines[0].startswith("T  event ")
    assert asl_runner(project, "logs", "good", "--state", "End").stdout == ""


def test_diff_says_where_two_executions_part(project: Path) -> None:
    different = asl_runner(project, "diff", "good", "bad")
    assert different.returncode == 1
    assert different.stdout.startswith("They part at step 1, Each.")
    assert '- $.items[1] = "b"' in different.stdout
    assert '+ $.items[1] = "bad"' in different.stdout
    same = asl_runner(project, "diff", "good", "good")
    assert (same.returncode, same.stdout) == (0, "They went the same way with the same data.\n")
    document = json.loads(asl_runner(project, "diff", "good", "bad", "--json").stdout)
    assert document["part"] == 0
    assert document["steps"][0]["why"] == ["input", "status", "error", "output"]


def test_watch_follows_another_process_to_the_end(tmp_path: Path) -> None:
    write(tmp_path, "w.asl.json", WAIT)
    running = start(tmp_path, "run", "w.asl.json", "--name", "long")
    wait_for_line(running, "started as long")
    watching = start(tmp_path, "watch", "long")
    wait_for_line(watching, "started as long")
    asl_runner(tmp_path, "stop", "long")
    _, said = watching.communicate(timeout=60)
    assert "ABORTED" in said
    assert watching.returncode == 1
    running.communicate(timeout=60)
    assert asl_runner(tmp_path, "watch", "latest").returncode == 1


def test_report_is_one_file(project: Path) -> None:
    ran = asl_runner(project, "report", "bad")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("bad.html (")
    text = (project / "bad.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text
    assert "got bad" in text
    assert asl_runner(project, "report", "bad", "-o", "no/such/x.html").returncode == 2


def test_ui_serves_the_page_it_names(project: Path) -> None:
    serving = start(project, "ui", "bad", "--no-browser")
    address = wait_for_line(serving, "/_asl/executions/arn").strip()
    # What it says later has to be read, or it waits for room.
    assert serving.stderr is not None
    reading = threading.Thread(target=serving.stderr.read)
    reading.start()
    with urllib.request.urlopen(address, timeout=60) as page:
        assert "<h1>bad</h1>" in page.read().decode()
    serving.terminate()
    assert serving.wait(timeout=60) == 0
    reading.join()
    assert serving.stdout is not None
    serving.stdout.close()
    serving.stderr.close()
