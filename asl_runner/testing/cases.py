"""Tests written as data: files `*.asl-test.yaml`, each with the cases of one state machine.

    definition: ../state_machines/order.asl.json
    mocks:                                  # for all cases; a case's own come before them
      Charge card: {return: {charged: 83}}
    cases:
      paid:
        input: {id: 7}                      # or a file: input: "@order.json"
        expect: {output: {charged: 83}}
      refused:
        input: {id: 7}
        mocks: {Charge card: {raise: Refused}}
        expect:
          status: FAILED
          error: Order.Refused
          path: ["Has items?", {Settle: [[Charge card], [Book courier]]}, Refused]
          visits: {Charge card: 3}

Mocks are written as in mock files (`resources.mocks.files`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from msgspec import Struct

from asl_runner.definition.data_files import DataProblem, placed, read_data, table
from asl_runner.definition.json_text import Path
from asl_runner.definition.source import Document
from asl_runner.resources.mocks.files import parse_answers
from asl_runner.testing.asl import Asl
from asl_runner.testing.run import Run

PATTERN = "*.asl-test.yaml"
ENDINGS = (".asl-test.yaml", ".asl-test.yml")

_RUN = ("clock", "now", "seed", "validate")
_FILE = ("definition", "mocks", *_RUN, "cases")
_CASE = ("input", "mocks", *_RUN, "expect")
_EXPECT = ("status", "output", "error", "cause", "state", "path", "visits", "duration")


class Case(Struct, frozen=True, kw_only=True):
    """One test of one state machine."""

    name: str
    file: FilePath
    line: int
    definition: FilePath
    input: Any
    options: dict[str, Any]
    """What `Asl.run` takes beside the input."""
    expect: dict[str, Any]

    def run(self, asl: Asl) -> Run:
        """Runs it and compares. Raises `AssertionError` that says what differs."""
        run = asl.run(self.definition, self.input, **self.options)
        check(run, self.expect)
        return run


def is_case_file(name: str) -> bool:
    """Whether a file of this name holds cases."""
    return name.endswith(ENDINGS)


def read_cases(file: FilePath) -> list[Case]:
    """The cases of a file. Raises `UsageError` with the place of what is wrong."""
    document = read_data(file)
    with placed(document):
        return list(_cases(document, file))


def check(run: Run, expect: Mapping[str, Any]) -> None:
    """Compares a run with what is expected of it. Raises `AssertionError`."""
    status = expect.get("status", "FAILED" if "error" in expect or "cause" in expect else "SUCCEEDED")
    if status == "SUCCEEDED":
        run.assert_succeeded()
    elif run.status != status:
        run.fail(f"expected {status}, found {run.status}")
    else:
        run.assert_ended(expect.get("error"), expect.get("cause"), state=expect.get("state"))
    if "output" in expect:
        run.assert_succeeded(expect["output"])
    if "path" in expect:
        run.assert_path(*expect["path"])
    for state, count in expect.get("visits", {}).items():
        found = len(run.visits(state))
        if found != count:
            run.fail(f"expected {count} visits of {state!r}, found {found}")
    if "duration" in expect and abs(run.duration - expect["duration"]) > 0.001:
        run.fail("it took another time", expected=expect["duration"], found=round(run.duration, 3))


def _cases(document: Document, file: FilePath) -> Iterator[Case]:
    content = table(document.value, (), _FILE)
    if not isinstance(content.get("definition"), str):
        raise DataProblem((), "definition: expected the path of the state machine, from this file.")
    definition = file.parent / content["definition"]
    if not definition.is_file():
        raise DataProblem(("definition",), f"there is no file {definition}.")
    shared = parse_answers(content.get("mocks", {}), ("mocks",))
    given = {key: content[key] for key in _RUN if key in content}
    cases = table(content.get("cases"), ("cases",))
    if not cases:
        raise DataProblem(("cases",), "expected a name for each case, with its `input` and what to `expect`.")
    for name, written in cases.items():
        here: Path = ("cases", name)
        case = table({} if written is None else written, here, _CASE)
        mocks = {**shared, **parse_answers(case.get("mocks", {}), (*here, "mocks"))}
        place = document.position(here, key=True)
        yield Case(
            name=name,
            file=file,
            line=1 if place is None else place.line,
            definition=definition,
            input=_input(case.get("input"), file, (*here, "input")),
            options={**given, **{key: case[key] for key in _RUN if key in case}, "mocks": mocks},
            expect=table(case.get("expect", {}), (*here, "expect"), _EXPECT),
        )


def _input(written: Any, file: FilePath, path: Path) -> Any:
    if not isinstance(written, str) or not written.startswith("@"):
        return written
    named = file.parent / written[1:]
    try:
        return json.loads(named.read_bytes())
    except OSError as problem:
        raise DataProblem(path, f"{named} cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        raise DataProblem(path, f"{named} is not JSON: {problem}") from None
