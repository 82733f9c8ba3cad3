"""Optimized integrations on services emulated on this machine."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from asl_runner.definition.resource import parse_resource
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources import optimized
from asl_runner.resources.aws import models
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.callback import TaskTokens, with_callback
from asl_runner.resources.optimized_calls import search
from asl_runner.resources.optimized_tasks import OptimizedTasks
from asl_runner.resources.registry import OPTIMIZED_SERVICES

Make = Callable[..., TaskCall]


@pytest.fixture(scope="module")
def tasks(clients: AwsClients) -> OptimizedTasks:
    return OptimizedTasks(clients)


@pytest.fixture(scope="module")
def queue(clients: AwsClients) -> str:
    url: str = clients.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    return url


def received(clients: AwsClients, queue: str) -> list[dict[str, Any]]:
    client = clients.client("sqs")
    messages: list[dict[str, Any]] = client.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages", [])
    for message in messages:
        client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return messages


async def failure(tasks: OptimizedTasks, call: TaskCall) -> TaskFailed:
    with pytest.raises(TaskFailed) as failed:
        await tasks(call)
    return failed.value


async def test_messages_of_queues(tasks: OptimizedTasks, task: Make, clients: AwsClients, queue: str) -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "x"}}
    call = task("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"a": 1}, "MessageAttributes": attributes})
    result = await tasks(call)
    assert list(result) == [
        "MD5OfMessageAttributes",
        "MD5OfMessageBody",
        "MessageId",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
    ]
    http = result["SdkHttpMetadata"]
    assert http["HttpStatusCode"] == 200
    assert http["AllHttpHeaders"] == {name: [value] for name, value in http["HttpHeaders"].items()}
    assert {"x-amzn-RequestId", "Content-Length", "Content-Type", "Date"} <= http["HttpHeaders"].keys()
    assert result["SdkResponseMetadata"] == {"RequestId": http["HttpHeaders"]["x-amzn-RequestId"]}
    message = received(clients, queue)[0]
    assert message["Body"] == '{"a":1}'
    assert message["MessageAttributes"]["kind"]["StringValue"] == "x"


async def test_a_callback_waits_for_its_token(
    tasks: OptimizedTasks, task: Make, clients: AwsClients, queue: str
) -> None:
    tokens, submitted = TaskTokens(), list[Any]()
    call = task(
        "sqs:sendMessage.waitForTaskToken",
        {"QueueUrl": queue, "MessageBody": {"token": "t"}},
        token="t",
        submitted=submitted.append,
    )
    running = asyncio.ensure_future(with_callback(tokens, tasks)(call))
    while not submitted:
        await asyncio.sleep(0.001)
    tokens.succeed(json.loads(received(clients, queue)[0]["Body"])["token"], '{"done": true}')
    assert await running == {"done": True}
    assert "MessageId" in submitted[0]


async def test_items_of_tables(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    clients.client("dynamodb").create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "a"}, "no": {"NULL": True}, "yes": {"BOOL": True}}
    key = {"TableName": "table", "Key": {"id": {"S": "a"}}}
    put = await tasks(task("dynamodb:putItem", {"TableName": "table", "Item": item}))
    assert list(put) == ["SdkHttpMetadata", "SdkResponseMetadata"]
    assert (await tasks(task("dynamodb:getItem", key)))["Item"] == item
    changed = await tasks(
        task(
            "dynamodb:updateItem",
            {
                **key,
                "UpdateExpression": "set n=:r",
                "ExpressionAttributeValues": {":r": {"N": "1"}},
                "ReturnValues": "UPDATED_NEW",
            },
        )
    )
    assert changed["Attributes"] == {"n": {"N": "1"}}
    assert "ConsumedCapacity" not in changed


@pytest.mark.parametrize(
    "resource, parameters, error, cause",
    [
        (
            "dynamodb:putItem",
            {"TableName": "none", "Item": {"id": {"S": "a"}}},
            "DynamoDB.ResourceNotFoundException",
            "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: "
            "ResourceNotFoundException; Request ID: ID; Proxy: null)",
        ),
        (
            "dynamodb:putItem",
            {"TableName": "none", "Item": None},
            "DynamoDB.AmazonDynamoDBException",
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null "
            "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: ID; "
            "Proxy: null)",
        ),
        (
            "sns:publish",
            {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "m"},
            "SNS.NotFoundException",
            "Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: ID; "
            "Proxy: null)",
        ),
        (
            "sqs:sendMessage",
            {"QueueUrl": "http://no-such-queue", "MessageBody": "m"},
            "SQS.SdkClientException",
            "Unable to execute HTTP request: no-such-queue: Name or service not known",
        ),
        (
            "databrew:startJobRun",
            {"Name": "n"},
            "DataBrew.AWSGlueDataBrewException",
            "databrew.StartJobRun is not emulated on this machine. (Service: "
            "AWSGlueDataBrew; Status Code: 501; Error Code: NotImplemented; Request ID: ID; Proxy: null)",
        ),
    ],
)
async def test_refusals_of_services(
    tasks: OptimizedTasks, task: Make, resource: str, parameters: Any, error: str, cause: str
) -> None:
    failed = await failure(tasks, task(resource, parameters))
    assert failed.error == error
    assert re.sub(r"Request ID: [\w-]+", "Request ID: ID", failed.cause or "") == cause


async def test_topics_that_keep_the_order(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    topic = clients.client("sns").create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    failed = await failure(tasks, task("sns:publish", {"TopicArn": topic, "Message": {}}))
    assert failed.error == "SNS.InvalidParameterException"
    assert (failed.cause or "").startswith(
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    )
    message = {"TopicArn": topic, "Message": {}, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first, second = [(await tasks(task("sns:publish", message)))["SequenceNumber"] for _ in range(2)]
    assert len(first) == len(second) == 20
    assert first < second


async def test_events_name_where_they_come_from(
    tasks: OptimizedTasks, task: Make, clients: AwsClients, queue: str
) -> None:
    events = clients.client("events")
    events.put_rule(Name="rule", EventPattern='{"source": ["mine"]}')
    events.put_targets(Rule="rule", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:queue"}])
    entry = {"Source": "mine", "DetailType": "d", "Detail": {"n": 1}, "Resources": ["own"]}
    call = task("events:putEvents", {"Entries": [entry]})
    result = await tasks(call)
    assert result.keys() == {"Entries", "FailedEntryCount"}
    event = json.loads(received(clients, queue)[0]["Body"])
    assert event["detail"] == {"n": 1}
    assert event["resources"] == ["own", call.execution.state_machine_arn, call.execution.arn]


async def test_events_that_fail_fail_the_task(tasks: OptimizedTasks, task: Make) -> None:
    good = {"Source": "other", "DetailType": "d", "Detail": {}}
    failed = await failure(tasks, task("events:putEvents", {"Entries": [{**good, "Detail": '"text"'}, good]}))
    assert failed.error == "EventBridge.FailedEntry"
    cause = json.loads(failed.cause or "")
    assert cause["FailedEntryCount"] == 1
    assert cause["Entries"][0] == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    assert cause["Entries"][1].keys() == {"EventId"}


async def test_a_job_is_awaited(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    clients.client("glue").create_job(Name="job", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://b/s"})
    submitted: list[Any] = []
    parameters = {"JobName": "job", "Arguments": {"--Own": "x"}}
    result = await tasks(task("glue:startJobRun.sync", parameters, submitted=submitted.append))
    assert submitted[0]["JobRunId"] == result["Id"]
    assert result["JobRunState"] == "SUCCEEDED"
    assert result["Arguments"] == {"--Own": "x"}
    assert isinstance(result["StartedOn"], int)
    assert "SdkHttpMetadata" not in result
    failed = await failure(tasks, task("glue:startJobRun.sync", {"JobName": "none"}))
    assert failed.error == "Glue.EntityNotFoundException"


async def test_a_container_is_awaited(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    ecs = clients.client("ecs")
    ecs.create_cluster(clusterName="c")
    ecs.register_task_definition(
        family="f",
        containerDefinitions=[{"name": "x", "image": "i", "memory": 10}],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )
    subnet = clients.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"AwsvpcConfiguration": {"Subnets": [subnet]}}
    parameters = {"Cluster": "c", "TaskDefinition": "f", "LaunchType": "FARGATE", "NetworkConfiguration": network}
    result = await tasks(task("ecs:runTask.sync", parameters))
    assert result["LastStatus"] == "STOPPED"
    assert result["StartedBy"] == "AWS Step Functions"
    assert result["Containers"][0]["ExitCode"] == 0


async def test_a_task_cut_off_stops_what_it_started(
    task: Make, clients: AwsClients, caplog: pytest.LogCaptureFixture
) -> None:
    emr = clients.client("emr-containers")
    cluster = emr.create_virtual_cluster(
        name="v", containerProvider={"id": "k", "type": "EKS", "info": {"eksInfo": {"namespace": "n"}}}
    )["id"]
    parameters = {
        "VirtualClusterId": cluster,
        "Name": "run",
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/r",
        "ReleaseLabel": "emr-6.3.0-latest",
        "JobDriver": {"SparkSubmitJobDriver": {"EntryPoint": "s3://b/e"}},
    }
    started = asyncio.Event()
    tasks = OptimizedTasks(clients, poll_seconds=(0.01, 0.01))
    call = task("emr-containers:startJobRun.sync", parameters, submitted=lambda output: started.set())
    running = asyncio.create_task(tasks(call))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert emr.list_job_runs(virtualClusterId=cluster)["jobRuns"][0]["state"] == "CANCELLED"
    assert "a job that the emulation on this machine never ends" in caplog.text


async def test_clusters_and_builds_are_awaited(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    subnet = clients.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    role = "arn:aws:iam::123456789012:role/r"
    parameters = {"Name": "c", "RoleArn": role, "ResourcesVpcConfig": {"SubnetIds": [subnet]}}
    made = await tasks(task("eks:createCluster.sync", parameters))
    assert made["Cluster"]["Status"] == "ACTIVE"
    profile = {"ClusterName": "c", "FargateProfileName": "f"}
    selectors = [{"Namespace": "x"}]
    created = await tasks(
        task("eks:createFargateProfile.sync", {**profile, "PodExecutionRoleArn": role, "Selectors": selectors})
    )
    assert created["FargateProfile"]["Status"] == "ACTIVE"
    await tasks(task("eks:deleteFargateProfile.sync", profile))
    await tasks(task("eks:deleteCluster.sync", {"Name": "c"}))
    assert clients.client("eks").list_clusters()["clusters"] == []
    clients.client("codebuild").create_project(
        name="proj",
        source={"type": "S3", "location": "b/x"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=role,
    )
    built = await tasks(task("codebuild:startBuild.sync", {"ProjectName": "proj"}))
    assert built["Build"]["BuildStatus"] == "SUCCEEDED"
    query = {"QueryString": "select 1", "ResultConfiguration": {"OutputLocation": "s3://b/o"}}
    answered = await tasks(task("athena:startQueryExecution.sync", query))
    assert answered["QueryExecution"]["Status"]["State"] == "SUCCEEDED"


async def test_a_serverless_application_from_its_start_to_its_end(tasks: OptimizedTasks, task: Make) -> None:
    parameters = {"Name": "a", "ReleaseLabel": "emr-6.6.0", "Type": "SPARK"}
    application = {
        "ApplicationId": (await tasks(task("emr-serverless:createApplication", parameters)))["ApplicationId"]
    }
    states: list[str] = []
    for step in ("start", "stop", "delete"):
        result = await tasks(task(f"emr-serverless:{step}Application.sync", application))
        states.append(result["Application"]["State"])
    assert states == ["STARTED", "STOPPED", "TERMINATED"]


@pytest.mark.parametrize(
    "awaited, document, failed",
    [
        ("ecs:runTask", {"Tasks": [{"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]}]}, False),
        ("ecs:runTask", {"Tasks": [{"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}, {"ExitCode": 3}]}]}, True),
        ("ecs:runTask", {"Tasks": [{"LastStatus": "STOPPED", "StopCode": "TaskFailedToStart"}]}, True),
    ],
)
def test_what_is_a_failure_though_it_ended(awaited: str, document: Any, failed: bool) -> None:
    found = optimized.find(parse_resource(f"arn:aws:states:::{awaited}.sync"))
    assert found is not None
    assert found[1].awaited is not None
    assert bool(search(found[1].awaited.fault, document)) is failed


async def test_an_instance_group_is_changed_by_its_name(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    group = {"Name": "core", "InstanceRole": "CORE", "InstanceType": "m5.large", "InstanceCount": 1}
    master = {**group, "Name": "first", "InstanceRole": "MASTER"}
    instances = {"InstanceGroups": [master, group], "KeepJobFlowAliveWhenNoSteps": True}
    emr = clients.client("emr")
    cluster = emr.run_job_flow(Name="c", Instances=instances, JobFlowRole="r", ServiceRole="s")["JobFlowId"]
    change = {"ClusterId": cluster, "InstanceGroupName": "core", "InstanceGroup": {"InstanceCount": 8}}
    changed = await tasks(task("elasticmapreduce:modifyInstanceGroupByName", change))
    assert changed.keys() == {"SdkHttpMetadata", "SdkResponseMetadata"}
    counts = {
        each["Name"]: each["RequestedInstanceCount"]
        for each in emr.list_instance_groups(ClusterId=cluster)["InstanceGroups"]
    }
    assert counts == {"first": 1, "core": 8}
    unnamed = await failure(
        tasks, task("elasticmapreduce:modifyInstanceGroupByName", change | {"InstanceGroupName": "x"})
    )
    assert unnamed.error == "ElasticMapReduce.InvalidRequestException"
    assert (unnamed.cause or "").startswith(f"InstanceGroup with the name x does not exist in cluster {cluster}. (")


@pytest.mark.parametrize(
    "given, problem",
    [
        ({"InstanceFleet": {"InstanceFleetId": "if-1"}}, 'The field "InstanceFleetId" is not supported by'),
        ({"InstanceFleet": 3}, "The value of the field 'InstanceFleet' has an invalid format"),
        ({"InstanceFleet": None}, "The field 'InstanceFleet' is required but was missing"),
        ({"InstanceGroup": {}}, 'The field "InstanceGroup" is not supported by Step Functions'),
    ],
)
async def test_a_change_by_name_that_is_refused(tasks: OptimizedTasks, task: Make, given: Any, problem: str) -> None:
    fleet = {"ClusterId": "j", "InstanceFleetName": "f", "InstanceFleet": {"TargetSpotCapacity": 1}}
    failed = await failure(tasks, task("elasticmapreduce:modifyInstanceFleetByName", fleet | given))
    assert failed.error == "States.Runtime"
    assert problem in (failed.cause or "")


class Fleets(AwsClients):
    """EMR with fleets on two pages, which the emulation lacks."""

    def __init__(self) -> None:
        super().__init__("us-east-1", "http://127.0.0.1:1")
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, service: str, operation: Any, request: dict[str, Any], errors: Any) -> dict[str, Any]:
        self.asked.append((operation.name, request))
        if operation.name == "ListInstanceFleets" and "Marker" not in request:
            return {"InstanceFleets": [{"Id": "if-1", "Name": "first"}], "Marker": "more"}
        return {"InstanceFleets": [{"Id": "if-2", "Name": "core"}]}


async def test_a_fleet_is_found_by_its_name_on_any_page(task: Make) -> None:
    clients = Fleets()
    change = {"ClusterId": "j", "InstanceFleetName": "core", "InstanceFleet": {"TargetSpotCapacity": 3}}
    await OptimizedTasks(clients)(task("elasticmapreduce:modifyInstanceFleetByName", change))
    clients.close()
    assert clients.asked == [
        ("ListInstanceFleets", {"ClusterId": "j"}),
        ("ListInstanceFleets", {"ClusterId": "j", "Marker": "more"}),
        (
            "ModifyInstanceFleet",
            {"ClusterId": "j", "InstanceFleet": {"TargetSpotCapacity": 3, "InstanceFleetId": "if-2"}},
        ),
    ]


async def test_a_model_is_invoked_with_bodies_in_s3(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    s3 = clients.client("s3")
    s3.create_bucket(Bucket="prompts")
    s3.put_object(Bucket="prompts", Key="in.json", Body=b'{"prompt": "why"}', ContentType="application/json")
    sent: list[Any] = []
    runtime = clients.client("bedrock-runtime")
    runtime.meta.events.register("before-send.bedrock-runtime.InvokeModel", lambda request, **_: sent.append(request))
    place = {"S3Uri": "s3://prompts/out.json"}
    parameters = {"ModelId": "m", "Input": {"S3Uri": "s3://prompts/in.json"}, "Output": place}
    result = await tasks(task("bedrock:invokeModel", parameters))
    assert sent[0].body == b'{"prompt": "why"}'
    assert sent[0].headers["Content-Type"] == b"application/json"
    assert (result["Body"], result["ContentType"]) == ("s3://prompts/out.json", "application/json")
    assert s3.get_object(Bucket="prompts", Key="out.json")["Body"].read() == b"{}"
    assert (await tasks(task("bedrock:invokeModel", {"ModelId": "m", "Body": {"prompt": "why"}})))["Body"] == {}


@pytest.mark.parametrize(
    "given, error, cause",
    [
        ({"Input": {"S3Uri": "s3://none/x"}}, "S3.NoSuchBucketException", "The specified bucket does not exist"),
        ({"Input": {"S3Uri": "/tmp/x"}}, "States.Runtime", "The value of the field 'Input' has an invalid format"),
        ({"Input": {"S3Uri": "s3://b/x"}, "Body": {}}, "States.Runtime", "'Body' and 'Input' cannot be used together"),
    ],
)
async def test_bodies_that_cannot_be_had(tasks: OptimizedTasks, task: Make, given: Any, error: str, cause: str) -> None:
    failed = await failure(tasks, task("bedrock:invokeModel", {"ModelId": "m", **given}))
    assert failed.error == error
    assert cause in (failed.cause or "")


async def test_a_list_with_one_step(tasks: OptimizedTasks, task: Make, clients: AwsClients) -> None:
    instances = {"InstanceCount": 1, "MasterInstanceType": "m5.large", "KeepJobFlowAliveWhenNoSteps": True}
    parameters = {"Name": "x", "Instances": instances, "JobFlowRole": "r", "ServiceRole": "s"}
    cluster = (await tasks(task("elasticmapreduce:createCluster.sync", parameters)))["ClusterId"]
    step = {"Name": "s", "HadoopJarStep": {"Jar": "j"}}
    added = await tasks(task("elasticmapreduce:addStep", {"ClusterId": cluster, "Step": step}))
    assert added.keys() == {"StepId", "SdkHttpMetadata", "SdkResponseMetadata"}
    failed = await failure(tasks, task("elasticmapreduce:addStep", {"ClusterId": cluster, "Steps": [step]}))
    assert 'The field "Steps" is not supported by Step Functions' in (failed.cause or "")
    ended = await tasks(task("elasticmapreduce:terminateCluster.sync", {"ClusterId": cluster}))
    assert ended["Cluster"]["Status"]["State"] == "TERMINATED"


def test_the_table_names_operations_there_are() -> None:
    assert set(optimized.INTEGRATIONS) == set(OPTIMIZED_SERVICES)
    for integration in optimized.INTEGRATIONS.values():
        for name, action in integration.actions.items():
            if action.kubernetes:
                continue
            known = models.service_model(action.service or integration.service).operation_names
            assert (action.operation or name[:1].upper() + name[1:]) in known
            if action.awaited is not None:
                assert action.awaited.look in known
                assert not action.awaited.stop or action.awaited.stop in known
            assert action.named is None or action.named.look in known


@pytest.mark.parametrize(
    "resource, says",
    [
        ("dynamodb:query", "has no action 'query'; it has deleteItem, getItem, putItem, updateItem."),
        ("sqs:sendMesage", "did you mean sendMessage?"),
        ("ecs:runTask.sync:2", "ecs:runTask has no .sync:2; it has .sync, .waitForTaskToken and it can be called"),
        ("sqs:sendMessage.sync", "sqs:sendMessage has no .sync; it has .waitForTaskToken and"),
        ("dynamodb:getItem.sync", "dynamodb:getItem has no .sync; it can be called without a suffix."),
    ],
)
def test_resources_that_are_not_there(resource: str, says: str) -> None:
    assert says in (optimized.problem(parse_resource(f"arn:aws:states:::{resource}")) or "")
