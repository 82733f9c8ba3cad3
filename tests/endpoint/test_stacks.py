"""Stacks: what they declare is created, changed and deleted in the workspace, by boto3 against the real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess
from stack_template import TEMPLATE, described, one_resource, outputs, reasons

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def ended(states: Any, machine: str, input: str = "{}") -> dict[str, Any]:
    arn = states.start_execution(stateMachineArn=machine, input=input)["executionArn"]
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    result: dict[str, Any] = found
    return result


def test_a_stack_runs_and_its_changes_too(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    cloudformation.create_stack(StackName="greeting", TemplateBody=TEMPLATE, Tags=[{"Key": "env", "Value": "test"}])
    cloudformation.get_waiter("stack_create_complete").wait(StackName="greeting")
    found = outputs(described(cloudformation, "greeting"))
    assert ended(states, found["Live"], '{"name": "Ada"}')["output"] == '"Hello Ada"'
    assert states.describe_state_machine(stateMachineArn=found["Machine"])["name"].startswith("greeting-Machine-")
    tags = {each["key"]: each["value"] for each in states.list_tags_for_resource(resourceArn=found["Machine"])["tags"]}
    assert (tags["team"], tags["env"], tags["aws:cloudformation:stack-name"]) == ("orders", "test", "greeting")

    word = [{"ParameterKey": "Word", "ParameterValue": "Goodbye"}]
    cloudformation.update_stack(StackName="greeting", UsePreviousTemplate=True, Parameters=word)
    cloudformation.get_waiter("stack_update_complete").wait(StackName="greeting")
    assert ended(states, found["Live"], '{"name": "Ada"}')["output"] == '"Goodbye Ada"'
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName="greeting", UsePreviousTemplate=True, Parameters=word)

    cloudformation.delete_stack(StackName="greeting")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="greeting")
    with pytest.raises(ClientError, match="State Machine Does Not Exist"):
        states.describe_state_machine(stateMachineArn=found["Machine"])
    with pytest.raises(ClientError, match="Function not found"):
        client("lambda").get_function(FunctionName=found["Function"])


def test_another_definition_is_another_version_and_the_old_one_goes(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    cloudformation.create_stack(StackName="versioned", TemplateBody=TEMPLATE)
    found = outputs(described(cloudformation, "versioned"))
    again = TEMPLATE.replace('"Greet"', '"Hail"')
    kept = [{"ParameterKey": "Word", "UsePreviousValue": True}]
    cloudformation.update_stack(StackName="versioned", TemplateBody=again, Parameters=kept)
    assert described(cloudformation, "versioned")["StackStatus"] == "UPDATE_COMPLETE"
    listed = states.list_state_machine_versions(stateMachineArn=found["Machine"])["stateMachineVersions"]
    assert [each["stateMachineVersionArn"] for each in listed] == [f"{found['Machine']}:2"]
    assert ended(states, found["Live"], '{"name": "Ada"}')["output"] == '"Hello Ada"'
    cloudformation.delete_stack(StackName="versioned")


def test_a_refused_definition_rolls_the_new_stack_back(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    wrong = TEMPLATE.replace('"StartAt": "Greet"', '"StartAt": "Grete"')
    identifier = cloudformation.create_stack(StackName="refused", TemplateBody=wrong)["StackId"]
    assert described(cloudformation, "refused")["StackStatus"] == "ROLLBACK_COMPLETE"
    (reason,) = reasons(cloudformation, "refused", "CREATE_FAILED")
    assert "Invalid State Machine Definition" in reason
    assert "Grete" in reason
    names = [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]]
    assert not [name for name in names if name.startswith("refused-")]
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        cloudformation.update_stack(StackName="refused", TemplateBody=TEMPLATE)
    cloudformation.delete_stack(StackName="refused")
    assert described(cloudformation, identifier)["StackStatus"] == "DELETE_COMPLETE"


def test_a_refused_change_leaves_everything_as_it_was(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    cloudformation.create_stack(StackName="steady", TemplateBody=TEMPLATE)
    found = outputs(described(cloudformation, "steady"))
    wrong = TEMPLATE.replace('"StartAt": "Greet"', '"StartAt": "Grete"').replace("Default: Hello", "Default: Bye")
    wrong += "  Gone: { Value: nothing }\n"
    cloudformation.update_stack(StackName="steady", TemplateBody=wrong)
    assert described(cloudformation, "steady")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(described(cloudformation, "steady")) == found
    assert ended(states, found["Live"], '{"name": "Ada"}')["output"] == '"Hello Ada"'
    assert cloudformation.get_template(StackName="steady")["TemplateBody"] == TEMPLATE
    cloudformation.delete_stack(StackName="steady")


def test_a_version_that_two_resources_share_outlives_the_rollback(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    cloudformation.create_stack(StackName="shared", TemplateBody=TEMPLATE)
    found = outputs(described(cloudformation, "shared"))
    template = TEMPLATE.replace(
        "Outputs:",
        """
  Again:
    Type: AWS::StepFunctions::StateMachineVersion
    Properties: { StateMachineArn: !Ref Machine, StateMachineRevisionId: INITIAL }
  Wrong:
    Type: AWS::StepFunctions::StateMachine
    DependsOn: Again
    Properties: { RoleArn: !GetAtt Role.Arn, DefinitionString: "{}" }
Outputs:""",
    )
    cloudformation.update_stack(StackName="shared", TemplateBody=template)
    assert described(cloudformation, "shared")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ended(states, found["Live"], '{"name": "Ada"}')["output"] == '"Hello Ada"'
    assert len(states.list_state_machine_versions(stateMachineArn=found["Machine"])["stateMachineVersions"]) == 1
    cloudformation.delete_stack(StackName="shared")


def test_what_becomes_of_a_stack_that_fails_can_be_chosen(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    wrong = one_resource("AWS::StepFunctions::StateMachine", RoleArn=ROLE, DefinitionString="{}")
    kept = cloudformation.create_stack(StackName="kept", TemplateBody=wrong, OnFailure="DO_NOTHING")["StackId"]
    gone = cloudformation.create_stack(StackName="gone", TemplateBody=wrong, OnFailure="DELETE")["StackId"]
    assert described(cloudformation, kept)["StackStatus"] == "CREATE_FAILED"
    assert described(cloudformation, gone)["StackStatus"] == "DELETE_COMPLETE"
    right = one_resource("AWS::StepFunctions::StateMachine", RoleArn=ROLE, DefinitionString=json.dumps(PASS))
    cloudformation.update_stack(StackName="kept", TemplateBody=right)
    assert described(cloudformation, "kept")["StackStatus"] == "UPDATE_COMPLETE"
    cloudformation.delete_stack(StackName="kept")


def test_a_change_set_says_what_it_changes_and_does_it(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")

    def change(name: str, type: str, template: str, **more: Any) -> dict[str, Any]:
        named = {"StackName": "reviewed", "ChangeSetName": name}
        cloudformation.create_change_set(**named, ChangeSetType=type, TemplateBody=template, **more)
        found: dict[str, Any] = cloudformation.describe_change_set(**named)
        return found

    first = change("first", "CREATE", TEMPLATE)
    assert {each["ResourceChange"]["Action"] for each in first["Changes"]} == {"Add"}
    assert described(cloudformation, "reviewed")["StackStatus"] == "REVIEW_IN_PROGRESS"
    cloudformation.execute_change_set(StackName="reviewed", ChangeSetName="first")
    assert described(cloudformation, "reviewed")["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="already exists and cannot be created again with the changeSet"):
        change("again", "CREATE", TEMPLATE)
    same = change("same", "UPDATE", TEMPLATE)
    assert (same["Status"], same["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in same["StatusReason"]
    with pytest.raises(ClientError, match="cannot be executed"):
        cloudformation.execute_change_set(StackName="reviewed", ChangeSetName="same")
    word = [{"ParameterKey": "Word", "ParameterValue": "Servus"}]
    other = change("other", "UPDATE", TEMPLATE, Parameters=word)
    changed = [each["ResourceChange"]["LogicalResourceId"] for each in other["Changes"]]
    assert changed == ["Greet"]
    cloudformation.delete_change_set(StackName="reviewed", ChangeSetName="same")
    cloudformation.delete_change_set(StackName="reviewed", ChangeSetName="never")
    summaries = cloudformation.list_change_sets(StackName="reviewed")["Summaries"]
    assert [each["ChangeSetName"] for each in summaries] == ["first", "other"]
    cloudformation.delete_stack(StackName="reviewed")


WORDS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": "${Word} ${Other}", "End": True}}}
DEFINITIONS: list[dict[str, Any]] = [
    {"Definition": WORDS},
    {"DefinitionString": json.dumps(WORDS)},
    {"DefinitionS3Location": {"Bucket": "definitions", "Key": "machine.yaml"}},
]


@pytest.mark.parametrize("given", DEFINITIONS, ids=["object", "string", "s3"])
def test_a_definition_comes_from_three_places(client: ClientFactory, given: dict[str, Any]) -> None:
    cloudformation, states, s3 = client("cloudformation"), client("stepfunctions"), client("s3")
    name = "from-" + next(iter(given)).lower()
    if "DefinitionS3Location" in given:
        s3.create_bucket(Bucket="definitions")
        text = 'StartAt: P\nStates: { P: { Type: Pass, Result: "${Word} ${Other}", End: true } }\n'
        s3.put_object(Bucket="definitions", Key="machine.yaml", Body=text.encode())
    substitutions = {"Word": "Hello"}
    template = one_resource(
        "AWS::StepFunctions::StateMachine", RoleArn=ROLE, DefinitionSubstitutions=substitutions, **given
    )
    cloudformation.create_stack(StackName=name, TemplateBody=template)
    machine = outputs(described(cloudformation, name))["It"]
    assert ended(states, machine)["output"] == '"Hello ${Other}"'
    cloudformation.delete_stack(StackName=name)


def test_logging_type_and_settings_are_the_state_machines(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": "logged-machine",
            "StateMachineType": "EXPRESS",
            "RoleArn": ROLE,
            "DefinitionString": json.dumps(PASS),
            "TracingConfiguration": {"Enabled": "true"},
            "LoggingConfiguration": {
                "Level": "ALL",
                "IncludeExecutionData": "true",
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Group", "Arn"]}}}],
            },
        },
    }
    resources = {"Machine": machine, "Group": {"Type": "AWS::Logs::LogGroup"}}
    cloudformation.create_stack(StackName="logged", TemplateBody=json.dumps({"Resources": resources}))
    assert described(cloudformation, "logged")["StackStatus"] == "CREATE_COMPLETE", reasons(
        cloudformation, "logged", "CREATE_FAILED"
    )
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:logged-machine"
    found = states.describe_state_machine(stateMachineArn=arn)
    assert (found["type"], found["loggingConfiguration"]["level"]) == ("EXPRESS", "ALL")
    assert found["tracingConfiguration"] == {"enabled": True}
    del machine["Properties"]["LoggingConfiguration"]  # type: ignore[attr-defined]
    cloudformation.update_stack(StackName="logged", TemplateBody=json.dumps({"Resources": resources}))
    assert states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]["level"] == "OFF"
    machine["Properties"]["StateMachineType"] = "STANDARD"  # type: ignore[index]
    cloudformation.update_stack(StackName="logged", TemplateBody=json.dumps({"Resources": resources}))
    (reason,) = reasons(cloudformation, "logged", "UPDATE_FAILED")
    assert reason.startswith("CloudFormation cannot update a stack when a custom-named resource requires replacing.")
    cloudformation.delete_stack(StackName="logged")


def test_function_versions_aliases_and_permissions(client: ClientFactory) -> None:
    cloudformation, functions = client("cloudformation"), client("lambda")
    template = {
        "Resources": {
            "Echo": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": "python3.12", "Handler": "index.handler", "Role": ROLE,
                    "Code": {"ZipFile": "def handler(event, context):\n    return context.function_version\n"},
                },
            },
            "One": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Echo"}}},
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "Name": "live", "FunctionName": {"Ref": "Echo"},
                    "FunctionVersion": {"Fn::GetAtt": ["One", "Version"]},
                },
            },
            "Allowed": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Live"},
                    "Principal": "events.amazonaws.com",
                },
            },
        },
        "Outputs": {"Live": {"Value": {"Ref": "Live"}}, "Function": {"Value": {"Ref": "Echo"}}},
    }  # fmt: skip
    cloudformation.create_stack(StackName="echoing", TemplateBody=json.dumps(template))
    found = outputs(described(cloudformation, "echoing"))
    assert functions.invoke(FunctionName=found["Live"])["Payload"].read() == b'"1"'
    policy = json.loads(functions.get_policy(FunctionName=found["Function"], Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    resources = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in cloudformation.list_stack_resources(StackName="echoing")["StackResourceSummaries"]
    }
    assert resources["Live"] == found["Live"]
    assert resources["One"].endswith(":1")
    cloudformation.delete_stack(StackName="echoing")
    with pytest.raises(ClientError, match="Function not found"):
        functions.get_function(FunctionName=found["Function"])


def test_a_bucket_of_a_stack_is_the_workspaces_and_code_comes_from_it(client: ClientFactory) -> None:
    cloudformation, s3 = client("cloudformation"), client("s3")
    cloudformation.create_stack(StackName="stored", TemplateBody=one_resource("AWS::S3::Bucket"))
    bucket = outputs(described(cloudformation, "stored"))["It"]
    s3.put_object(Bucket=bucket, Key="template.yaml", Body=TEMPLATE.encode())
    url = f"https://{bucket}.s3.us-east-1.amazonaws.com/template.yaml"
    parent = one_resource("AWS::CloudFormation::Stack", TemplateURL=url, Parameters={"Word": "Salut"})
    parent = parent.replace('{"Ref": "It"}', '{"Fn::GetAtt": ["It", "Outputs.Live"]}')
    cloudformation.create_stack(StackName="parent", TemplateBody=parent)
    live = outputs(described(cloudformation, "parent"))["It"]
    assert ended(client("stepfunctions"), live, '{"name": "Ada"}')["output"] == '"Salut Ada"'
    cloudformation.delete_stack(StackName="parent")
    cloudformation.delete_stack(StackName="stored")
    (reason,) = reasons(cloudformation, "stored", "DELETE_FAILED")[:1]
    assert "It" in reason
    s3.delete_object(Bucket=bucket, Key="template.yaml")
    cloudformation.delete_stack(StackName="stored")
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_an_activity_and_what_is_kept_after_its_stack(client: ClientFactory) -> None:
    cloudformation, states = client("cloudformation"), client("stepfunctions")
    template = json.loads(one_resource("AWS::StepFunctions::Activity", Name="kept-activity"))
    template["Resources"]["It"]["DeletionPolicy"] = "Retain"
    cloudformation.create_stack(StackName="activities", TemplateBody=json.dumps(template))
    arn = outputs(described(cloudformation, "activities"))["It"]
    cloudformation.delete_stack(StackName="activities")
    assert states.describe_activity(activityArn=arn)["name"] == "kept-activity"
    states.delete_activity(activityArn=arn)


@pytest.mark.parametrize(
    "template, message",
    [
        ("Resources: [", "Template format error: YAML not well-formed"),
        ("{}", "At least one Resources member must be defined"),
        (one_resource("AWS::S3::Bucket", BucketName={"Ref": "Nobody"}), r"Unresolved resource dependencies \[Nobody\]"),
        ("Transform: Mine\n" + TEMPLATE, "No transform named Mine is available here"),
        ("Parameters: {A: {Type: String}}\nResources: {B: {Type: 'AWS::S3::Bucket'}}", r"Parameters: \[A\] must have"),
    ],
)
def test_a_wrong_template_makes_no_stack(client: ClientFactory, template: str, message: str) -> None:
    cloudformation = client("cloudformation")
    with pytest.raises(ClientError, match=message) as refused:
        cloudformation.create_stack(StackName="wrong", TemplateBody=template)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="does not exist"):
        described(cloudformation, "wrong")


def test_a_function_of_another_runtime_is_refused_by_name(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    template = one_resource(
        "AWS::Lambda::Function", Runtime="nodejs20.x", Handler="index.handler", Role=ROLE, Code={"ZipFile": "x"}
    )
    cloudformation.create_stack(StackName="other-runtime", TemplateBody=template)
    (reason,) = reasons(cloudformation, "other-runtime", "CREATE_FAILED")
    assert "The runtime nodejs20.x is not available here" in reason
    cloudformation.delete_stack(StackName="other-runtime")


def test_the_next_server_takes_over_what_a_stack_had_made(serve: Callable[..., ServerProcess]) -> None:
    first = serve()
    first.client("cloudformation").create_stack(StackName="again", TemplateBody=TEMPLATE)
    before = outputs(described(first.client("cloudformation"), "again"))
    first.stop()
    second = serve()
    cloudformation, states = second.client("cloudformation"), second.client("stepfunctions")
    changed = TEMPLATE.replace("Default: Hello", "Default: Servus").replace('"Greet"', '"Hail"')
    cloudformation.create_stack(StackName="again", TemplateBody=changed)
    assert outputs(described(cloudformation, "again")) == before
    assert len(states.list_state_machines()["stateMachines"]) == 1
    assert ended(states, before["Live"], '{"name": "Ada"}')["output"] == '"Servus Ada"'
    cloudformation.create_stack(StackName="other", TemplateBody=one_resource(
        "AWS::StepFunctions::StateMachine", RoleArn=ROLE, DefinitionString=json.dumps(PASS),
        StateMachineName=before["Machine"].rpartition(":")[2],
    ))  # fmt: skip
    (reason,) = reasons(cloudformation, "other", "CREATE_FAILED")
    assert reason == f"State Machine Already Exists: '{before['Machine']}'"


def test_validate_and_summary_say_what_a_template_asks_for(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    said = cloudformation.validate_template(TemplateBody=TEMPLATE)
    assert said["Parameters"] == [{"ParameterKey": "Word", "DefaultValue": "Hello", "NoEcho": False}]
    assert said["Capabilities"] == ["CAPABILITY_IAM"]
    summary = cloudformation.get_template_summary(TemplateBody=TEMPLATE)
    assert "AWS::StepFunctions::StateMachine" in summary["ResourceTypes"]


def test_a_protected_stack_is_not_deleted(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="guarded", TemplateBody=one_resource("AWS::SQS::Queue"))
    cloudformation.update_termination_protection(StackName="guarded", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="guarded")
    cloudformation.update_termination_protection(StackName="guarded", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="guarded")


CUSTOM = """
Parameters:
  Word: { Type: String, Default: one }
Resources:
  Maker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/any
      Code:
        ZipFile: |
          import boto3, cfnresponse, json
          def handler(event, context):
              asked = event["ResourceProperties"]
              old = event.get("OldResourceProperties", {}).get("Word")
              line = f"{event['RequestType']} {event.get('PhysicalResourceId')} {old} {asked['Word']} {asked['Count']}"
              boto3.client("sqs").send_message(QueueUrl=asked["Queue"], MessageBody=line)
              if asked["Word"] == "bad":
                  return cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="No such word.")
              if asked["Word"] == "silent":
                  return None
              cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Loud": asked["Word"].upper()}, asked["Word"])
  Queue: { Type: AWS::SQS::Queue }
  Made:
    Type: Custom::Word
    Properties: { ServiceToken: !GetAtt Maker.Arn, Word: !Ref Word, Count: 3, Queue: !Ref Queue }
Outputs:
  Made: { Value: !Ref Made }
  Loud: { Value: !GetAtt Made.Loud }
  Queue: { Value: !Ref Queue }
"""


def test_a_custom_resource_is_made_by_its_function(client: ClientFactory) -> None:
    cloudformation, sqs = client("cloudformation"), client("sqs")

    def update(word: str) -> dict[str, str]:
        given = [{"ParameterKey": "Word", "ParameterValue": word}]
        cloudformation.update_stack(StackName="custom", UsePreviousTemplate=True, Parameters=given)
        return outputs(described(cloudformation, "custom"))

    def told() -> list[str]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return [each["Body"] for each in found]

    cloudformation.create_stack(StackName="custom", TemplateBody=CUSTOM)
    made = outputs(described(cloudformation, "custom"))
    queue = made["Queue"]
    assert (made["Made"], made["Loud"]) == ("one", "ONE")
    assert told() == ["Create None None one 3"]
    assert update("two")["Loud"] == "TWO"
    assert told() == ["Update one one two 3", "Delete one None one 3"]
    assert update("bad")["Loud"] == "TWO"
    assert reasons(cloudformation, "custom", "UPDATE_FAILED")[0].endswith("Message returned: No such word.")
    assert update("silent")["Loud"] == "TWO"
    assert "sent no response to the ResponseURL" in reasons(cloudformation, "custom", "UPDATE_FAILED")[0]
    cloudformation.delete_stack(StackName="custom")
    left = [each["Name"] for each in client("s3").list_buckets()["Buckets"]]
    assert not [name for name in left if name.startswith("cloudformation-custom-resource")]
