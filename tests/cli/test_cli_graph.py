"""`asl-runner graph`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command_line import FAIL, PASS, asl_runner, environment, write


def test_a_definition_is_drawn_in_the_format_the_file_name_says(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", PASS)
    for name, begins in (("m.svg", b"<svg"), ("m.png", b"\x89PNG"), ("m.dot", b"digraph"), ("m.mmd", b"flowchart")):
        ran = asl_runner(tmp_path, "graph", "m.asl.json", "-o", name)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert "│   A │" in asl_runner(tmp_path, "graph", "m.asl.json").stdout


def test_a_png_goes_to_a_pipe(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", PASS)
    ran = subprocess.run(
        [sys.executable, "-m", "asl_runner", "graph", "m.asl.json", "--format", "png"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert ran.stdout.startswith(b"\x89PNG")


def test_an_execution_marks_its_states(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", FAIL)
    asl_runner(tmp_path, "run", "m.asl.json", "--quiet")
    assert "✗ F" in asl_runner(tmp_path, "graph", "--execution", "latest").stdout
    assert "✗ F" in asl_runner(tmp_path, "graph", "m.asl.json", "--execution", "latest").stdout


def test_mistakes_are_said(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", PASS)
    nothing = asl_runner(tmp_path, "graph")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "Nothing to draw" in nothing.stderr
    unknown = asl_runner(tmp_path, "graph", "m.asl.json", "-o", "m.jpeg")
    assert unknown.returncode == 2
    assert "m.jpeg does not say what to draw" in unknown.stderr
    assert asl_runner(tmp_path, "graph", "gone.json").returncode == 2


def test_the_machine_of_a_template_is_drawn(tmp_path: Path) -> None:
    resources = {
        name: {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": machine, "RoleArn": "r"}}
        for name, machine in (("One", PASS), ("Two", FAIL))
    }
    write(tmp_path, "template.json", {"Resources": resources})
    assert "│   F │" in asl_runner(tmp_path, "graph", "template.json", "--machine", "Two").stdout
    several = asl_runner(tmp_path, "graph", "template.json")
    assert several.returncode == 2
    assert "say --machine with one of One, Two" in several.stderr
