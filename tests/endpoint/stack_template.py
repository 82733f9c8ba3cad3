"""A template with a function and a state machine that calls it, and what tests do with stacks."""

from __future__ import annotations

import json
from typing import Any

TEMPLATE = """
Parameters:
  Word: { Type: String, Default: Hello }
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: { Version: 2012-10-17, Statement: [] }
  Greet:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: "20"
      Environment: { Variables: { WORD: !Ref Word } }
      Code:
        ZipFile: |
          import os
          def handler(event, context):
              return os.environ["WORD"] + " " + event["name"]
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub |
        {"StartAt": "Greet", "States": {"Greet": {"Type": "Task", "Resource": "${Greet.Arn}", "End": true}}}
      Tags: [{ Key: team, Value: orders }]
  Version:
    Type: AWS::StepFunctions::StateMachineVersion
    Properties:
      StateMachineArn: !Ref Machine
      StateMachineRevisionId: !GetAtt Machine.StateMachineRevisionId
  Live:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties:
      Name: live
      RoutingConfiguration: [{ StateMachineVersionArn: !Ref Version, Weight: 100 }]
Outputs:
  Machine: { Value: !Ref Machine }
  Live: { Value: !GetAtt Live.Arn }
  Function: { Value: !Ref Greet }
"""


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    """A stack's outputs by name."""
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def described(cloudformation: Any, name: str) -> dict[str, Any]:
    """The stack."""
    found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return found


def reasons(cloudformation: Any, name: str, status: str) -> list[str]:
    """Why resources of a stack got a status."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [each.get("ResourceStatusReason", "") for each in events if each["ResourceStatus"] == status]


def one_resource(type: str, **properties: Any) -> str:
    """A template with one resource `It`, and its `Ref` as output."""
    it = {"Type": type, "Properties": properties}
    return json.dumps({"Resources": {"It": it}, "Outputs": {"It": {"Value": {"Ref": "It"}}}})
