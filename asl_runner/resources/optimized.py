"""The optimized integrations as a table: `arn:aws:states:::SERVICE:ACTION[.sync|.waitForTaskToken]`.

Those with code of their own (`lambda`, `states`, `sagemaker`, `apigateway`, `http`) are elsewhere.
Source: reference section 14, "Optimized integrations"; the developer guide's page of each service; recorded errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from asl_runner.definition.resource import Resource
from asl_runner.resources.aws.integrations import Action, Integration, until
from asl_runner.resources.emr import EMR

_PLAIN = Action()
_WITH_TOKEN = Action(callback=True)

_ECS_TASK = until(
    "DescribeTasks",
    "{Cluster: Answer.Tasks[0].ClusterArn, Tasks: Answer.Tasks[].TaskArn}",
    "Tasks[0].LastStatus",
    "STOPPED",
    result="Tasks[0]",
    fault="Tasks[0].StopCode == 'TaskFailedToStart' || Tasks[0].Containers[?ExitCode && ExitCode != `0`]",
    nothing="!Tasks",
    stop="StopTask",
    stop_ask="{Cluster: Answer.Tasks[0].ClusterArn, Task: Answer.Tasks[0].TaskArn}",
)

_BATCH_JOB = until(
    "DescribeJobs",
    "{Jobs: [Answer.JobId]}",
    "Jobs[0].Status",
    "SUCCEEDED",
    "FAILED",
    result="Jobs[0]",
    stop="TerminateJob",
    stop_ask="{JobId: Answer.JobId, Reason: 'Stopped by Step Functions'}",
)

_GLUE_RUN = until(
    "GetJobRun",
    "{JobName: Request.JobName, RunId: Answer.JobRunId}",
    "JobRun.JobRunState",
    "SUCCEEDED",
    "FAILED STOPPED TIMEOUT ERROR EXPIRED",
    result="JobRun",
    stop="BatchStopJobRun",
    stop_ask="{JobName: Request.JobName, JobRunIds: [Answer.JobRunId]}",
)

_DATABREW_RUN = until(
    "DescribeJobRun",
    "{Name: Request.Name, RunId: Answer.RunId}",
    "State",
    "SUCCEEDED",
    "FAILED STOPPED TIMEOUT",
    stop="StopJobRun",
    stop_ask="{Name: Request.Name, RunId: Answer.RunId}",
)

_ATHENA_QUERY = until(
    "GetQueryExecution",
    "{QueryExecutionId: Answer.QueryExecutionId}",
    "QueryExecution.Status.State",
    "SUCCEEDED",
    "FAILED CANCELLED",
    stop="StopQueryExecution",
    stop_ask="{QueryExecutionId: Answer.QueryExecutionId}",
)

_BUILD = until(
    "BatchGetBuilds",
    "{Ids: [Answer.Build.Id]}",
    "Builds[0].BuildStatus",
    "SUCCEEDED",
    "FAILED FAULT TIMED_OUT STOPPED",
    result="{Build: Builds[0]}",
    stop="StopBuild",
    stop_ask="{Id: Answer.Build.Id}",
)

_BUILD_BATCH = until(
    "BatchGetBuildBatches",
    "{Ids: [Answer.BuildBatch.Id]}",
    "BuildBatches[0].BuildBatchStatus",
    "SUCCEEDED",
    "FAILED FAULT TIMED_OUT STOPPED",
    result="{BuildBatch: BuildBatches[0]}",
    stop="StopBuildBatch",
    stop_ask="{Id: Answer.BuildBatch.Id}",
)

_CUSTOMIZATION = until(
    "GetModelCustomizationJob",
    "{JobIdentifier: Request.JobName}",
    "Status",
    "Completed",
    "Failed Stopped",
    stop="StopModelCustomizationJob",
    stop_ask="{JobIdentifier: Request.JobName}",
)

_MEDIA_JOB = until(
    "GetJob",
    "{Id: Answer.Job.Id}",
    "Job.Status",
    "COMPLETE",
    "ERROR CANCELED",
    stop="CancelJob",
    stop_ask="{Id: Answer.Job.Id}",
)

_CLUSTER = ("DescribeCluster", "{Name: Request.Name}", "Cluster.Status")
_NODEGROUP = (
    "DescribeNodegroup",
    "{ClusterName: Request.ClusterName, NodegroupName: Request.NodegroupName}",
    "Nodegroup.Status",
)
_FARGATE_PROFILE = (
    "DescribeFargateProfile",
    "{ClusterName: Request.ClusterName, FargateProfileName: Request.FargateProfileName}",
    "FargateProfile.Status",
)

INTEGRATIONS: Mapping[str, Integration] = {
    "athena": Integration(
        "athena",
        "Athena",
        "AmazonAthena",
        "AmazonAthenaException",
        {
            "startQueryExecution": Action(awaited=_ATHENA_QUERY),
            "stopQueryExecution": _PLAIN,
            "getQueryExecution": _PLAIN,
            "getQueryResults": _PLAIN,
        },
    ),
    "batch": Integration("batch", "Batch", "AWSBatch", "AWSBatchException", {"submitJob": Action(awaited=_BATCH_JOB)}),
    "bedrock": Integration(
        "bedrock",
        "Bedrock",
        "AmazonBedrock",
        "AmazonBedrockException",
        {
            "createModelCustomizationJob": Action(awaited=_CUSTOMIZATION),
            "invokeModel": Action(service="bedrock-runtime", json="Body", in_s3=True),
        },
        metadata=False,
    ),
    "codebuild": Integration(
        "codebuild",
        "CodeBuild",
        "AWSCodeBuild",
        "AWSCodeBuildException",
        {
            "startBuild": Action(awaited=_BUILD),
            "stopBuild": _PLAIN,
            "batchDeleteBuilds": _PLAIN,
            "batchGetReports": _PLAIN,
            "startBuildBatch": Action(awaited=_BUILD_BATCH),
            "stopBuildBatch": _PLAIN,
            "retryBuildBatch": Action(awaited=_BUILD_BATCH),
            "deleteBuildBatch": _PLAIN,
        },
    ),
    "databrew": Integration(
        "databrew",
        "DataBrew",
        "AWSGlueDataBrew",
        "AWSGlueDataBrewException",
        {"startJobRun": Action(awaited=_DATABREW_RUN)},
    ),
    "dynamodb": Integration(
        "dynamodb",
        "DynamoDB",
        "AmazonDynamoDBv2",
        "AmazonDynamoDBException",
        {"getItem": _PLAIN, "putItem": _PLAIN, "updateItem": _PLAIN, "deleteItem": _PLAIN},
    ),
    "ecs": Integration(
        "ecs",
        "ECS",
        "AmazonECS",
        "AmazonECSException",
        {"runTask": Action(callback=True, awaited=_ECS_TASK)},
    ),
    "eks": Integration(
        "eks",
        "EKS",
        "AmazonEKS",
        "AmazonEKSException",
        {
            "call": Action(kubernetes=("",)),
            "runJob": Action(kubernetes=("", "sync")),
            "createCluster": Action(awaited=until(*_CLUSTER, "ACTIVE", "FAILED")),
            "deleteCluster": Action(awaited=until(*_CLUSTER, "", "FAILED", gone=True)),
            "createNodegroup": Action(awaited=until(*_NODEGROUP, "ACTIVE", "CREATE_FAILED DEGRADED")),
            "deleteNodegroup": Action(awaited=until(*_NODEGROUP, "", "DELETE_FAILED", gone=True)),
            "createFargateProfile": Action(awaited=until(*_FARGATE_PROFILE, "ACTIVE", "CREATE_FAILED")),
            "deleteFargateProfile": Action(awaited=until(*_FARGATE_PROFILE, "", "DELETE_FAILED", gone=True)),
        },
    ),
    "events": Integration(
        "events",
        "EventBridge",
        "AmazonEventBridge",
        "AmazonEventBridgeException",
        {"putEvents": _WITH_TOKEN},
        metadata=False,
    ),
    "glue": Integration("glue", "Glue", "AWSGlue", "AWSGlueException", {"startJobRun": Action(awaited=_GLUE_RUN)}),
    "mediaconvert": Integration(
        "mediaconvert",
        "MediaConvert",
        "AWSMediaConvert",
        "AWSMediaConvertException",
        {"createJob": Action(awaited=_MEDIA_JOB)},
    ),
    "sns": Integration("sns", "SNS", "AmazonSNS", "AmazonSNSException", {"publish": _WITH_TOKEN}),
    "sqs": Integration("sqs", "SQS", "AmazonSQS", "AmazonSQSException", {"sendMessage": _WITH_TOKEN}),
    **EMR,
}
"""The integrations by the service of their resources."""


def find(resource: Resource) -> tuple[Integration, Action] | None:
    """The integration and action of a resource whose pattern they offer."""
    integration = INTEGRATIONS.get(resource.service) if resource.kind == "service" else None
    action = integration.actions.get(resource.action) if integration else None
    if integration is None or action is None or resource.pattern not in patterns(action):
        return None
    return integration, action


def patterns(action: Action) -> Iterator[str]:
    """The patterns an action offers, the plain one first."""
    if action.kubernetes:
        yield from action.kubernetes
        return
    yield ""
    if action.awaited is not None:
        yield "sync"
    if action.callback:
        yield "waitForTaskToken"


def problem(resource: Resource) -> str | None:
    """Why a resource of one of these services cannot be called, with what can; None for one that can."""
    if find(resource) is not None:
        return None
    actions = INTEGRATIONS[resource.service].actions
    if resource.action in actions:
        offered = ", ".join(f".{pattern}" for pattern in patterns(actions[resource.action]) if pattern)
        return (
            f"{resource.service}:{resource.action} has no .{resource.pattern}; "
            f"{f'it has {offered} and ' if offered else ''}it can be called without a suffix."
        )
    close = get_close_matches(resource.action, actions, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(actions))}."
    return (
        f"The optimized integration {resource.service!r} has no action {resource.action!r}; {hint} "
        "Any other action of the service can be called as aws-sdk:SERVICE:ACTION."
    )
