"""The official test suite of JSONata (2.2.2, data only), run through our engine layer.

Every case gives the value or the error it must, but for what Step Functions excludes: `EXCLUDED` says which and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from expression_surroundings import Surroundings

from asl_runner.expressions import jsonata_guard
from asl_runner.expressions.jsonata_engine import UNDEFINED, EvaluationFailed, program
from asl_runner.expressions.jsonata_syntax import JsonataSyntaxError

SUITE = Path(__file__).parents[3] / "shared" / "conformance" / "jsonata-suite"

NO_EVAL = "$eval does not exist in Step Functions"
NEWER = "JSONata 2.1 added ?: and ??, Step Functions has 2.0.6"
DEPTH = "Step Functions nests evaluations 100 deep, the case needs 302"
ENDLESS = "what only the time ends is another test's"
SIZE = "Step Functions limits the memory of an evaluation, which says so before JSONata's limits do"

EXCLUDED = {
    "function-eval/*": NO_EVAL,
    "default-operator/*": NEWER,
    "coalescing-operator/*": NEWER,
    "tail-recursion/case001.json*": DEPTH,
    "tail-recursion/case006.json*": ENDLESS,
    "range-operator/case021.json*": SIZE,
    "range-operator/case024.json*": SIZE,
}
"""Cases that cannot hold at the service, by a pattern of their names, with the reason."""


class Case:
    """One case of the suite."""

    def __init__(self, name: str, fields: dict[str, Any], file: Path) -> None:
        self.name = name
        self.fields = fields
        self.file = file

    @property
    def expression(self) -> str:
        """The text, which may stand in a file of its own."""
        if "expr" in self.fields:
            return str(self.fields["expr"])
        return (self.file.parent / str(self.fields["expr-file"])).read_text(encoding="utf-8")

    @property
    def input(self) -> Any:
        """The context item; `UNDEFINED` where the case has none."""
        if "data" in self.fields:
            return self.fields["data"]
        dataset = self.fields.get("dataset")
        return UNDEFINED if dataset is None else _dataset(dataset)

    @property
    def code(self) -> str | None:
        """The code of the error it ends with."""
        code = self.fields.get("code") or self.fields.get("error", {}).get("code")
        return str(code) if code else None


@lru_cache
def _dataset(name: str) -> Any:
    return json.loads((SUITE / "datasets" / f"{name}.json").read_text(encoding="utf-8"))


def cases() -> Iterator[Case]:
    """All cases, in the order of their names."""
    for file in sorted((SUITE / "groups").glob("*/*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for index, fields in enumerate(content if isinstance(content, list) else [content]):
            yield Case(f"{file.parent.name}/{file.name}[{index}]", fields, file)


def reason(case: Case) -> str | None:
    """Why a case is excluded."""
    # The brackets of a name are no pattern.
    return next((why for pattern, why in EXCLUDED.items() if fnmatch(case.name, pattern)), None)


def outcome(case: Case) -> tuple[str, Any]:
    """What our engine makes of a case: `value`, `error` with its code, or `refused` at load."""
    env = Surroundings(case.fields.get("bindings", {}))
    try:
        return "value", program(case.expression, context=True).evaluate({}, env, case.input)
    except JsonataSyntaxError as problem:
        return "refused", problem.message
    except EvaluationFailed as problem:
        # The limits have no code at the service; the suite's runner gives them one.
        return "error", problem.code or "U1001"


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no reason to fail; what must not end is in `test_jsonata_limits`."""
    monkeypatch.setattr(jsonata_guard, "TIME_LIMIT", 60.0)


def holds(case: Case, found: tuple[str, Any]) -> bool:
    """Whether an outcome is what the case asks for."""
    kind, value = found
    if "result" in case.fields:
        wanted = case.fields["result"]
        if kind == "value" and case.fields.get("unordered"):
            return sorted(map(json.dumps, value)) == sorted(map(json.dumps, wanted))
        return kind == "value" and value is not UNDEFINED and bool(value == wanted)
    if case.fields.get("undefinedResult"):
        return kind == "value" and value is UNDEFINED
    if kind == "refused":
        return case.code is None or case.code.startswith("S")
    return kind == "error" and case.code in (value, None)


needs_suite = pytest.mark.skipif(not SUITE.is_dir(), reason=f"the official JSONata suite is not at {SUITE}")


@needs_suite
def test_every_case_of_the_official_suite_holds() -> None:
    wrong = [
        f"{case.name}: {case.expression[:80]!r} gives {found!r:.120}"
        for case in cases()
        if reason(case) is None and not holds(case, found := outcome(case))
    ]
    assert wrong == []


@needs_suite
def test_every_exclusion_is_needed() -> None:
    excluded = [case for case in cases() if reason(case) not in (None, ENDLESS)]
    assert [case.name for case in excluded if holds(case, outcome(case)) and "[0]" in case.name] == []
    assert all(any(fnmatch(case.name, pattern) for case in cases()) for pattern in EXCLUDED)
