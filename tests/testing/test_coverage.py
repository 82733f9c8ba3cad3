"""Coverage of definitions: what counts, what runs are seen to do, merging, and every report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest

from asl_runner.testing import Asl, never, raises, sequence
from asl_runner.testing.coverage.collected import Coverage
from asl_runner.testing.coverage.page import as_html, marks_of
from asl_runner.testing.coverage.reports import as_cobertura, as_text

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:work"
EITHER = {
    "Or": [
        {"Variable": "$.n", "NumericLessThan": 0},
        {"Not": {"And": [{"Variable": "$.n", "NumericLessThan": 100}, {"Variable": "$.ok", "IsPresent": True}]}},
    ]
}
MACHINE: dict[str, Any] = {
    "StartAt": "Sort",
    "States": {
        "Sort": {
            "Type": "Choice",
            "Choices": [{**EITHER, "Next": "Odd"}, {"Variable": "$.each", "IsPresent": True, "Next": "Each"}],
            "Default": "Work",
        },
        "Odd": {"Type": "Fail", "Error": "Odd"},
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.each",
            "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
            "Next": "Work",
        },
        "Work": {
            "Type": "Task",
            "Resource": LAMBDA,
            "TimeoutSeconds": 9,
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}, {"ErrorEquals": ["States.TaskFailed"]}],
            "Catch": [
                {"ErrorEquals": ["Lost"], "Next": "Odd"},
                {"ErrorEquals": ["States.Timeout"], "Next": "Odd"},
                {"ErrorEquals": ["States.ALL"], "Next": "Odd"},
            ],
            "End": True,
        },
    },
}


class Session:
    """A project whose runs are measured."""

    def __init__(self, root: Path, machine: dict[str, Any]) -> None:
        self.file = root / "m.asl.json"
        self.file.write_text(json.dumps(machine, indent=1))
        self.coverage = Coverage()
        self._asl = Asl(root / "w", bases=[root], coverage=self.coverage)

    def run(self, input: Any = None, **mocks: Any) -> None:
        tasks = {"Work": 1} if "Work" in self.file.read_text() else {}
        self._asl.run(self.file.name, input, mocks={**tasks, **mocks})

    @property
    def done(self) -> set[str]:
        (one,) = self.coverage.definitions
        return {element.key for element in one.elements if one.hits[element.key]}

    @property
    def missing(self) -> list[str]:
        (one,) = self.coverage.definitions
        return [element.key for element in one.missing]


def test_rules_and_the_comparisons_in_them_are_told_apart(tmp_path: Path) -> None:
    session = Session(tmp_path, MACHINE)
    session.run({"n": 5, "ok": 1}, Work=1)
    assert session.done == {
        "state|Sort|",
        "rule|Sort|0=false",
        "condition|Sort|0.Or[0]=false",
        "condition|Sort|0.Or[1].Not.And[0]=true",
        "condition|Sort|0.Or[1].Not.And[1]=true",
        "rule|Sort|1=false",
        "default|Sort|",
        "state|Work|",
    }
    session.run({"n": -1})
    assert {"rule|Sort|0=true", "condition|Sort|0.Or[0]=true", "state|Odd|"} <= session.done
    session.run({"n": 100})
    assert "condition|Sort|0.Or[1].Not.And[0]=false" in session.done


@pytest.mark.parametrize("count, size", [(0, "none"), (1, "one"), (3, "many")])
def test_sizes_of_maps(tmp_path: Path, count: int, size: str) -> None:
    session = Session(tmp_path, MACHINE)
    session.run({"n": 1, "ok": 1, "each": list(range(count))}, Work=1)
    assert {key for key in session.done if key.startswith("items")} == {f"items|Each|{size}"}
    assert "next|Each|" in session.done


def test_retriers_and_catchers_with_their_errors(tmp_path: Path) -> None:
    session = Session(tmp_path, MACHINE)
    ready = {"n": 1, "ok": 1}
    session.run(ready, Work=sequence(raises("Busy"), 1))
    session.run(ready, Work=sequence(raises("Other"), raises("Lost"), raises("Lost"), raises("Lost")))
    session.run(ready, Work=never())
    (one,) = session.coverage.definitions
    assert one.errors == {
        "retry|Work|0": {"Busy"},
        "retry|Work|1": {"Other", "Lost"},
        "catch|Work|0": {"Lost"},
        "catch|Work|1": {"States.Timeout"},
    }
    assert "catch|Work|2" in session.missing


def test_children_of_distributed_maps_count(tmp_path: Path) -> None:
    inner = {
        "StartAt": "Pick",
        "States": {
            "Pick": {
                "Type": "Choice",
                "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "One"}],
                "Default": "One",
            },
            "One": {"Type": "Succeed"},
        },
    }
    processor = {**inner, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    session = Session(
        tmp_path, {"StartAt": "E", "States": {"E": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
    )
    session.run([1, 2])
    assert session.missing == ["items|E|none", "items|E|one"]
    assert session.coverage.percentage == pytest.approx(100 * 7 / 9)


def test_jsonata_rules_count_as_a_whole(tmp_path: Path) -> None:
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Sort",
        "States": {
            "Sort": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.a and $states.input.b %}", "Next": "Yes"}],
                "Default": "Yes",
            },
            "Yes": {"Type": "Succeed"},
        },
    }
    session = Session(tmp_path, machine)
    session.run({"a": True, "b": False})
    assert session.missing == ["rule|Sort|0=true"]


def test_what_other_processes_collected_is_added(tmp_path: Path) -> None:
    one, other = Session(tmp_path, MACHINE), Session(tmp_path, MACHINE)
    one.run({"n": -1})
    other.run({"n": 1, "ok": 1}, Work=raises("Lost", "x"))
    merged = Coverage()
    for session in (one, other):
        merged.merge(json.loads(json.dumps(session.coverage.data())))
    (found,) = merged.definitions
    assert {element.key for element in found.elements if found.hits[element.key]} == one.done | other.done
    assert found.hits["state|Sort|"] == 2
    assert found.errors["catch|Work|0"] == {"Lost"}


def test_a_definition_that_changes_in_between_is_another_one(tmp_path: Path) -> None:
    session = Session(tmp_path, MACHINE)
    session.run({"n": -1})
    session.file.write_text(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}))
    session.run()
    assert sorted(one.count() for one in session.coverage.definitions) == [(1, 1), (4, 25)]


def test_the_text_says_what_is_missing(tmp_path: Path) -> None:
    session = Session(tmp_path, MACHINE)
    session.run({"n": 1, "ok": 1}, Work=raises("Lost"))
    lines = list(as_text(session.coverage, tmp_path))
    assert lines[0].split()[:2] == ["definition", "states"]
    assert lines[1].split()[:2] == ["m.asl.json", "3/5"]
    for line in (
        "  Odd: never visited",
        "  Sort: Choices[0] never true",
        "  Sort: Choices[0].Or[1].Not.And[1] never false",
        "  Each: never with one item",
        "  Each: never led on by Next",
        "  Work: Retry[0] never used",
        "  Work: Catch[2] never used",
    ):
        assert (line in lines) == (line != "  Odd: never visited"), line
    assert "m.asl.json: Work caught Lost (catch 0)" in lines


def test_cobertura_has_the_lines_of_the_states(tmp_path: Path) -> None:
    session = Session(tmp_path, MACHINE)
    session.run({"n": -1})
    root = xml.fromstring(as_cobertura(session.coverage, tmp_path))
    (found,) = root.iter("class")
    assert found.get("filename") == "m.asl.json"
    text = session.file.read_text().splitlines()
    lines = {text[int(line.get("number", 0)) - 1].strip(): line for line in found.iter("line")}
    assert lines['"Sort": {'].get("hits") == lines['"Odd": {'].get("hits") == "1"
    assert lines['"Work": {'].get("hits") == "0"
    assert lines['"Work": {'].get("condition-coverage") == "0% (0/5)"
    assert root.get("line-rate") == "0.4000"


def test_the_page_colours_the_graph_and_trusts_no_name(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    session = Session(
        tmp_path, {"StartAt": hostile, "States": {hostile: {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}}
    )
    session.run()
    page = as_html(session.coverage, tmp_path)
    assert hostile not in page
    assert "Everything was done." in page
    assert "default-src &#x27;none&#x27;" not in page
    assert "default-src 'none'" in page
    (one,) = session.coverage.definitions
    assert {mark.status for mark in marks_of(one).values()} == {"SUCCEEDED"}


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_session_of_pytest_is_measured(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "m.asl.json").write_text(json.dumps(MACHINE))
    (tmp_path / "test_m.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [-1, 1])\n"
        "def test_m(asl, n):\n"
        "    asl.run('m.asl.json', {'n': n, 'ok': 1}, mocks={'Work': 1})\n"
    )
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--asl-cov", *workers]
    command += ["--asl-cov-report", "term", "--asl-cov-report", "xml:out/c.xml", "--asl-cov-report", "html:out/c.html"]
    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "Sort: Choices[1] never true" in ran.stdout
    assert "Sort: Choices[0] never" not in ran.stdout
    assert (tmp_path / "out" / "c.html").read_text().startswith("<!doctype html>")
    assert b"m.asl.json" in (tmp_path / "out" / "c.xml").read_bytes()
    command += ["--asl-cov-fail-under", "90"]
    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "is less than the 90 % asked for" in ran.stdout
