"""State machines in deployment files: found, their substitutions applied, their functions' code known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asl_runner.definition import load
from asl_runner.definition.templates.find import find_machines
from asl_runner.definition.templates.intrinsics import NO_VALUE, Resolver
from asl_runner.definition.templates.kind import is_template
from asl_runner.definition.templates.model import DeployedMachine, Names
from asl_runner.errors import UsageError

LOCAL = Names()
TOPIC = "arn:aws:sns:us-east-1:123456789012:Topic"
LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:"
STATES = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "${WorkArn}", "End": True}}}

SAM = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Tags: {Type: CommaDelimitedList, Default: "a,b"}
Globals: {Function: {Runtime: python3.12, Environment: {Variables: {STAGE: !Ref Stage}}}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.run, Timeout: 7, Environment: {Variables: {PROD: !If [IsProd, 1, 0]}}}
  OnlyProd:
    Type: AWS::Serverless::Function
    Condition: IsProd
    Properties: {InlineCode: "x", Handler: index.handler}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Sub "order-${Stage}"
      Type: EXPRESS
      DefinitionUri: m.asl.json
      DefinitionSubstitutions: {WorkArn: !GetAtt Work.Arn, Unused: 1}
"""


def write(folder: Path, name: str, content: Any) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def the_machine(file: Path, **given: str) -> DeployedMachine:
    (machine,) = find_machines(file, LOCAL, given)
    load(machine.definition)
    return machine


def resource_of(machine: DeployedMachine) -> Any:
    return machine.definition["States"]["A"]["Resource"]


def test_sam(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    write(tmp_path, "m.asl.json", STATES)
    file = write(tmp_path, "template.yaml", SAM)
    machine = the_machine(file)
    assert (machine.name, machine.type, resource_of(machine)) == ("order-dev", "EXPRESS", f"{LAMBDA}Work")
    (work,) = machine.functions
    assert (work.path, work.handler, work.runtime, work.timeout) == (tmp_path / "src", "app.run", "python3.12", 7)
    assert work.environment == {"STAGE": "dev", "PROD": "0"}
    prod = the_machine(file, Stage="prod")
    assert [function.name for function in prod.functions] == ["Work", "OnlyProd"]
    assert (prod.name, prod.functions[0].environment["PROD"], prod.functions[1].source) == ("order-prod", "1", "x")
    with pytest.raises(UsageError, match="no parameter 'Stag': did you mean 'Stage'"):
        find_machines(file, LOCAL, {"Stag": "x"})
    (tmp_path / "m.asl.json").unlink()
    with pytest.raises(UsageError, match=r"its DefinitionUri names .*m.asl.json, which is not there"):
        find_machines(file, LOCAL, {})


def test_cloudformation_with_the_definition_in_pieces(tmp_path: Path) -> None:
    text = json.dumps(STATES).replace('"${WorkArn}"', '"')
    before, after = text.split('""') if '""' in text else text.split('"Resource": "', 1)
    pieces = [f'{before}"Resource": "', {"Fn::GetAtt": ["Work", "Arn"]}, '"' + after.lstrip('"')]
    template = {
        "Resources": {
            "Work": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "real", "Code": {"ZipFile": "y"}}},
            "M": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"DefinitionString": {"Fn::Join": ["", pieces]}},
            },
        }
    }
    machine = the_machine(write(tmp_path, "t.json", template))
    assert (machine.name, resource_of(machine)) == ("M", f"{LAMBDA}real")
    assert (machine.functions[0].source, machine.functions[0].handler) == ("y", "index.handler")


def test_a_cloud_assembly_of_the_cdk(tmp_path: Path) -> None:
    template = {
        "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk/v"}},
        "Resources": {
            "WorkABC": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Handler": "index.main",
                    "Runtime": "python3.11",
                    "Code": {"S3Bucket": "b", "S3Key": "k"},
                },
                "Metadata": {"aws:asset:path": "asset.123"},
            },
            "MachineDEF": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "Definition": STATES,
                    "DefinitionSubstitutions": {"WorkArn": {"Fn::GetAtt": ["WorkABC", "Arn"]}},
                },
            },
        },
    }
    out = tmp_path / "cdk.out"
    write(out, "Stack.template.json", template)
    with pytest.raises(UsageError, match=r"no cdk\.out: it has no manifest\.json"):
        find_machines(out, LOCAL, {})
    write(out, "manifest.json", {})
    (out / "asset.123").mkdir()
    machine = the_machine(out)
    assert (machine.functions[0].path, resource_of(machine)) == (out / "asset.123", f"{LAMBDA}WorkABC")


def test_terraform(tmp_path: Path) -> None:
    definition = json.dumps(STATES).replace("${WorkArn}", f"{LAMBDA}work")
    function = {"function_name": "work", "filename": "build/work.zip", "handler": "a.b", "runtime": "python3.11"}
    resources: list[dict[str, Any]] = [
        {
            "type": "aws_sfn_state_machine",
            "address": "a.m",
            "name": "m",
            "values": {"name": "m1", "definition": definition},
        },
        {
            "type": "aws_lambda_function",
            "name": "work",
            "values": {**function, "environment": [{"variables": {"A": "b"}}]},
        },
    ]
    plan = {
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"child_modules": [{"resources": resources}]}},
    }
    (tmp_path / "build" / "work").mkdir(parents=True)
    machine = the_machine(write(tmp_path, "plan.json", plan))
    assert (machine.name, machine.functions[0].path) == ("m1", tmp_path / "build" / "work")
    assert machine.functions[0].environment == {"A": "b"}
    del resources[0]["values"]["definition"]
    with pytest.raises(UsageError, match=r"definition of a.m is known only after apply"):
        find_machines(write(tmp_path, "plan.json", plan), LOCAL, {})


SERVERLESS = """\
service: shop
provider: {name: aws, runtime: python3.11, stage: "${opt:stage, 'dev'}", environment: {REGION: "${aws:region}"}}
custom: {suffix: "-${sls:stage}"}
functions:
  work: {handler: src/app.run, timeout: 5}
stepFunctions:
  stateMachines:
    order:
      name: "order${self:custom.suffix}"
      definition:
        StartAt: A
        States:
          A: {Type: Task, Resource: {Fn::GetAtt: [work, Arn]}, Next: B}
          B: {Type: Task, Resource: !GetAtt WorkLambdaFunction.Arn, End: true}
"""


def test_serverless(tmp_path: Path) -> None:
    file = write(tmp_path, "serverless.yml", SERVERLESS)
    machine = the_machine(file)
    assert (machine.name, resource_of(machine)) == ("order-dev", f"{LAMBDA}shop-dev-work")
    assert machine.definition["States"]["B"]["Resource"] == f"{LAMBDA}shop-dev-work"
    (work,) = machine.functions
    assert (work.name, work.path, work.handler, work.timeout) == ("shop-dev-work", tmp_path, "src/app.run", 5)
    assert work.environment == {"REGION": "us-east-1"}
    assert the_machine(file, stage="prod").name == "order-prod"


def test_what_is_beside_a_machine_depends_on_what_it_refers_to(tmp_path: Path) -> None:
    """Not on what happens to be called as some text of it."""
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Letters", "Arn"]}}
    resources = {
        "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": redrive}},
        "Letters": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "of", "Value": "Jobs"}]}},
        "Name": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": {"Fn::Sub": "${Jobs.QueueName}!"}}},
        "Last": {"Type": "AWS::SNS::Topic", "DependsOn": "Name"},
        "M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": STATES}},
    }
    machine = the_machine(write(tmp_path, "template.json", {"Resources": resources}))
    depends_on = {name: one["DependsOn"] for name, one in machine.beside.items()}
    assert depends_on == {"Jobs": ["Letters"], "Letters": [], "Name": ["Jobs"], "Last": ["Name"]}


def test_serverless_written_briefly_and_in_parts(tmp_path: Path) -> None:
    brief = SERVERLESS.replace(SERVERLESS.splitlines()[1], "provider: aws").replace("self:custom.suffix", "sls:stage")
    parts = (
        "resources: ['${file(more.yml)}', {Resources: {Q: {Type: AWS::SQS::Queue}}}, "
        "{Resources: {T: {Type: AWS::SNS::Topic}}}]\n"
    )
    machine = the_machine(write(tmp_path, "serverless.yml", brief + parts))
    assert (machine.name, machine.functions[0].name) == ("orderdev", "shop-dev-work")
    assert list(machine.beside) == ["Q", "T"]


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 1}, {"b": 1}),
        ({"Ref": "List"}, ["x", "y"]),
        ({"Fn::Join": ["-", {"Ref": "List"}]}, "x-y"),
        ({"Fn::Select": [1, {"Ref": "List"}]}, "y"),
        ({"Fn::Select": [0, {"Fn::Split": [",", "p,q"]}]}, "p"),
        ({"Fn::Sub": "${AWS::AccountId} ${!Literal} ${Topic}"}, "123456789012 ${Literal} " + TOPIC),
        ({"Fn::Sub": ["${a}!", {"a": {"Ref": "Queue"}}]}, "https://sqs.us-east-1.amazonaws.com/123456789012/q!"),
        ({"Fn::FindInMap": ["M", "us", "size"]}, 5),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::ImportValue": "other-stack"}, "${Export:other-stack}"),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/Table"),
        ({"Fn::GetAtt": ["Other", "Arn"]}, "arn:aws:kinesis:us-east-1:123456789012:Other"),
        ({"Ref": "Nobody"}, "${Nobody}"),
        ({"Condition": {"StringEquals": 1}}, {"Condition": {"StringEquals": 1}}),
    ],
)  # fmt: skip
def test_functions_of_templates(value: Any, expected: Any) -> None:
    template = {
        "Parameters": {"List": {"Type": "CommaDelimitedList", "Default": "x,y"}},
        "Mappings": {"M": {"us": {"size": 5}}},
        "Conditions": {
            "One": {"Fn::Equals": ["a", "a"]},
            "Both": {"Fn::And": [{"Condition": "One"}, {"Fn::Not": [{"Condition": "One"}]}]},
        },
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q"}},
            "Table": {"Type": "AWS::DynamoDB::Table"},
            "Other": {"Type": "AWS::Kinesis::Stream"},
        },
    }
    found = Resolver(template, LOCAL, {}).resolve(value)
    assert found is expected if expected is NO_VALUE else found == expected


@pytest.mark.parametrize(
    "value, expected",
    [
        (STATES, False),
        ({"Resources": {}}, True),
        ({"terraform_version": "1"}, True),
        ({"service": "s", "stepFunctions": {}}, True),
        ({"service": "s"}, False),
        ([], False),
    ],
)
def test_templates_are_told_from_definitions(value: Any, expected: bool) -> None:
    assert is_template(value) is expected


@pytest.mark.parametrize(
    "text, message", [("{", "not valid JSON"), ("a: [", "not valid YAML"), ("- 1", "holds no object")]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_machines(write(tmp_path, "t.yaml", text), LOCAL, {})
