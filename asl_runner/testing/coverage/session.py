"""The coverage of a pytest session: collected in each worker, merged in the one that reports, written where asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asl_runner.testing.coverage.collected import Coverage
from asl_runner.testing.coverage.reports import as_cobertura, as_text

_SENT = "asl_runner_coverage"


class CoverageSession:
    """The plugin that `--asl-cov` adds."""

    def __init__(self, config: pytest.Config) -> None:
        self.coverage = Coverage()
        self._config = config
        self._reports: list[str] = config.getoption("--asl-cov-report") or ["term"]
        self._floor: float | None = config.getoption("--asl-cov-fail-under")
        for report in self._reports:
            kind, _, place = report.partition(":")
            if kind not in ("term", "html", "xml") or (kind != "term") != bool(place):
                raise pytest.UsageError(f"--asl-cov-report: expected term, html:FILE or xml:FILE, found {report!r}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker of xdist sends what it has; whoever reports fails the session that has too little."""
        worker = getattr(self._config, "workeroutput", None)
        if worker is not None:
            worker[_SENT] = self.coverage.data()
        elif self._too_little() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker of xdist has ended."""
        self.coverage.merge(getattr(node, "workeroutput", {}).get(_SENT, []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Writes the reports."""
        base = self._config.rootpath
        terminalreporter.section("coverage of state machines")
        for report in self._reports:
            kind, _, place = report.partition(":")
            if kind == "term":
                for line in as_text(self.coverage, base):
                    terminalreporter.write_line(line)
                continue
            file = Path(place)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._written(kind, base))
            terminalreporter.write_line(f"{kind}: {file}")
        if self._too_little():
            said = f"{self.coverage.percentage:.1f} % is less than the {self._floor:g} % asked for"
            terminalreporter.write_line(f"FAIL: {said}", red=True)

    def _written(self, kind: str, base: Path) -> bytes:
        if kind == "xml":
            return as_cobertura(self.coverage, base)
        from asl_runner.testing.coverage.page import as_html

        return as_html(self.coverage, base).encode()

    def _too_little(self) -> bool:
        return self._floor is not None and self.coverage.percentage < self._floor
