"""What `asl-runner test` does: finds case files, runs each case in a workspace of its own, and says how they did."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from asl_runner.cli.documents import to_json
from asl_runner.cli.entry import EXIT_NOT_SUCCEEDED
from asl_runner.cli.options import seen
from asl_runner.cli.table import shows_colours
from asl_runner.configuration import Runtime
from asl_runner.errors import AslRunnerError, UsageError
from asl_runner.testing.asl import Asl
from asl_runner.testing.cases import PATTERN, Case, is_case_file, read_cases


def run_cases(paths: Sequence[str], keyword: str | None, runtime: Runtime, *, as_json: bool) -> int:
    """Runs them and reports; gives the exit code. Raises `UsageError` for a file that is wrong, or none at all."""
    cases = [case for file in _files(paths) for case in read_cases(file) if keyword is None or keyword in case.name]
    if not cases:
        raise UsageError(f"No cases in {', '.join(paths)}: expected files named {PATTERN}.")
    colour = shows_colours(sys.stderr)
    results = []
    for case in cases:
        began = time.perf_counter()
        problem = _problem(case, runtime)
        results.append({"file": str(case.file), "case": case.name, "passed": problem is None, "message": problem})
        if not as_json:
            mark = click.style("✓", fg="green") if problem is None else click.style("✗", fg="red")
            said = f"{mark} {seen(case.file)}  {case.name}  {time.perf_counter() - began:.2f} s"
            click.echo(said, err=True, color=colour)
            if problem is not None:
                click.echo("".join(f"    {line}\n" for line in problem.splitlines()), err=True)
    failed = sum(not result["passed"] for result in results)
    if as_json:
        click.echo(to_json({"cases": results, "passed": len(results) - failed, "failed": failed}))
    else:
        click.echo(f"{len(results) - failed} passed, {failed} failed")
    return EXIT_NOT_SUCCEEDED if failed else 0


def _files(paths: Sequence[str]) -> Iterator[Path]:
    for text in paths:
        path = Path(text)
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if is_case_file(file.name) and _is_ours(file, path))
        elif is_case_file(path.name):
            yield path
        else:
            raise UsageError(f"{path} is no case file; their names end like {PATTERN}.")


def _is_ours(file: Path, root: Path) -> bool:
    """Not inside a hidden folder, such as a virtual environment or a workspace."""
    return not any(part.startswith(".") for part in file.relative_to(root).parts)


def _problem(case: Case, runtime: Runtime) -> str | None:
    with tempfile.TemporaryDirectory() as directory:
        asl = Asl(Path(directory) / ".asl-runner", bases=(case.file.parent.absolute(), Path.cwd()), runtime=runtime)
        try:
            case.run(asl)
        except (AssertionError, AslRunnerError) as problem:
            return str(problem)
    return None
