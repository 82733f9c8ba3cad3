"""No expression hangs or kills the process: time, depth, memory and regular expressions have limits, in AWS's words."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, outcome
from hostile_expressions import DOUBLING, EXPRESSIONS
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_runner.expressions import jsonata_guard
from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonata import QueryEvaluationError, compile_jsonata
from asl_runner.expressions.jsonata_guard import Evaluation, Overrun, TooFar, guarded

STATES: dict[str, Any] = {"input": {"a": [1, 2, 3], "s": "text", "o": {"p": {"q": 1}}, "n": None}, "context": {}}
ENGINE = jsonata_guard.interruptible()
MEMORY = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
TIME = "Expression evaluation timeout: Check for infinite loop"
STACK = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive."


def failure(expression: str) -> str:
    """What comes after `threw an error during evaluation`."""
    with pytest.raises(QueryEvaluationError) as caught:
        compile_jsonata(expression, "Output")(STATES, NOWHERE)
    assert caught.value.error == "States.QueryEvaluationError"
    start = f"The JSONata expression '{expression}' specified for the field 'Output' threw an error during evaluation"
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)


@pytest.fixture
def short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations may take a fifth of a second, and the functions of this module may be stopped."""
    monkeypatch.setattr(jsonata_guard, "TIME_LIMIT", 0.2)
    monkeypatch.setattr(jsonata_guard, "interruptible", lambda: (*ENGINE, __file__))


def test_hostile_expressions_neither_hang_nor_kill_their_process() -> None:
    program = Path(__file__).with_name("hostile_expressions.py")
    child = subprocess.run(
        [sys.executable, str(program), "0.2"], capture_output=True, text=True, timeout=600, check=False
    )
    assert child.returncode == 0, child.stderr
    results = {row["name"]: row["result"] for row in map(json.loads, child.stdout.splitlines())}
    assert list(results) == list(EXPRESSIONS)
    assert all(result.endswith((TIME, MEMORY)) for name, result in results.items() if "shared" in name[:6])


@pytest.mark.parametrize(
    "expression, tail",
    [
        ("($f := function($n) { $f($n + 1) }; $f(0))", f": {TIME}"),
        ("$contains($pad('', 5000, 'a') & 'b', /^(a|aa)+$/)", f": {TIME}"),
        ("($f := function($n) { 1 + $f($n + 1) }; $f(0))", f": {STACK}"),
        ("+".join("1" * 101), f": {STACK}"),
        (DOUBLING % ("$x & $x", "$f('x', 23)"), f": {MEMORY}"),
        ("[1..873783] ~> $count()", f": {MEMORY}"),
        ("$range(1, 360146, 1)", f": {MEMORY}"),
        ("$pad('', 1e9)", f": {MEMORY}"),
        (
            "[1..1e9]",
            ". D2014: The size of the sequence allocated by the range operator (..) must not exceed 1e6.  "
            "Attempted to allocate 1000000000.",
        ),
        ("$match('abc', /x*/)", ". D1004: Regular expression matches zero length string"),
    ],
)
def test_each_limit_is_told_in_awss_words(expression: str, tail: str, short_time: None) -> None:
    assert failure(expression) == tail


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("[1..873782] ~> $count()", 873_782),
        ("$count($range(1, 360145, 1))", 360_145),
        (DOUBLING % ("$x & $x", "$length($f('x', 22))"), 1 << 22),
        ("+".join("1" * 100), 100),
        ("(" * 99 + "1" + ")" * 99, 1),
        ("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(31))", 31),
        ("($f := function($n) { $n = 0 ? 'end' : $f($n - 1) }; $f(20000))", "end"),
    ],
)
def test_what_the_service_evaluates_is_within_the_limits(expression: str, expected: Any) -> None:
    assert compile_jsonata(expression, "Output")(STATES, NOWHERE) == expected


def test_each_thread_is_stopped_for_itself(short_time: None) -> None:
    found: dict[int, str] = {}

    def run(number: int) -> None:
        try:
            guarded(Evaluation({}, NOWHERE, None), lambda _: _forever() if number % 2 else None)
            found[number] = "ended"
        except TooFar as limit:
            found[number] = str(limit)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: TIME if number % 2 else "ended" for number in range(6)}


def _forever() -> None:
    while True:
        pass


def test_code_that_swallows_what_stops_it_is_stopped_again(short_time: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_guard, "_AGAIN", 0.1)
    swallowed = 0

    def stubborn(_: Evaluation) -> None:
        nonlocal swallowed
        try:
            _forever()
        except Overrun:
            swallowed += 1
        _forever()

    with pytest.raises(TooFar, match="timeout"):
        guarded(Evaluation({}, NOWHERE, None), stubborn)
    assert swallowed == 1


def test_the_watch_ends_when_nothing_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_guard, "_IDLE_TICKS", 1)
    assert guarded(Evaluation({}, NOWHERE, None), lambda _: 1) == 1
    watch = jsonata_guard._watch
    if watch is not None:
        watch.join(timeout=60)
        assert not watch.is_alive()
    assert guarded(Evaluation({}, NOWHERE, None), lambda _: 2) == 2


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.sampled_from(
        ["$string", "$sum", "$count", "$keys", "$spread", "$reverse", "$distinct", "$number", "$hash"]
    )
    two = st.sampled_from(["$append", "$join", "$split", "$pad", "$match", "$power", "$zip", "$lookup", "$partition"])
    operators = st.sampled_from(["+", "-", "*", "/", "%", "&", "=", "<", "and", "in", "~>", "..", "?:", "."])
    return st.one_of(
        st.builds("{}({})".format, one, inner),
        st.builds("{}({}, {})".format, two, inner, inner),
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'k': {}, 'l': {}}}".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{} ? {} : {}".format, inner, inner, inner),
        st.builds("$map({}, function($v) {{ {} }})".format, inner, inner),
        st.builds("$reduce({}, function($v, $w) {{ {} }})".format, inner, inner),
        st.builds("($f := function($v) {{ {} }}; $f({}))".format, inner, inner),
        st.builds("$replace({}, /{}/, {})".format, inner, st.sampled_from(["a", "(a|b)*", "(.+)+$", "^"]), inner),
    )


LEAVES = """
1 0 -1 1e300 'a' '' null true $v $w $f($v) $ $x /a/ $sum $now() $uuid() {} [] [1..9]
$states.input $states.input.a $states.input.s $states.input.o.** $states.input.* $states.input.n
"""
leaves = st.sampled_from(LEAVES.split())


@settings(max_examples=200, deadline=None)
@given(st.recursive(leaves, _calls, max_leaves=12))
def test_random_expressions_give_a_value_or_an_error(expression: str) -> None:
    result = outcome(
        lambda: compile_jsonata(expression, "Output")(STATES, Surroundings()),
        ExpressionSyntaxError,
        QueryEvaluationError,
    )
    if not isinstance(result, Exception):
        json.dumps(result, allow_nan=False)


TRACED = """
import sys
import asl_runner.expressions.jsonata_guard as guard
from asl_runner.expressions.jsonata import QueryEvaluationError, compile_jsonata
from expression_surroundings import Surroundings

guard.TIME_LIMIT = 0.2
endless = compile_jsonata("( $f := function($n) { $f($n + 1) }; $f(1) )", "Output")
try:
    endless({"input": 1, "context": {}}, Surroundings({}))
except QueryEvaluationError as problem:
    print(str(problem)[-54:])
sys.settrace(lambda frame, event, argument: None)
print(sum(number for number in range(10)))
"""


def test_a_debugger_works_after_an_expression_was_stopped() -> None:
    """An exception that is taken back unraised keeps CPython 3.11 looking for it: traced code then never ends."""
    command = [sys.executable, "-c", TRACED]
    ran = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "Expression evaluation timeout: Check for infinite loop\n45\n", ran.stderr
