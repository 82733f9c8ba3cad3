"""ARNs, page tokens and variable references, taken by themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.endpoint.stepfunctions.arns import parse_arn, parse_machine_arn
from asl_runner.endpoint.stepfunctions.definitions import problems
from asl_runner.endpoint.stepfunctions.paging import decode_token, encode_token
from asl_runner.endpoint.stepfunctions.targets import draw
from asl_runner.endpoint.stepfunctions.variables import variable_references
from asl_runner.history.machine_records import Route
from asl_runner.service_model.errors import ServiceError

PREFIX = "arn:aws:states:us-east-1:123456789012"
NAMES = st.text("abcXYZ09-_.", min_size=1, max_size=12)
PLACES = st.recursive(
    st.none() | st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(st.text() | st.lists(st.sampled_from(["arn", "aws", "states", "stateMachine", "r", "1", "", "/"])).map(":".join))
def test_any_text_is_an_arn_or_refused(text: str) -> None:
    try:
        found = parse_machine_arn(text)
    except ServiceError as refusal:
        code = refusal.code
    else:
        code = ""
        assert text.startswith(found.machine)
        assert found.machine.endswith(f":{found.name}")
    assert code in ("", "InvalidArn")


@given(NAMES, NAMES)
def test_the_parts_of_arns(name: str, qualifier: str) -> None:
    machine = f"{PREFIX}:stateMachine:{name}"
    assert not parse_machine_arn(machine).is_qualified
    found = parse_machine_arn(f"{machine}:{qualifier}")
    assert (found.machine, found.name, found.is_qualified) == (machine, name, True)
    assert (found.version, found.alias) == ((int(qualifier), None) if qualifier.isdigit() else (None, qualifier))
    assert parse_machine_arn(f"{machine}/{qualifier}").label == qualifier
    execution = parse_arn(f"{PREFIX}:execution:{name}:{qualifier}", "execution", "express")
    assert (execution.kind, execution.rest) == ("execution", (name, qualifier))


@given(PLACES, st.text(), st.text())
def test_a_token_is_good_for_its_list_only(place: Any, scope: str, other: str) -> None:
    token = encode_token(scope, place)
    assert decode_token(scope, token) == place
    if scope != other:
        with pytest.raises(ServiceError, match="Invalid token"):
            decode_token(other, token)


@given(st.text())
def test_any_text_is_no_token(text: str) -> None:
    with pytest.raises(ServiceError, match="Invalid token"):
        decode_token("list", text)


def test_a_version_without_weight_is_never_drawn() -> None:
    assert {draw([Route(1, 0), Route(2, 100)]) for _ in range(50)} == {2}


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({"InputPath": "$a.b"}, ["a"]),
        ({"Parameters": {"x.$": "$$.State.Name", "y": "$b", "z.$": "$.c"}}, []),
        ({"Parameters": {"x": [{"y.$": "States.Array($b, '$c', States.Format('{}', $a[0]))"}]}}, ["a", "b"]),
        ({"Choices": [{"Variable": "$a", "StringEqualsPath": "$b", "Next": "B"}]}, ["a", "b"]),
        ({"Assign": {"x.$": "$a"}, "Catch": [{"Assign": {"y.$": "$b"}}]}, ["a", "b"]),
        ({"QueryLanguage": "JSONata", "Output": "{% $a.b & $states.input.c & $uppercase('$x') %}"}, ["a"]),
        ({"QueryLanguage": "JSONata", "Output": {"x": "$a", "y": "{% $b %}"}}, ["b"]),
        (
            {"QueryLanguage": "JSONata", "Output": "{% ($q := 1; $reduce($a, function($i, $j) { $i + $j + $q })) %}"},
            ["a"],
        ),
    ],
)
def test_the_variables_of_a_state(state: dict[str, Any], names: list[str]) -> None:
    found = variable_references(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", **state}}}))
    assert found == ({"A": names} if names else {})


PASS = {"Type": "Pass", "End": True}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        # As the service answered, to the order; the last one is refused by us alone.
        (
            {"StartAt": "pass1", "States": {"pass1": {"Type": "Pass", "Next": "pass3"}, "pass2": PASS}},
            ["Missing 'Next' target: pass3 at /States/pass1/Next", 'State "pass2" is not reachable. at /States/pass2'],
        ),
        (
            {"StartAt": "Not sure", "States": {"Pass One": {"Type": "Pass", "Next": "Success"}, "Success": PASS}},
            [
                "Missing 'Next' target: Not sure at /StartAt",
                'State "Pass One" is not reachable. at /States/Pass One',
            ],
        ),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Succeed"}}},
            ['State "C" is not reachable. at /States/C'],
        ),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Pass", "Next": "A"}}}, []),
        (
            {"StartAt": "A", "States": {"A": PASS, "B": {"Type": "Pass", "Next": "B"}}},
            ['State "B" is not reachable. at /States/B'],
        ),
    ],
)
def test_targets_and_reachability_as_the_service_reports_them(document: dict[str, Any], found: list[str]) -> None:
    reported = [each for each in problems(json.dumps(document), "STANDARD")[1] if each.severity == "error"]
    shown = [f"{each.message} at {each.location}" for each in reported if each.aws_code == "MISSING_TRANSITION_TARGET"]
    assert shown == found
