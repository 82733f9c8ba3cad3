"""Errors of tasks as the services give them: one small machine each, run against the real server and its services.

The tests run the table, and the page `docs/errors.md` is written from it.
Source: reference sections 11, 12 and 14; recorded failures.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

ACCOUNT = "us-east-1:123456789012"
CONNECTION = f"arn:aws:events:{ACCOUNT}:connection"
MACHINE = f"arn:aws:states:{ACCOUNT}:stateMachine"
V1 = "(Service: {}; Status Code: {}; Error Code: {}; Request ID: …; Proxy: null)"
V2 = "(Service: {}, Status Code: {}, Request ID: …) (SDK Attempt Count: 1)"
FAILED = "TaskScheduled TaskStarted TaskFailed"
SUBMITTED = "TaskScheduled TaskStarted TaskSubmitted TaskFailed"
FUNCTION = "LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed"


class ServiceError(Struct, frozen=True, kw_only=True):
    """One error of a task."""

    when: str
    resource: str
    """Behind `arn:aws:states:::`, or a whole ARN."""
    given: dict[str, Any]
    """`Parameters`; ENDPOINT in a text is the address of the server."""
    error: str
    cause: str
    """`…` stands for any text."""
    caught: str = "ALL name TaskFailed"
    """What catches it: ALL, its own name, TaskFailed."""
    events: str = FAILED
    """The types of events between the entry of the state and the end of the execution."""
    state: dict[str, Any] = {}
    """The state, where it is no Task with `resource` and `given`; without `End`."""


def fails(
    when: str, resource: str, given: dict[str, Any], error: str, cause: str, events: str = FAILED, **more: Any
) -> ServiceError:
    return ServiceError(when=when, resource=resource, given=given, error=error, cause=cause, events=events, **more)


FUNCTIONS = [
    fails(
        "a function raises",
        "lambda:invoke",
        {"FunctionName": "raises"},
        "ValueError",
        '{"errorMessage": "no good", "errorType": "ValueError", …}',
    ),
    fails(
        "a function whose ARN is the resource raises",
        f"arn:aws:lambda:{ACCOUNT}:function:raises",
        {},
        "ValueError",
        '{"errorMessage": "no good", "errorType": "ValueError", …}',
        FUNCTION,
    ),
    fails(
        "a function ends its process",
        "lambda:invoke",
        {"FunctionName": "exits"},
        "Runtime.ExitError",
        '{…"errorType":"Runtime.ExitError"…}',
    ),
    fails(
        "there is no such function",
        "lambda:invoke",
        {"FunctionName": "none"},
        "Lambda.ResourceNotFoundException",
        f"Function not found: arn:aws:lambda:{ACCOUNT}:function:none:$LATEST "
        + V1.format("AWSLambda", 404, "ResourceNotFoundException"),
    ),
    fails(
        "a parameter that Step Functions does not know",
        "lambda:invoke",
        {"FunctionName": "raises", "Frob": 1},
        "States.Runtime",
        "The Parameters '{…}' could not be used to start the Task: "
        '[The field "Frob" is not supported by Step Functions]',
        caught="",
    ),
]

NESTED = [
    fails(
        "there is no such state machine",
        "states:startExecution",
        {"StateMachineArn": f"{MACHINE}:none"},
        "StepFunctions.StateMachineDoesNotExistException",
        f"State Machine Does Not Exist: '{MACHINE}:none' "
        + V1.format("AWSStepFunctions", 400, "StateMachineDoesNotExist"),
    ),
    fails(
        "… as the SDK says it",
        "aws-sdk:sfn:startExecution",
        {"StateMachineArn": f"{MACHINE}:none"},
        "Sfn.StateMachineDoesNotExistException",
        f"State Machine Does Not Exist: '{MACHINE}:none' " + V2.format("Sfn", 400),
    ),
    fails(
        "the nested execution fails",
        "states:startExecution.sync:2",
        {"StateMachineArn": f"{MACHINE}:failing"},
        "States.TaskFailed",
        '{"Cause":"because","Error":"Own",…"Status":"FAILED"…}',
        SUBMITTED,
    ),
]

SERVICES = [
    fails(
        "an optimized integration is refused: the error has the API's name",
        "dynamodb:getItem",
        {"TableName": "none", "Key": {"id": {"S": "a"}}},
        "DynamoDB.ResourceNotFoundException",
        "Requested resource not found " + V1.format("AmazonDynamoDBv2", 400, "ResourceNotFoundException"),
    ),
    fails(
        "… or the service's, where the API has no name for it",
        "dynamodb:putItem",
        {"TableName": "none", "Item": None},
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null "
        + V1.format("AmazonDynamoDBv2", 400, "ValidationException"),
    ),
    fails(
        "an SDK integration is refused",
        "aws-sdk:dynamodb:getItem",
        {"TableName": "none", "Key": {"id": {"S": "a"}}},
        "DynamoDb.ResourceNotFoundException",
        "Requested resource not found " + V2.format("DynamoDb", 400),
    ),
    fails(
        "… by S3",
        "aws-sdk:s3:getObject",
        {"Bucket": "no-such-bucket", "Key": "k"},
        "S3.NoSuchBucketException",
        "The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: …, Extended Request ID: …) "
        "(SDK Attempt Count: 1)",
    ),
    fails(
        "… where the API has no name for it",
        "aws-sdk:secretsmanager:createSecret",
        {"Name": "not good", "SecretString": "s"},
        "SecretsManager.SecretsManagerException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@! "
        + V2.format("SecretsManager", 400),
    ),
    fails(
        "there is no such topic",
        "sns:publish",
        {"TopicArn": f"arn:aws:sns:{ACCOUNT}:none", "Message": "m"},
        "SNS.NotFoundException",
        "Topic does not exist " + V1.format("AmazonSNS", 404, "NotFound"),
    ),
    fails(
        "no connection to the service",
        "sqs:sendMessage",
        {"QueueUrl": "http://no-such-queue", "MessageBody": "m"},
        "SQS.SdkClientException",
        "Unable to execute HTTP request: no-such-queue: Name or service not known",
    ),
    fails(
        "an event of several is refused",
        "events:putEvents",
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": '"text"'}]},
        "EventBridge.FailedEntry",
        '{"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],"FailedEntryCount":1}',
    ),
    fails(
        "there is no such job",
        "glue:startJobRun.sync",
        {"JobName": "none"},
        "Glue.EntityNotFoundException",
        "Job none not found. " + V1.format("AWSGlue", 400, "EntityNotFoundException"),
    ),
    fails(
        "the emulation on this machine lacks the operation",
        "databrew:startJobRun",
        {"Name": "n"},
        "DataBrew.AWSGlueDataBrewException",
        "databrew.StartJobRun is not emulated on this machine. " + V1.format("AWSGlueDataBrew", 501, "NotImplemented"),
    ),
    fails(
        "a cluster that is not on this machine",
        "eks:call",
        {
            "ClusterName": "c",
            "Endpoint": "https://x.eks.amazonaws.com",
            "CertificateAuthority": "",
            "Method": "GET",
            "Path": "/",
        },
        "EKS.SdkClientException",
        "Unable to execute HTTP request: https://x.eks.amazonaws.com is not on this machine, …",
    ),
]

APIS = [
    fails(
        "an API answers with a status that is no success; the cause is its answer",
        "http:invoke",
        {"ApiEndpoint": "ENDPOINT/none/x", "Method": "GET", "Authentication": {"ConnectionArn": f"{CONNECTION}/own/1"}},
        "States.Http.StatusCode.404",
        "…NoSuchBucket…",
    ),
    fails(
        "… no answer within a minute, or no connection",
        "http:invoke",
        {
            "ApiEndpoint": "http://127.0.0.1:9",
            "Method": "GET",
            "Authentication": {"ConnectionArn": f"{CONNECTION}/own/1"},
        },
        "States.Http.Socket",
        "…onnection refused",
    ),
    fails(
        "there is no such connection",
        "http:invoke",
        {"ApiEndpoint": "ENDPOINT", "Method": "GET", "Authentication": {"ConnectionArn": f"{CONNECTION}/none/1"}},
        "Events.ConnectionResource.ResourceNotFound",
        "Connection 'none' does not exist.",
    ),
    fails(
        "an API behind `apigateway:invoke` answers so",
        "apigateway:invoke",
        {"ApiEndpoint": "ENDPOINT", "Method": "GET", "Path": "/none/x"},
        "ApiGateway.404",
        "…NoSuchBucket…",
    ),
    fails(
        "headers that are no lists",
        "apigateway:invoke",
        {"ApiEndpoint": "ENDPOINT", "Method": "GET", "Headers": {"a": "b"}},
        "States.Runtime",
        "The Parameters '{…}' could not be used to start the Task: "
        "[The value of the field 'Headers' has an invalid format]",
        caught="",
    ),
]

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
FAILING = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Own", "Cause": "because"}}}
PASSING = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def distributed(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": DISTRIBUTED, **processor}, **fields}


MAPS = [
    ServiceError(
        when="more items fail than are tolerated",
        resource="Map",
        given={},
        state=distributed(FAILING, ItemsPath="$.items"),
        error="States.ExceedToleratedFailureThreshold",
        cause="The specified tolerated failure threshold was exceeded",
        caught="ALL name",
        events="MapStateStarted MapRunStarted MapRunFailed MapStateFailed",
    ),
    ServiceError(
        when="the items cannot be read",
        resource="Map, ItemReader",
        given={},
        state=distributed(
            PASSING,
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket": "no-such-bucket", "Key": "k"},
            },
        ),
        error="States.ItemReaderFailed",
        cause="…bucket…",
        caught="ALL name",
        events="MapStateStarted MapRunStarted MapRunFailed MapStateFailed",
    ),
    ServiceError(
        when="the results cannot be written",
        resource="Map, ResultWriter",
        given={},
        state=distributed(
            PASSING,
            ItemsPath="$.items",
            ResultWriter={
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "no-such-bucket", "Prefix": "p"},
            },
        ),
        error="States.ResultWriterFailed",
        cause="…bucket…",
        caught="ALL name",
        events="MapStateStarted MapStateFailed",
    ),
]

SECTIONS = {
    "Functions": FUNCTIONS,
    "Nested executions": NESTED,
    "AWS services": SERVICES,
    "HTTP APIs": APIS,
    "Distributed Map": MAPS,
}
"""The table, by what is called."""

CASES = [case for cases in SECTIONS.values() for case in cases]
