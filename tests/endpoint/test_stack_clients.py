"""Stacks by the clients people deploy with: the AWS CLI, SAM's templates, and the calls the CDK makes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from served import ROLE, ClientFactory, ServerProcess
from stack_template import TEMPLATE, described, outputs, reasons

GREET = "def handler(event, context):\n    return 'Hello ' + event['name']\n"


def archive(source: str) -> bytes:
    """An archive with the module `greet`."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        opened.writestr("greet.py", source)
    return content.getvalue()


def output_of(states: Any, machine: str) -> Any:
    arn = states.start_execution(stateMachineArn=machine, input='{"name": "Ada"}')["executionArn"]
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def test_aws_cloudformation_deploy(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    pytest.importorskip("awscli")
    served = serve()
    (tmp_path / "greet").mkdir()
    (tmp_path / "greet" / "greet.py").write_text(GREET)
    (tmp_path / "machine.json").write_text(json.dumps({
        "StartAt": "G", "States": {"G": {"Type": "Task", "Resource": "${Function}", "End": True}}
    }))  # fmt: skip
    (tmp_path / "template.json").write_text(json.dumps({
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {
            "Greet": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Runtime": "python3.12", "Handler": "greet.handler", "Role": ROLE, "Code": "greet"},
            },
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "StateMachineName": {"Ref": "Name"}, "RoleArn": ROLE, "DefinitionS3Location": "machine.json",
                    "DefinitionSubstitutions": {"Function": {"Fn::GetAtt": ["Greet", "Arn"]}},
                },
            },
        },
        "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}},
    }))  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": served.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }

    def aws(*words: str) -> None:
        command = [sys.executable, "-m", "awscli", *words]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    # The commands of AWS's own guide, an upload of what the template names by its path in between.
    aws("s3", "mb", "s3://artifacts")
    written = ("--template-file", "template.json", "--output-template-file", "packaged.yaml")
    aws("cloudformation", "package", *written, "--s3-bucket", "artifacts")
    deploy = ("cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", "cli")
    aws(*deploy, "--parameter-overrides", "Name=by-the-cli", "--s3-bucket", "artifacts")
    cloudformation, states = served.client("cloudformation"), served.client("stepfunctions")
    machine = outputs(described(cloudformation, "cli"))["Machine"]
    assert machine.endswith(":stateMachine:by-the-cli")
    assert output_of(states, machine) == "Hello Ada"
    aws(*deploy, "--parameter-overrides", "Name=by-the-cli", "--no-fail-on-empty-changeset")
    aws(*deploy, "--parameter-overrides", "Name=renamed")
    assert [each["name"] for each in states.list_state_machines()["stateMachines"]] == ["renamed"]
    aws("cloudformation", "delete-stack", "--stack-name", "cli")
    aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "cli")
    assert states.list_state_machines()["stateMachines"] == []


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: greet.handler
      CodeUri: s3://sam-artifacts/greet.zip
      AutoPublishAlias: live
      Policies: [AWSLambdaBasicExecutionRole]
      Events:
        Daily: { Type: Schedule, Properties: { Schedule: rate(1 day) } }
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: s3://sam-artifacts/machine.json
      DefinitionSubstitutions: { Function: !GetAtt Greet.Arn }
      Policies:
        - LambdaInvokePolicy: { FunctionName: !Ref Greet }
Outputs:
  Machine: { Value: !Ref Machine }
  Alias: { Value: !Ref Greet.Alias }
"""


def test_a_template_of_sam_is_translated(client: ClientFactory) -> None:
    pytest.importorskip("samtranslator")
    cloudformation, s3 = client("cloudformation"), client("s3")
    s3.create_bucket(Bucket="sam-artifacts")
    s3.put_object(Bucket="sam-artifacts", Key="greet.zip", Body=archive(GREET))
    task = {"Type": "Task", "Resource": "${Function}", "End": True}
    definition = json.dumps({"StartAt": "G", "States": {"G": task}})
    s3.put_object(Bucket="sam-artifacts", Key="machine.json", Body=definition.encode())
    named = {"StackName": "serverless", "ChangeSetName": "first"}
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_change_set(**named, ChangeSetType="CREATE", TemplateBody=SAM, Capabilities=capabilities)
    types = {each["ResourceChange"]["ResourceType"] for each in cloudformation.describe_change_set(**named)["Changes"]}
    assert {"AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::StepFunctions::StateMachine"} <= types
    cloudformation.execute_change_set(**named)
    found = described(cloudformation, "serverless")
    assert found["StackStatus"] == "CREATE_COMPLETE", reasons(cloudformation, "serverless", "CREATE_FAILED")
    assert output_of(client("stepfunctions"), outputs(found)["Machine"]) == "Hello Ada"
    invoked = client("lambda").invoke(FunctionName=outputs(found)["Alias"], Payload=b'{"name": "Grace"}')
    assert invoked["Payload"].read() == b'"Hello Grace"'
    assert cloudformation.get_template(StackName="serverless")["TemplateBody"] == SAM
    cloudformation.delete_stack(StackName="serverless")


def test_a_wrong_template_of_sam_is_refused_in_the_translators_words(client: ClientFactory) -> None:
    pytest.importorskip("samtranslator")
    wrong = SAM.replace("      Handler: greet.handler\n", "")
    with pytest.raises(ClientError, match=r"(?s)AWS::Serverless-2016-10-31 failed with.*\[Greet\].*Handler"):
        client("cloudformation").create_stack(StackName="unserved", TemplateBody=wrong)


def synthesized(key: str) -> str:
    """A template as `cdk synth` writes it: definition by Fn::Join, roles, metadata, the rule about the bootstrap."""
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
                ],
            },
            "ManagedPolicyArns": [
                {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/service-role/Basic"]]}
            ],
        },
    }
    policy = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Action": "lambda:InvokeFunction",
                        "Effect": "Allow",
                        "Resource": [{"Fn::GetAtt": ["Greet8553", "Arn"]}],
                    }
                ],
            },
            "PolicyName": "MachineRoleDefaultPolicy",
            "Roles": [{"Ref": "Role9E6A"}],
        },
    }
    head = '{"StartAt":"Invoke","States":{"Invoke":{"End":true,"Type":"Task","OutputPath":"$.Payload","Resource":"arn:'
    tail = '","Payload.$":"$"}}}}'
    definition = [
        head, {"Ref": "AWS::Partition"}, ':states:::lambda:invoke","Parameters":{"FunctionName":"',
        {"Fn::GetAtt": ["Greet8553", "Arn"]}, tail,
    ]  # fmt: skip
    return json.dumps({
        "Resources": {
            "Role9E6A": {**role, "Metadata": {"aws:cdk:path": "Orders/Greet/ServiceRole/Resource"}},
            "Greet8553": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": {
                        "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": key
                    },
                    "Handler": "greet.handler", "Role": {"Fn::GetAtt": ["Role9E6A", "Arn"]}, "Runtime": "python3.12",
                },
                "DependsOn": ["Role9E6A"],
            },
            "Policy7E8F": policy,
            "Machine6FC8": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": {"Fn::Join": ["", definition]},
                    "RoleArn": {"Fn::GetAtt": ["Role9E6A", "Arn"]},
                },
                "DependsOn": ["Policy7E8F", "Role9E6A"],
                "UpdateReplacePolicy": "Delete", "DeletionPolicy": "Delete",
            },
            "CDKMetadata": {
                "Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:deflate64:H4s"}, "Condition": "Available"
            },
        },
        "Conditions": {
            "Available": {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, each]} for each in ("us-east-1", "x")]}
        },
        "Outputs": {"MachineArn": {"Value": {"Ref": "Machine6FC8"}, "Export": {"Name": "Orders:Machine"}}},
        "Parameters": {
            "BootstrapVersion": {
                "Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"
            }
        },
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}},
    })  # fmt: skip


def test_the_calls_of_cdk_deploy(client: ClientFactory) -> None:
    assert client("sts").get_caller_identity()["Account"] == "123456789012"
    cloudformation, ssm, s3 = client("cloudformation"), client("ssm"), client("s3")
    with pytest.raises(ClientError, match="Unable to fetch parameters"):
        cloudformation.create_stack(StackName="Orders", TemplateBody=synthesized("first.zip"))
    bucket = "cdk-hnb659fds-assets-123456789012-us-east-1"
    bootstrap = {
        "Resources": {
            "StagingBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}},
            "StagingBucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": bucket}},
            "Assets": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "cdk-assets"}},
            "Version": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": "/cdk-bootstrap/hnb659fds/version", "Type": "String", "Value": "30"},
            },
        }
    }
    cloudformation.create_stack(StackName="CDKToolkit", TemplateBody=json.dumps(bootstrap))
    assert ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"] == "30"
    assert client("ecr").describe_repositories(repositoryNames=["cdk-assets"])["repositories"]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert s3.list_objects_v2(Bucket=bucket, Prefix="first.zip", MaxKeys=1)["KeyCount"] == 0

    def deploy(key: str, type: str) -> dict[str, Any]:
        template = synthesized(key)
        s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=template.encode())
        named = {"StackName": "Orders", "ChangeSetName": f"cdk-{type.lower()}"}
        url = f"https://s3.us-east-1.amazonaws.com/{bucket}/{key}.json"
        cloudformation.create_change_set(**named, ChangeSetType=type, TemplateURL=url, IncludeNestedStacks=False)
        cloudformation.execute_change_set(**named, DisableRollback=False)
        found = described(cloudformation, "Orders")
        assert found["StackStatus"] == f"{type}_COMPLETE", cloudformation.describe_stack_events(StackName="Orders")
        return found

    s3.put_object(Bucket=bucket, Key="first.zip", Body=archive(GREET))
    machine = outputs(deploy("first.zip", "CREATE"))["MachineArn"]
    assert output_of(client("stepfunctions"), machine) == "Hello Ada"
    assert {"Name": "Orders:Machine", "Value": machine} in [
        {key: each[key] for key in ("Name", "Value")} for each in cloudformation.list_exports()["Exports"]
    ]
    s3.put_object(Bucket=bucket, Key="second.zip", Body=archive(GREET.replace("Hello", "Goodbye")))
    assert outputs(deploy("second.zip", "UPDATE"))["MachineArn"] == machine
    assert output_of(client("stepfunctions"), machine) == "Goodbye Ada"
    cloudformation.delete_stack(StackName="Orders")
    assert cloudformation.list_exports()["Exports"] == []


def test_stacks_of_other_services_are_motos(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    template: dict[str, Any] = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "of-a-stack"}},
            "Topic": {"Type": "AWS::SNS::Topic", "Condition": "Never"},
        },
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
    }
    cloudformation.create_stack(StackName="queues", TemplateBody=json.dumps(template))
    found = outputs(described(cloudformation, "queues"))
    assert client("sqs").get_queue_url(QueueName="of-a-stack")["QueueUrl"].endswith("/of-a-stack")
    assert found["Url"].endswith("/of-a-stack")
    template["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 5
    cloudformation.update_stack(StackName="queues", TemplateBody=json.dumps(template))
    url = outputs(described(cloudformation, "queues"))["Url"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert attributes == {"VisibilityTimeout": "5"}
    cloudformation.delete_stack(StackName="queues")
    with pytest.raises(ClientError, match="does not exist"):
        client("sqs").get_queue_url(QueueName="of-a-stack")


def test_a_deployed_stack_is_listed_with_its_events(client: ClientFactory) -> None:
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="listed", TemplateBody=TEMPLATE)
    assert "listed" in [each["StackName"] for each in cloudformation.list_stacks()["StackSummaries"]]
    events = cloudformation.describe_stack_events(StackName="listed")["StackEvents"]
    told = [(each["LogicalResourceId"], each["ResourceStatus"]) for each in reversed(events)]
    assert told[0] == ("listed", "CREATE_IN_PROGRESS")
    assert told[-1] == ("listed", "CREATE_COMPLETE")
    assert told.index(("Greet", "CREATE_COMPLETE")) < told.index(("Machine", "CREATE_IN_PROGRESS"))
    detail = cloudformation.describe_stack_resource(StackName="listed", LogicalResourceId="Machine")
    assert detail["StackResourceDetail"]["ResourceStatus"] == "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName="listed")
