"""`aws-sdk` tasks on services emulated on this machine: what is asked, what is answered, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.definition.resource import parse_resource
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.aws import models
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.names import exception_name, pascal_case, sdk_member, uncapitalized
from asl_runner.resources.aws_sdk import AwsSdkTasks, problem

Make = Callable[..., TaskCall]


@pytest.fixture(scope="module")
def tasks(clients: AwsClients) -> AwsSdkTasks:
    return AwsSdkTasks(clients)


async def failure(tasks: AwsSdkTasks, call: TaskCall) -> TaskFailed:
    with pytest.raises(TaskFailed) as failed:
        await tasks(call)
    return failed.value


@pytest.fixture(scope="module")
def bucket(clients: AwsClients) -> str:
    clients.client("s3").create_bucket(Bucket="bucket-of-tasks")
    return "bucket-of-tasks"


@pytest.fixture(scope="module")
def table(clients: AwsClients) -> str:
    clients.client("dynamodb").create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "items"


@pytest.mark.parametrize(
    "body, kept", [("text", "text"), ("", ""), ({"a": [1, None]}, '{"a":[1,null]}'), (["l"], '["l"]'), (False, "false")]
)
async def test_objects_come_back_as_text(tasks: AwsSdkTasks, task: Make, bucket: str, body: object, kept: str) -> None:
    await tasks(task("aws-sdk:s3:putObject", {"Bucket": bucket, "Key": "k", "Body": body, "Metadata": {"myKey": "v"}}))
    found = await tasks(task("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "k"}))
    assert found["Body"] == kept
    assert list(found)[-1] == "Body"
    assert found["ContentLength"] == len(kept)
    assert found["Metadata"] == {"mykey": "v"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", found["LastModified"])
    assert not any(name.startswith(("Checksum", "Sdk", "Response")) for name in found)


async def test_bytes_that_are_no_text_come_in_base64(
    tasks: AwsSdkTasks, task: Make, clients: AwsClients, bucket: str
) -> None:
    clients.client("s3").put_object(Bucket=bucket, Key="raw", Body=b"\xff\xfe")
    assert (await tasks(task("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "raw"})))["Body"] == "//4="


async def test_members_are_spelt_as_the_java_sdk_spells_them(tasks: AwsSdkTasks, task: Make, table: str) -> None:
    item = {
        "id": {"S": "a"},
        "no": {"Nul": True},
        "yes": {"Bool": True},
        "many": {"Ss": ["x"]},
        "In": {"M": {"aB": {"N": "1"}}},
    }
    assert await tasks(task("aws-sdk:dynamodb:putItem", {"TableName": table, "Item": item})) == {}
    assert await tasks(task("aws-sdk:dynamodb:getItem", {"TableName": table, "Key": {"id": {"S": "a"}}})) == {
        "Item": item
    }
    # The API's own spelling is understood, too.
    stored = {"id": {"S": "b"}, "no": {"NULL": True}}
    await tasks(task("aws-sdk:dynamodb:putItem", {"TableName": table, "Item": stored}))
    described = await tasks(task("aws-sdk:kms:createKey", {}))
    assert {"AwsAccountId", "KeyId", "CreationDate"} <= described["KeyMetadata"].keys()


@pytest.mark.parametrize(
    "resource, parameters, error, cause",
    [
        ("s3:listObjects", {"Bucket": "noSuchBucket"}, "S3.NoSuchBucketException", "The specified bucket does"),
        ("s3:getObject", {"Bucket": "bucket-of-tasks", "Key": "no"}, "S3.NoSuchKeyException", "The specified key does"),
        ("dynamodb:getItem", {"TableName": "none", "Key": {}}, "DynamoDb.ResourceNotFoundException", "Requested"),
        ("rds:describeDBInstances", {"DbInstanceIdentifier": "x"}, "Rds.DbInstanceNotFoundException", "DBInstance x"),
        ("sqs:getQueueUrl", {"QueueName": "none"}, "Sqs.QueueDoesNotExistException", "The specified queue does not"),
        ("ec2:describeInstances", {"InstanceIds": ["i-1"]}, "Ec2.Ec2Exception", "The instance ID 'i-1' does not exist"),
        ("secretsmanager:createSecret", {"Name": "a b"}, "SecretsManager.SecretsManagerException", "Invalid name"),
    ],
)  # fmt: skip
async def test_refusals_of_services(
    tasks: AwsSdkTasks, task: Make, bucket: str, resource: str, parameters: Any, error: str, cause: str
) -> None:
    failed = await failure(tasks, task(f"aws-sdk:{resource}", parameters))
    service = error.partition(".")[0]
    assert failed.error == error
    more = ", Extended Request ID: .+" if service == "S3" else ""
    assert re.fullmatch(
        rf"{re.escape(cause)}.* \(Service: {service}, Status Code: \d+, Request ID: [^,)]+{more}\) "
        r"\(SDK Attempt Count: 1\)",
        failed.cause or "",
    )


@pytest.mark.parametrize(
    "parameters, problems",
    [
        ({}, ["The field 'Bucket' is required but was missing", "The field 'Key' is required but was missing"]),
        ({"Bucket": "b", "Key": "k", "bucket": "b"}, ['The field "bucket" is not supported by Step Functions']),
        ({"Bucket": "b", "Key": "k", "PartNumber": "1"}, ["The value of the field 'PartNumber' has an invalid format"]),
        ({"Bucket": "b", "Key": "k", "PartNumber": 1.5}, ["The value of the field 'PartNumber' has an invalid format"]),
        ("text", ["The field 'Bucket' is required but was missing", "The field 'Key' is required but was missing"]),
    ],
)
async def test_parameters_that_step_functions_does_not_send(
    tasks: AwsSdkTasks, task: Make, parameters: Any, problems: list[str]
) -> None:
    failed = await failure(tasks, task("aws-sdk:s3:getObject", parameters))
    assert failed.error == "States.Runtime"
    assert (failed.cause or "").endswith(f"could not be used to start the Task: [{', '.join(problems)}]")


async def test_required_members_that_are_null_are_refused_by_the_service(tasks: AwsSdkTasks, task: Make) -> None:
    failed = await failure(tasks, task("aws-sdk:dynamodb:putItem", {"TableName": "t", "Item": None}))
    assert failed.error == "DynamoDb.DynamoDbException"
    assert (failed.cause or "").startswith(
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null (Serv"
    )


async def test_a_queue_elsewhere_is_not_found(tasks: AwsSdkTasks, task: Make) -> None:
    call = task("aws-sdk:sqs:sendMessage", {"QueueUrl": "https://queue.example/q", "MessageBody": "m"})
    failed = await failure(tasks, call)
    assert failed.error == "Sqs.SdkClientException"
    assert "queue.example: Name or service not known" in (failed.cause or "")


async def test_no_answer(task: Make) -> None:
    clients = AwsClients("us-east-1", "http://127.0.0.1:9")
    failed = await failure(AwsSdkTasks(clients), task("aws-sdk:s3:listBuckets", {}))
    clients.close()
    assert failed.error == "S3.SdkClientException"
    assert (failed.cause or "").startswith("Unable to execute HTTP request: ")


@pytest.mark.parametrize(
    "resource, says",
    [
        ("dynamo:getItem", "Did you mean dynamodb?"),
        ("events:putEvents", "Did you mean eventbridge?"),
        ("stepfunctions:startExecution", "Did you mean sfn?"),
        ("dynamodb:getitem", "Did you mean getItem"),
        ("s3:frobnicate", "has no action 'frobnicate'"),
        ("s3:selectObjectContent", "streams events"),
        ("s3:getObject.sync", "have no .sync"),
    ],
)
def test_resources_that_are_not_there(resource: str, says: str) -> None:
    assert says in (problem(parse_resource(f"arn:aws:states:::aws-sdk:{resource}")) or "")


@pytest.mark.parametrize(
    "resource", ["cloudwatchlogs:putLogEvents", "ssoadmin:listInstances", "s3:getObject.waitForTaskToken"]
)
def test_resources_that_are_there(resource: str) -> None:
    assert problem(parse_resource(f"arn:aws:states:::aws-sdk:{resource}")) is None


def test_every_service_of_the_models_has_one_name() -> None:
    names = models.services()
    assert sorted(names.values()) == sorted(models.session().get_available_services())
    assert all(re.fullmatch(r"[a-z0-9]+", name) for name in names)


@pytest.mark.parametrize(
    "member, spelt",
    [("ETag", "ETag"), ("DBInstanceIdentifier", "DbInstanceIdentifier"), ("SSEKMSKeyId", "SsekmsKeyId"),
     ("MD5OfMessageBody", "Md5OfMessageBody"), ("ChecksumCRC32", "ChecksumCRC32"), ("ARN", "Arn")],
)  # fmt: skip
def test_members(member: str, spelt: str) -> None:
    assert sdk_member("Any", member) == spelt


@pytest.mark.parametrize(
    "service, name",
    [("DynamoDB", "DynamoDb"), ("SFN", "Sfn"), ("Secrets Manager", "SecretsManager"), ("EC2", "Ec2"), ("S3", "S3"),
     ("CloudWatch Logs", "CloudWatchLogs"), ("Lex Models V2", "LexModelsV2"), ("IoT", "Iot"), ("WAFV2", "Wafv2")],
)  # fmt: skip
def test_services(service: str, name: str) -> None:
    assert pascal_case(service) == name


def test_exceptions() -> None:
    assert exception_name("NoSuchBucket") == "NoSuchBucketException"
    assert exception_name("DBInstanceNotFoundFault") == "DbInstanceNotFoundException"
    assert exception_name("ResourceNotFoundException") == "ResourceNotFoundException"


@given(st.text("AbCdEf1", min_size=1))
def test_only_leading_capitals_change(name: str) -> None:
    assert uncapitalized(name).lower() == name.lower()
    assert not uncapitalized(name)[0].isupper()
