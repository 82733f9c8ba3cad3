"""Every problem of a pipeline definition is found, each with its place; parameters are read as their types say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_runs import condition, equals, function, get, pipeline

from asl_runner.cli.entry import run_command_line
from asl_runner.definition import read_document
from asl_runner.errors import UsageError
from asl_runner.sagemaker.pipelines import check, is_pipeline, read
from asl_runner.sagemaker.pipelines.parameters import resolve
from asl_runner.sagemaker.pipelines.references import parse, parse_keys


def problems(definition: Any) -> list[tuple[str, str | None]]:
    """Codes and places."""
    _, diagnostics = check(read_document(json.dumps(definition)))
    return [(one.code, one.location) for one in diagnostics]


def changed(**fields: Any) -> dict[str, Any]:
    return pipeline({**function("F"), **fields})


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (changed(Name="a b"), [("PIP201", "/Steps[0]/Name")]),
        (changed(Name=3), [("PIP102", "/Steps[0]/Name")]),
        (changed(Type="Lamda"), [("PIP103", "/Steps[0]/Type")]),
        (changed(Type="AutoML"), [("PIP301", "/Steps[0]/Type")]),
        (changed(Arguments=[]), [("PIP102", "/Steps[0]/Arguments")]),
        (changed(DependsOn="F"), [("PIP102", "/Steps[0]/DependsOn")]),
        (changed(DependsOn=["G"]), [("PIP202", "/Steps[0]/DependsOn[0]")]),
        (changed(DependsOn=["F"]), [("PIP203", "/Steps[0]/Name")]),
        (
            changed(RetryPolicies=[{}]),
            [("PIP103", "/Steps[0]/RetryPolicies"), ("PIP102", "/Steps[0]/RetryPolicies[0]")],
        ),
        (changed(Arguments={"x": get("Parameters.P")}), [("PIP202", "/Steps[0]/Arguments/x/Get")]),
        (changed(Arguments={"x": get("Execution.Id")}), [("PIP202", "/Steps[0]/Arguments/x/Get")]),
        (changed(Arguments={"x": get("Steps.G.x")}), [("PIP202", "/Steps[0]/Arguments/x/Get")]),
        (changed(Arguments={"x": get("Nothing")}), [("PIP204", "/Steps[0]/Arguments/x/Get")]),
        (changed(Arguments={"x": {"Std:Join": {}}}), [("PIP204", "/Steps[0]/Arguments/x/Std:Join")]),
        (changed(Arguments={"x": {"Std:JsonGet": {"Path": "a"}}}), [("PIP204", "/Steps[0]/Arguments/x/Std:JsonGet")]),
        (pipeline(), [("PIP103", "/Steps")]),
        (pipeline(function("F"), function("F")), [("PIP201", "/Steps[1]/Name")]),
        (pipeline({"Name": "F", "Type": "Lambda", "Arguments": {}}), [("PIP101", "/Steps[0]")]),
        (pipeline({"Name": "F", "Type": "Fail", "Arguments": {}}), [("PIP101", "/Steps[0]/Arguments")]),
        (pipeline(function("F"), parameters=[{"Name": "P", "Type": "Text"}]), [("PIP103", "/Parameters[0]/Type")]),
        (
            pipeline(condition("C", [{"Type": "Equal"}], [], [])),
            [("PIP103", "/Steps[0]/Arguments/Conditions[0]")],
        ),
        (
            pipeline(condition("C", [{"Type": "Not"}], [], [])),
            [("PIP101", "/Steps[0]/Arguments/Conditions[0]")],
        ),
        (
            pipeline(condition("C", [equals(1, 1)], [function("F")], [function("F")])),
            [("PIP201", "/Steps[0]/Arguments/ElseSteps[0]/Name")],
        ),
        ({"StartAt": "A", "States": {}}, [("PIP101", "/")]),
        ({"Steps": 3}, [("PIP102", "/Steps")]),
        (
            pipeline({**function("F"), "DependsOn": 3}),
            [("PIP102", "/Steps[0]/DependsOn")],
        ),
        ({"Steps": [3]}, [("PIP102", "/Steps[0]")]),
    ],
)
def test_problems_are_found_at_their_place(definition: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(definition) == expected


def test_all_problems_are_found_in_one_go() -> None:
    definition = pipeline(
        function("A", "Nope", x=get("Parameters.Q")), {"Name": "B", "Type": "Wait", "Arguments": {}}, parameters=[{}]
    )
    found = [code for code, _ in problems(definition)]
    assert found == ["PIP101", "PIP101", "PIP103"]
    definition["Parameters"], definition["Steps"][1]["Type"] = [], "Model"
    assert sorted(code for code, _ in problems(definition)) == ["PIP202", "PIP202"]


def test_a_property_file_lies_in_an_output() -> None:
    step = {
        "Name": "P",
        "Type": "Processing",
        "Arguments": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "train"}]}},
        "PropertyFiles": [{"PropertyFileName": "R", "OutputName": "trian", "FilePath": "r.json"}],
    }
    value = {"Std:JsonGet": {"PropertyFile": get("Steps.P.PropertyFiles.R"), "Path": "a"}}
    _, diagnostics = check(read_document(json.dumps(pipeline(step, function("F", x=value)))))
    assert [(one.code, one.hint) for one in diagnostics] == [("PIP202", 'did you mean "train"?')]


def test_circles_are_named() -> None:
    definition = pipeline(function("A", "C"), function("B", "A"), function("C", "B"))
    _, diagnostics = check(read_document(json.dumps(definition)))
    assert diagnostics[0].message == "These steps wait for each other: A → C → B → A"


def test_a_refused_step_may_be_left_out() -> None:
    definition = json.dumps(pipeline(function("F"), {"Name": "Q", "Type": "QualityCheck", "Arguments": {}}))
    assert check(read_document(definition))[0] is None
    assert read(definition, only=["F"]).step("Q") is not None


def test_what_is_a_pipeline() -> None:
    assert is_pipeline({"Steps": []})
    assert not is_pipeline({"StartAt": "A", "States": {}, "Steps": []})
    assert not is_pipeline([])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Name",
                        "Type",
                        "Arguments",
                        "Get",
                        "Std:Join",
                        "Values",
                        "Conditions",
                        "IfSteps",
                        "DependsOn",
                        "PropertyFiles",
                        "RetryPolicies",
                        "x",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(["Lambda", "Condition", "Processing", "Tuning", "Fail"]),
)
def test_nothing_a_document_holds_breaks_the_reader(value: Any, type_: str) -> None:
    step = {"Name": "F", "Type": type_, "FunctionArn": value, "Arguments": value}
    check(read_document(json.dumps({"Parameters": value, "Steps": [step, value]})))
    check(read_document(json.dumps(pipeline({**step, **(value if isinstance(value, dict) else {})}))))


@given(st.text(alphabet="aZ_0.[]'\"- ", max_size=12))
def test_any_text_is_a_path_or_none(text: str) -> None:
    keys = parse_keys(text)
    assert keys is None or all(isinstance(key, int | str) for key in keys)
    parse(text)


# parameters

PARAMETERS: list[dict[str, Any]] = [
    {"Name": "S", "Type": "String", "DefaultValue": "dev", "EnumValues": ["dev", "prod"]},
    {"Name": "I", "Type": "Integer", "DefaultValue": 1},
    {"Name": "F", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "B", "Type": "Boolean", "DefaultValue": True},
    {"Name": "Must", "Type": "String"},
]


def resolved(**given: Any) -> dict[str, Any]:
    return resolve(read(json.dumps(pipeline(function("F"), parameters=PARAMETERS))), given)


def test_values_are_read_as_their_types_say() -> None:
    assert resolved(Must="m") == {"S": "dev", "I": 1, "F": 0.5, "B": True, "Must": "m"}
    assert resolved(Must="m", S="prod", I="12", F="7", B="false") == {
        "S": "prod",
        "I": 12,
        "F": 7.0,
        "B": False,
        "Must": "m",
    }


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "Parameter 'Must' is undefined"),
        ({"Must": ""}, "Parameter 'Must': '' is not a text of 1 to 1024 characters."),
        ({"Must": "m", "Mist": "x"}, "Unknown parameter 'Mist'; did you mean 'Must'?"),
        ({"Must": "m", "S": "qa"}, "Parameter 'S': 'qa' is not one of 'dev', 'prod'."),
        ({"Must": "m", "I": "1.5"}, "Parameter 'I': '1.5' is not a whole number."),
        ({"Must": "m", "I": "many"}, "Parameter 'I': 'many' is not a whole number."),
        ({"Must": "m", "F": "seven"}, "Parameter 'F': 'seven' is not a number."),
        ({"Must": "m", "F": True}, "Parameter 'F': True is not a number."),
        ({"Must": "m", "B": "yes"}, "Parameter 'B': 'yes' is not true or false."),
    ],
)
def test_wrong_values_are_refused_with_what_was_expected(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(**given_)
    assert message in str(caught.value)


# the commands


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(pipeline(function("A"), function("B", "A"))))
    return path


def test_translate_prints_a_machine(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["translate", str(file)]) == 0
    assert set(json.loads(capsys.readouterr().out)["States"]) == {"Start of the pipeline", "A", "B"}
    assert run_command_line(["translate", "--step", "A", str(file)]) == 0
    assert "B" not in json.loads(capsys.readouterr().out)["States"]


def test_invalid_definitions_give_exit_code_3(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(pipeline(function("A", "B")), indent=1))
    assert run_command_line(["translate", str(file)]) == 3
    assert "error PIP202: The pipeline has no step 'B' to depend on" in capsys.readouterr().err
    assert run_command_line(["validate", str(file)]) == 3
    assert "error PIP202" in capsys.readouterr().out


def test_validate_knows_pipelines(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["validate", str(file)]) == 0
    assert capsys.readouterr().out == f"OK {file} (2 states)\n"
