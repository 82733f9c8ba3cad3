"""The pytest plugin: the fixture `asl`, the option for how functions run, and case files collected as tests.

It is loaded in every test session of an environment that has the package, so it imports nothing of it until it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asl_runner.testing.asl import Asl

RUNTIMES = ("inline", "process")
_MARKER = "asl(runtime): how local functions run in this test, `inline` or `process`"
_COVERAGE = "asl_runner_coverage"
_ENDINGS = (".asl-test.yaml", ".asl-test.yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("asl", "state machines (asl_runner)")
    group.addoption(
        "--asl-runtime",
        choices=RUNTIMES,
        help="How local functions run: in this process (the default: for debuggers and coverage), or in their own.",
    )
    group.addoption("--asl-cov", action="store_true", help="Measure how much of the definitions in files the tests do.")
    group.addoption(
        "--asl-cov-report",
        action="append",
        metavar="KIND",
        help="How to report it: term (the default), html:FILE, xml:FILE (Cobertura); may be given several times.",
    )
    group.addoption(
        "--asl-cov-fail-under", type=float, metavar="PERCENT", help="Fail when less than this much of it is done."
    )
    parser.addini("asl_runtime", "How local functions run: inline (the default) or process.", default="inline")


def pytest_configure(config: pytest.Config) -> None:
    """Documents the marker; begins to measure if asked to."""
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("--asl-cov"):
        from asl_runner.testing.coverage.session import CoverageSession

        config.pluginmanager.register(CoverageSession(config), _COVERAGE)


@pytest.fixture
def asl(request: pytest.FixtureRequest, tmp_path: Path) -> Asl:
    """Runs state machines: `asl.run("order.asl.json", {"id": 7}, mocks={...})`. Each test has a workspace of its own.

    Definitions are looked for beside the test's file, then from the root directory of the test session.
    """
    return new_asl(request.config, request.node, tmp_path)


def new_asl(config: pytest.Config, node: pytest.Item, directory: Path) -> Asl:
    """The `Asl` of one test, which keeps everything in `directory`."""
    from asl_runner.testing.asl import Asl

    marker = node.get_closest_marker("asl")
    wanted = None if marker is None else marker.kwargs.get("runtime", *marker.args[:1])
    runtime = wanted or config.getoption("--asl-runtime") or config.getini("asl_runtime")
    if runtime not in RUNTIMES:
        raise pytest.UsageError(f"asl runtime: expected one of {', '.join(RUNTIMES)}, found {runtime!r}")
    session = config.pluginmanager.get_plugin(_COVERAGE)
    coverage = None if session is None else session.coverage
    return Asl(directory / ".asl-runner", bases=(node.path.parent, config.rootpath), runtime=runtime, coverage=coverage)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collects `*.asl-test.yaml`."""
    if not file_path.name.endswith(_ENDINGS):
        return None
    collector: CaseFile = CaseFile.from_parent(parent, path=file_path)
    return collector


class CaseFile(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test for each case."""
        from asl_runner.errors import AslRunnerError
        from asl_runner.testing.cases import read_cases

        try:
            cases = read_cases(self.path)
        except AslRunnerError as problem:
            raise self.CollectError(str(problem)) from None
        for case in cases:
            item: CaseItem = CaseItem.from_parent(self, name=case.name)
            item.case = case
            yield item


class CaseItem(pytest.Item):
    """One case as a test."""

    case: object

    def runtest(self) -> None:
        """Runs and compares."""
        import tempfile

        from asl_runner.testing.cases import Case

        assert isinstance(self.case, Case)
        with tempfile.TemporaryDirectory() as directory:
            self.case.run(new_asl(self.config, self, Path(directory)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The explanation alone: a case has no Python code to point at."""
        from asl_runner.errors import AslRunnerError

        if isinstance(excinfo.value, AssertionError | AslRunnerError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The case's place in its file."""
        line = getattr(self.case, "line", 1)
        return self.path, line - 1, f"case {self.name}"
