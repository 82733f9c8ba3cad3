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
from pathlib import Path
from typing import Any

from asl_runner.errors import UsageError, near
from asl_runner.resources.mocks.answers import After, Answer, ByItem, Raises, Real, Returns, Silent, Step, Steps
from asl_runner.resources.mocks.tasks import Mocks

EXPECTED = "expected `return:`, `raise:`, `items:`, `never` or `real`, or a list with one for each invocation"

_KEYS = frozenset({"return", "raise", "never", "real", "items", "otherwise", "after", "beat"})
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")


def read_mocks(file: Path, machine: str, case: str | None) -> Mocks:
    """The mocks of a file for a state machine of this name.

    A file of Step Functions Local needs the `case`, one of our own has none. Raises `UsageError` naming the place.
    """
    document = _document(file)
    try:
        if "StateMachines" in document:
            return Mocks(local_case(document, machine, case), validate="NONE")
        if case is not None:
            raise UsageError(f"the file has no test cases, so no case {case!r}; leave --case away.")
        return Mocks({state: parse_answer(written, state) for state, written in document.items()})
    except UsageError as problem:
        raise UsageError(f"{file}: {problem}") from None


def _document(file: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no mock file {file}.") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"The mock file {file} cannot be read: {problem}") from None
    except yaml.YAMLError as problem:
        raise UsageError(f"The mock file {file} is neither JSON nor YAML: {problem}") from None
    if not isinstance(document, dict):
        raise UsageError(f"The mock file {file} holds no object; expected states and what their tasks answer.")
    return {str(key): value for key, value in document.items()}


def local_case(document: Mapping[str, Any], machine: str, case: str | None) -> dict[str, Answer]:
    """The answers of a test case in a document of Step Functions Local. Raises `UsageError`."""
    machines = _table(document, "StateMachines")
    cases = _table(_chosen(machines, machine, "StateMachines"), "TestCases", f"StateMachines.{machine}")
    if case is None:
        raise UsageError(f"which test case? Say --case with one of {', '.join(map(repr, cases)) or 'none'}.")
    states = _chosen(cases, case, f"StateMachines.{machine}.TestCases")
    responses = _table(document, "MockedResponses")
    return {
        state: _response(_chosen(responses, name, "MockedResponses"), f"MockedResponses.{name}")
        for state, name in states.items()
    }


def _response(response: Mapping[str, Any], where: str) -> Answer:
    steps = []
    for numbers, given in response.items():
        here = f"{where}.{numbers}"
        match = _NUMBERS.fullmatch(str(numbers))
        if match is None:
            raise UsageError(f'{here}: expected the number of an invocation, like "0", or a range, like "1-3".')
        first, last = int(match[1]), int(match[2] or match[1])
        if not isinstance(given, dict) or ("Return" in given) == ("Throw" in given):
            raise UsageError(f"{here}: expected exactly one of Return and Throw.")
        if "Return" in given:
            steps.append(Step(first, last, Returns(given["Return"])))
            continue
        thrown = given["Throw"]
        if not isinstance(thrown, dict) or not {"Error", "Cause"} <= thrown.keys():
            raise UsageError(f"{here}.Throw: expected Error and Cause.")
        steps.append(Step(first, last, Raises(thrown["Error"], thrown["Cause"])))
    return Steps(tuple(steps))


def _table(document: Mapping[str, Any], key: str, where: str = "") -> dict[str, Any]:
    table = document.get(key)
    if not isinstance(table, dict):
        raise UsageError(f"{where + '.' if where else ''}{key}: expected an object.")
    return {str(name): value for name, value in table.items()}


def _chosen(table: Mapping[str, Any], name: object, where: str) -> dict[str, Any]:
    if name not in table:
        raise UsageError(f"{where} has no {name!r}: {near(str(name), table)}")
    found = table[str(name)]
    if not isinstance(found, dict):
        raise UsageError(f"{where}.{name}: expected an object.")
    return found


def parse_answer(written: Any, where: str) -> Answer:
    """An answer as our own form has it. Raises `UsageError`."""
    if isinstance(written, list):
        answers = [parse_answer(one, f"{where}[{number}]") for number, one in enumerate(written)]
        return Steps(tuple(Step(number, number, answer) for number, answer in enumerate(answers)))
    if written in ("never", "real"):
        written = {written: True}
    if not isinstance(written, dict):
        raise UsageError(f"{where}: {EXPECTED}; found {written!r}.")
    if unknown := [key for key in written if key not in _KEYS]:
        raise UsageError(f"{where} has {unknown[0]!r}: {near(str(unknown[0]), sorted(_KEYS))}")
    answer = _plain(written, where)
    if "after" not in written and "beat" not in written:
        return answer
    return After(
        _seconds(written, "after", where), answer, _seconds(written, "beat", where) if "beat" in written else None
    )


def _plain(written: Mapping[str, Any], where: str) -> Answer:
    kinds = [key for key in ("return", "raise", "items", "never", "real") if key in written]
    if len(kinds) != 1:
        raise UsageError(f"{where}: {EXPECTED}, and one only.")
    match kinds[0]:
        case "return":
            return Returns(written["return"])
        case "raise":
            thrown = written["raise"]
            if isinstance(thrown, str):
                return Raises(thrown)
            if not isinstance(thrown, dict) or not thrown.keys() <= {"error", "cause"}:
                raise UsageError(f"{where}.raise: expected the name of an error, or `error:` and `cause:`.")
            return Raises(thrown.get("error"), thrown.get("cause"))
        case "items":
            items = written["items"]
            if not isinstance(items, dict) or not all(str(index).isdecimal() for index in items):
                raise UsageError(f"{where}.items: expected the indices of items, counted from 0, each with an answer.")
            answers = {int(index): parse_answer(one, f"{where}.items.{index}") for index, one in items.items()}
            if "otherwise" not in written:
                return ByItem(answers)
            return ByItem(answers, parse_answer(written["otherwise"], f"{where}.otherwise"))
        case "never":
            return Silent()
        case _:
            return Real()


def _seconds(written: Mapping[str, Any], key: str, where: str) -> float:
    value = written.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise UsageError(f"{where}.{key}: expected seconds, a positive number; found {value!r}.")
    return float(value)
