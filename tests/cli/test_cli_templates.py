"""`asl-runner run` on what deploys a state machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import PASS, asl_runner, write

TEMPLATE = """\
Parameters: {Word: {Type: String, Default: Hello}}
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/greet/
      Handler: app.run
      Runtime: python3.11
      Environment: {Variables: {WORD: !Ref Word}}
  Shout:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.11
      InlineCode: |
        def handler(event, context):
            return event + "!"
  Web:
    Type: AWS::Serverless::Function
    Properties: {Handler: index.handler, Runtime: nodejs22.x, InlineCode: "exports.handler = 1"}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: m.asl.yaml
      DefinitionSubstitutions: {GreetArn: !GetAtt Greet.Arn, ShoutArn: !GetAtt Shout.Arn}
"""
MACHINE = """\
StartAt: Greet
States:
  Greet: {Type: Task, Resource: "${GreetArn}", Next: Shout}
  Shout: {Type: Task, Resource: "${ShoutArn}", End: true}
"""
CODE = "import os\ndef run(event, context):\n    return os.environ['WORD'] + ' ' + event\n"


def project(folder: Path, template: str = TEMPLATE) -> None:
    write(folder, "template.yaml", template)
    write(folder, "m.asl.yaml", MACHINE)
    write(folder, "src/greet/app.py", CODE)


def test_its_functions_run_from_their_code(tmp_path: Path) -> None:
    project(tmp_path)
    ran = asl_runner(tmp_path, "run", "template.yaml", "-i", '"Ada"', "-p", "Word=Hi")
    assert (ran.returncode, ran.stdout) == (0, '"Hi Ada!"\n'), ran.stderr
    assert "Web is a nodejs22.x function; only Python runs here." in ran.stderr
    assert "  Machine  " in asl_runner(tmp_path, "list").stdout


def test_the_configuration_goes_before_the_template(tmp_path: Path) -> None:
    project(tmp_path)
    write(tmp_path, "own.py", "def handler(event, context):\n    return 'own ' + event\n")
    write(tmp_path, "asl-runner.toml", '[functions]\n"Gree*" = "own.py"\n')
    ran = asl_runner(tmp_path, "run", "-q", "template.yaml", "-i", '"Ada"')
    assert (ran.returncode, ran.stdout) == (0, '"own Ada!"\n'), ran.stderr


def test_several_machines_need_a_name(tmp_path: Path) -> None:
    second = TEMPLATE + "  Other: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: m.asl.yaml}}\n"
    project(tmp_path, second)
    several = asl_runner(tmp_path, "run", "template.yaml")
    assert (several.returncode, "say --machine with one of Machine, Other" in several.stderr) == (2, True)
    unknown = asl_runner(tmp_path, "run", "template.yaml", "--machine", "Machin")
    assert (unknown.returncode, "no state machine 'Machin': did you mean 'Machine'?" in unknown.stderr) == (2, True)
    unfilled = asl_runner(tmp_path, "run", "template.yaml", "--machine", "Other")
    assert (unfilled.returncode, "${GreetArn}" in unfilled.stderr) == (2, True)
    named = asl_runner(tmp_path, "run", "-q", "template.yaml", "--machine", "Machine", "-i", '"Bo"')
    assert named.stdout == '"Hello Bo!"\n'


def test_what_is_no_template_takes_no_parameters(tmp_path: Path) -> None:
    write(tmp_path, "m.asl.json", {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    ran = asl_runner(tmp_path, "run", "m.asl.json", "-p", "A=1")
    assert (ran.returncode, "m.asl.json is neither" in ran.stderr) == (2, True)
    folder = asl_runner(tmp_path, "run", ".")
    assert (folder.returncode, "no cdk.out: it has no manifest.json" in folder.stderr) == (2, True)


def test_validate_checks_each_state_machine_of_a_template(tmp_path: Path) -> None:
    project(tmp_path)
    good = asl_runner(tmp_path, "validate", "template.yaml")
    assert (good.returncode, good.stdout) == (0, "OK template.yaml, Machine (2 states)\n")
    write(tmp_path, "m.asl.yaml", MACHINE.replace("Next: Shout", "Next: Shoot"))
    bad = asl_runner(tmp_path, "validate", "template.yaml")
    assert bad.returncode == 3
    assert "/States/Greet/Next" in bad.stdout
    assert 'did you mean "Shout"?' in bad.stdout


def test_validate_says_that_a_template_has_no_state_machine(tmp_path: Path) -> None:
    write(tmp_path, "template.yaml", "Resources: {Topic: {Type: AWS::SNS::Topic}}\n")
    bad = asl_runner(tmp_path, "validate", "template.yaml")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "template.yaml deploys no state machine." in bad.stderr


@pytest.mark.parametrize("command", ["run", "graph", "validate"])
def test_a_definition_beside_the_template_that_is_no_text_is_said(tmp_path: Path, command: str) -> None:
    project(tmp_path)
    (tmp_path / "m.asl.yaml").write_bytes(b"StartAt: \xff\n")
    bad = asl_runner(tmp_path, command, "template.yaml")
    assert (bad.returncode, "m.asl.yaml cannot be read: " in bad.stderr) == (2, True), bad.stderr


STACK = """\
Resources:
  Orders:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: Id, Type: String}}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      RedrivePolicy: {maxReceiveCount: 3, deadLetterTargetArn: !GetAtt Dead.Arn}
  Dead: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Letters: {Type: AWS::S3::Bucket}
  Approval: {Type: AWS::StepFunctions::Activity, Properties: {Name: approval}}
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Never: {Type: AWS::SQS::Queue, Condition: Nowhere}
  Write:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.11
      Environment: {Variables: {BUCKET: !Ref Letters}}
      InlineCode: |
        import os, boto3
        def handler(event, context):
            boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="a", Body=b"b")
  Child:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: C, States: {C: {Type: Pass, Result: done, End: true}}}
  Parent:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Put
        States:
          Put:
            Type: Task
            Resource: arn:aws:states:::dynamodb:putItem
            Parameters: {TableName: !Ref Orders, Item: {Id: {S: a}}}
            ResultPath: null
            Next: Send
          Send:
            Type: Task
            Resource: arn:aws:states:::sqs:sendMessage
            Parameters: {QueueUrl: !Ref Jobs, MessageBody: hi, MessageGroupId: a, MessageDeduplicationId: b}
            ResultPath: null
            Next: Write
          Write: {Type: Task, Resource: !GetAtt Write.Arn, ResultPath: null, Next: Start}
          Start:
            Type: Task
            Resource: arn:aws:states:::states:startExecution.sync:2
            Parameters: {StateMachineArn: !Ref Child}
            OutputPath: $.Output
            Next: Approve
          Approve:
            Type: Task
            Resource: arn:aws:states:::aws-sdk:sfn:describeActivity
            Parameters: {ActivityArn: !Ref Approval}
            ResultPath: null
            End: true
Conditions:
  Nowhere: !Equals [a, b]
"""


def test_what_the_template_has_beside_the_machine_is_there(tmp_path: Path) -> None:
    write(tmp_path, "template.yaml", STACK)
    # The second run finds the bucket, the activity and the other machine of the first.
    for _ in range(2):
        ran = asl_runner(tmp_path, "run", "template.yaml", "--machine", "Parent")
        assert (ran.returncode, ran.stdout) == (0, '"done"\n'), ran.stderr
        created = "Creating what the template has beside it: Orders, Jobs, Dead, Letters, Approval, StateMachineChild."
        assert created in ran.stderr
    assert (tmp_path / ".asl-runner/s3/letters/a").read_bytes() == b"b"


def test_nothing_is_created_for_tasks_that_are_mocked(tmp_path: Path) -> None:
    write(tmp_path, "template.yaml", STACK)
    moment = "2026-01-01T00:00:00Z"
    names = ("ExecutionArn", "Input", "Name", "Output", "StateMachineArn", "Status")
    answers: dict[str, object] = {
        "Put": {},
        "Send": {"MessageId": "m", "MD5OfMessageBody": "x"},
        "Write": 1,
        "Start": {**dict.fromkeys(names, "SUCCEEDED"), "StartDate": moment, "StopDate": moment},
        "Approve": {"ActivityArn": "a", "Name": "approval", "CreationDate": moment},
    }
    write(tmp_path, "mocks.json", {name: {"return": answer} for name, answer in answers.items()})
    ran = asl_runner(tmp_path, "run", "template.yaml", "--machine", "Parent", "--mock", "mocks.json")
    assert ran.returncode == 0, ran.stderr
    assert "Creating" not in ran.stderr


def test_what_cannot_be_created_is_said_and_the_rest_runs(tmp_path: Path) -> None:
    broken = STACK.replace("CidrBlock: 10.0.0.0/16}}", "CidrBlock: x}}\n  Bad: {Type: AWS::DynamoDB::Table}")
    write(tmp_path, "template.yaml", broken)
    ran = asl_runner(tmp_path, "run", "template.yaml", "--machine", "Parent")
    assert "Could not be created here: Bad (AWS::DynamoDB::Table): " in ran.stderr
    assert (ran.returncode, ran.stdout) == (0, '"done"\n'), ran.stderr


@pytest.mark.parametrize("command", ["validate", "run", "graph"])
def test_a_template_on_standard_input_is_refused_in_a_clear_word(tmp_path: Path, command: str) -> None:
    machine = {"Type": "AWS::Serverless::StateMachine", "Properties": {"Definition": PASS}}
    ran = asl_runner(tmp_path, command, "-", stdin=json.dumps({"Resources": {"M": machine}}))
    said = "Error: A template cannot come from standard input: it names files beside it. Give its path.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", said)
