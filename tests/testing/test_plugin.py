"""The pytest plugin as a project that has the package gets it: the fixture, options, case files, and what they cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asl_runner.errors import UsageError
from asl_runner.testing.cases import read_cases

MACHINE = {
    "StartAt": "Work",
    "States": {
        "Work": {
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:work",
            "Catch": [{"ErrorEquals": ["Lost"], "Next": "Gone"}],
            "End": True,
        },
        "Gone": {"Type": "Fail", "Error": "Gone"},
    },
}
CASES = """\
definition: ../machine.asl.json
mocks:
  Work: {return: {on: true}}
cases:
  works:
    expect: {output: {on: true}, path: [Work]}
  is lost:
    input: 2024-01-01
    mocks: {Work: {raise: Lost}}
    expect: {error: Gone, path: [Work, Gone], visits: {Work: 1}}
  from a file:
    input: "@input.json"
    mocks: {Work: real}
    expect: {output: 8}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "machine.asl.json").write_text(json.dumps(MACHINE))
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "work.py").write_text("import os\ndef handler(event, context):\n    return event + 1\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "input.json").write_text("7")
    return tmp_path


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ASL_RUNNER_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=directory, env=variables, capture_output=True, text=True, check=False
    )


def pytest_in(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(directory, "pytest", "-p", "no:cacheprovider", "-q", *arguments)


def test_the_fixture_finds_definitions_and_functions_of_the_project(project: Path) -> None:
    (project / "tests" / "test_it.py").write_text(
        "import os, pytest\n"
        "def test_here(asl):\n"
        "    def check(input):\n"
        "        return os.getpid()\n"
        "    assert asl.run('machine.asl.json', mocks={'Work': check}).output == os.getpid()\n"
        "def test_function(asl):\n"
        "    asl.run('machine.asl.json', 1).assert_succeeded(2)\n"
        "@pytest.mark.asl(runtime='process')\n"
        "def test_process(asl):\n"
        "    asl.run('machine.asl.json', 1).assert_succeeded(2)\n"
        "def test_fails(asl):\n"
        "    asl.run('machine.asl.json', 1).assert_path('Work', 'Gone')\n"
    )
    ran = pytest_in(project, "--strict-markers")
    assert "3 passed" in ran.stdout
    assert "1 failed" in ran.stdout
    assert "it took another path" in ran.stdout
    assert "in fail" not in ran.stdout, "the kit's own frames are hidden"


def test_case_files_are_tests(project: Path) -> None:
    (project / "tests" / "machine.asl-test.yaml").write_text(CASES)
    ran = pytest_in(project)
    assert "3 passed" in ran.stdout, ran.stdout
    (project / "tests" / "machine.asl-test.yaml").write_text(CASES.replace("output: 8", "output: 9"))
    ran = pytest_in(project)
    assert "1 failed, 2 passed" in ran.stdout
    assert "the output is another" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_what_is_wrong_in_a_case_file_is_a_collection_error(project: Path) -> None:
    (project / "tests" / "machine.asl-test.yaml").write_text("definition: ../nothing.json\ncases: {}\n")
    ran = pytest_in(project)
    assert ran.returncode == 2
    assert "definition: there is no file" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_a_session_that_does_not_use_it_loads_nothing(project: Path) -> None:
    (project / "tests" / "test_other.py").write_text(
        "import sys\n"
        "def test_other():\n"
        "    loaded = {name for name in sys.modules if name.startswith('asl_runner.')}\n"
        "    assert loaded == {'asl_runner.testing', 'asl_runner.testing.plugin'}\n"
        "    assert not {'msgspec', 'yaml', 'jsonpath_ng', 'click', 'asyncio.runners'} & set(sys.modules) - KNOWN\n"
        "KNOWN = {'click', 'asyncio.runners'}\n"
    )
    ran = pytest_in(project, "-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:xdist")
    assert "1 passed" in ran.stdout, ran.stdout


def test_without_pytest_there_is_a_command(project: Path) -> None:
    (project / "tests" / "machine.asl-test.yaml").write_text(CASES)
    ran = run(project, "asl_runner", "test")
    assert (ran.returncode, ran.stdout) == (0, "3 passed, 0 failed\n")
    assert "✓ tests/machine.asl-test.yaml  works" in ran.stderr
    ran = run(project, "asl_runner", "test", "tests", "-k", "lost", "--json")
    assert json.loads(ran.stdout)["passed"] == 1
    (project / "tests" / "machine.asl-test.yaml").write_text(CASES.replace("output: 8", "output: 9"))
    ran = run(project, "asl_runner", "test", "tests/machine.asl-test.yaml", "--runtime", "process")
    assert (ran.returncode, ran.stdout) == (1, "2 passed, 1 failed\n")
    assert "the output is another" in ran.stderr
    ran = run(project, "asl_runner", "test", "lambdas")
    assert (ran.returncode, ran.stderr) == (2, "Error: No cases in lambdas: expected files named *.asl-test.yaml.\n")


@pytest.mark.parametrize(
    "text, message",
    [
        ("cases: [", r"1:9: Not valid YAML"),
        ("definition: 5\ncases: {a: }", r"1:1: definition: expected the path"),
        ("definition: ../machine.asl.json\ncases: {}", r"2:8: cases: expected a name for each case"),
        ("definition: ../machine.asl.json\ncase: {}", r"2:1: case: did you mean 'cases'\?"),
        ("definition: ../machine.asl.json\ncases: {a: {inputs: 1}}", r"2:\d+: cases.a.inputs: did you mean 'input'\?"),
        (
            "definition: ../machine.asl.json\ncases: {a: {expect: {outptu: 1}}}",
            r"2:\d+: cases.a.expect.outptu: did you mean",
        ),
        (
            "definition: ../machine.asl.json\ncases: {a: {mocks: {Work: {retrun: 1}}}}",
            r"2:\d+: cases.a.mocks.Work.retrun: did",
        ),
        (
            'definition: ../machine.asl.json\ncases: {a: {input: "@no.json"}}',
            r"2:\d+: cases.a.input: .*no.json cannot be read",
        ),
    ],
)
def test_what_is_wrong_in_a_case_file_is_said_with_its_place(project: Path, text: str, message: str) -> None:
    file = project / "tests" / "wrong.asl-test.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=rf"wrong.asl-test.yaml:{message}"):
        read_cases(file)
