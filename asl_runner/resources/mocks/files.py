"""Mock files, JSON or YAML, in two forms.

That of AWS Step Functions Local (reference section 26), which knows state machines and test cases:

    {"StateMachines": {"order": {"TestCases": {"card refused": {"Charge": "refused"}}}},
     "MockedResponses": {"refused": {"0": {"Throw": {"Error": "Refused", "Cause": "no cover"}},
                                     "1-2": {"Return": {"charged": 83}}}}}

and our own, which says for each state what its task answers:

    Charge:
      - raise: {error: Refused, cause: no cover}
      - return: {charged: 83}
    Price: {items: {0: {return: 4}}, otherwise: {return: 5, after: 2.5}}
    Approve: never
    Ship: real
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from asl_runner.definition.data_files import DataProblem, placed, read_data, table
from asl_runner.definition.json_text import Path
from asl_runner.errors import UsageError, near
from asl_runner.resources.mocks.answers import After, Answer, ByItem, Raises, Real, Returns, Silent, Step, Steps
from asl_runner.resources.mocks.tasks import Mocks

EXPECTED = "expected `return:`, `raise:`, `items:`, `never` or `real`, or a list with one for each invocation"

_KEYS = ("return", "raise", "never", "real", "items", "otherwise", "after", "beat")
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")


def read_mocks(file: FilePath, machine: str, case: str | None) -> Mocks:
    """The mocks of a file for a state machine of this name.

    A file of Step Functions Local needs the `case`, one of our own has none. Raises `UsageError` naming the place.
    """
    document = read_data(file)
    with placed(document):
        content = table(document.value, ())
        if "StateMachines" in content:
            return Mocks(local_case(content, machine, case), validate="NONE")
        if case is not None:
            raise UsageError(f"{file} has no test cases, so no case {case!r}; leave --case away.")
        return Mocks(parse_answers(content, ()))


def local_case(document: Mapping[str, Any], machine: str, case: str | None) -> dict[str, Answer]:
    """The answers of a test case in a document of Step Functions Local. Raises `DataProblem`."""
    here: Path = ("StateMachines", machine, "TestCases")
    machines = table(document["StateMachines"], here[:1])
    cases = table(_member(machines, machine, here[:1]).get("TestCases"), here)
    if case is None:
        raise DataProblem(here, f"which one? Say --case with one of {', '.join(map(repr, cases)) or 'none'}.")
    responses = table(document.get("MockedResponses"), ("MockedResponses",))
    return {
        state: _response(_member(responses, name, ("MockedResponses",)), ("MockedResponses", name))
        for state, name in _member(cases, case, here).items()
    }


def _member(members: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    if name not in members:
        raise DataProblem(path, f"no {name!r}: {near(name, members)}")
    return table(members[name], (*path, name))


def _response(response: Mapping[str, Any], path: Path) -> Answer:
    steps = []
    for numbers, given in response.items():
        here = (*path, numbers)
        match = _NUMBERS.fullmatch(numbers)
        if match is None:
            raise DataProblem(here, 'expected the number of an invocation, like "0", or a range, like "1-3".')
        first, last = int(match[1]), int(match[2] or match[1])
        if not isinstance(given, dict) or ("Return" in given) == ("Throw" in given):
            raise DataProblem(here, "expected exactly one of Return and Throw.")
        if "Return" in given:
            steps.append(Step(first, last, Returns(given["Return"])))
            continue
        thrown = given["Throw"]
        if not isinstance(thrown, dict) or not {"Error", "Cause"} <= thrown.keys():
            raise DataProblem((*here, "Throw"), "expected Error and Cause.")
        steps.append(Step(first, last, Raises(thrown["Error"], thrown["Cause"])))
    return Steps(tuple(steps))


def parse_answers(written: Any, path: Path) -> dict[str, Answer]:
    """What the tasks of states answer, as our own form has it. Raises `DataProblem`."""
    return {state: parse_answer(answer, (*path, state)) for state, answer in table(written, path).items()}


def parse_answer(written: Any, path: Path) -> Answer:
    """One answer as our own form has it. Raises `DataProblem`."""
    if isinstance(written, list):
        answers = [parse_answer(one, (*path, number)) for number, one in enumerate(written)]
        return Steps(tuple(Step(number, number, answer) for number, answer in enumerate(answers)))
    if written in ("never", "real"):
        written = {written: True}
    if not isinstance(written, dict):
        raise DataProblem(path, f"{EXPECTED}; found {written!r}.")
    answer = _plain(table(written, path, _KEYS), path)
    if "after" not in written and "beat" not in written:
        return answer
    beat = _seconds(written, "beat", path) if "beat" in written else None
    return After(_seconds(written, "after", path), answer, beat)


def _plain(written: Mapping[str, Any], path: Path) -> Answer:
    kinds = [key for key in ("return", "raise", "items", "never", "real") if key in written]
    if len(kinds) != 1:
        raise DataProblem(path, f"{EXPECTED}, and one only.")
    match kinds[0]:
        case "return":
            return Returns(written["return"])
        case "raise":
            return _raised(written["raise"], (*path, "raise"))
        case "items":
            items = table(written["items"], (*path, "items"))
            if not all(index.isdecimal() for index in items):
                raise DataProblem((*path, "items"), "expected the indices of items, counted from 0.")
            answers = {int(index): parse_answer(one, (*path, "items", index)) for index, one in items.items()}
            if "otherwise" not in written:
                return ByItem(answers)
            return ByItem(answers, parse_answer(written["otherwise"], (*path, "otherwise")))
        case "never":
            return Silent()
        case _:
            return Real()


def _raised(thrown: Any, path: Path) -> Answer:
    if isinstance(thrown, str):
        return Raises(thrown)
    if not isinstance(thrown, dict) or not thrown.keys() <= {"error", "cause"}:
        raise DataProblem(path, "expected the name of an error, or `error:` and `cause:`.")
    return Raises(thrown.get("error"), thrown.get("cause"))


def _seconds(written: Mapping[str, Any], key: str, path: Path) -> float:
    value = written.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise DataProblem((*path, key), f"expected seconds, a positive number; found {value!r}.")
    return float(value)
