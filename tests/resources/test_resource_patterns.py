"""Every service, action and pattern of the optimized integrations: what is recognized, what can be called here.

Source: reference section 14, "Optimized integrations": RR request response, S `.sync`, W `.waitForTaskToken`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.definition.resource import parse_resource
from asl_runner.errors import UsageError
from asl_runner.resources.recognized import is_recognized
from asl_runner.workspace.local import LocalTarget

PATTERNS = {"RR": "", "S": ".sync", "S2": ".sync:2", "W": ".waitForTaskToken"}

TABLE = """
lambda RR,W invoke
states RR,S,S2,W startExecution
sqs RR,W sendMessage
sns RR,W publish
dynamodb RR getItem putItem updateItem deleteItem
events RR,W putEvents
apigateway RR,W invoke
ecs RR,S,W runTask
batch RR,S submitJob
glue RR,S startJobRun
databrew RR,S startJobRun
athena RR,S startQueryExecution
athena RR stopQueryExecution getQueryExecution getQueryResults
bedrock RR invokeModel
bedrock RR,S createModelCustomizationJob
codebuild RR,S startBuild startBuildBatch retryBuildBatch
codebuild RR stopBuild stopBuildBatch deleteBuildBatch batchDeleteBuilds batchGetReports
eks RR call
eks RR,S runJob createCluster deleteCluster createNodegroup deleteNodegroup createFargateProfile deleteFargateProfile
elasticmapreduce RR,S createCluster terminateCluster addStep
elasticmapreduce RR cancelStep setClusterTerminationProtection modifyInstanceFleetByName modifyInstanceGroupByName
emr-containers RR createVirtualCluster
emr-containers RR,S deleteVirtualCluster startJobRun
emr-serverless RR,S createApplication startApplication stopApplication deleteApplication startJobRun cancelJobRun
mediaconvert RR,S createJob
sagemaker RR,S createTrainingJob createProcessingJob createTransformJob createHyperParameterTuningJob createLabelingJob
sagemaker RR createModel createEndpointConfig createEndpoint updateEndpoint
http RR invoke
"""


def rows() -> Iterator[tuple[str, str, set[str]]]:
    """Service, action and the patterns it has."""
    for line in TABLE.strip().splitlines():
        service, patterns, *actions = line.split()
        for action in actions:
            yield service, action, {PATTERNS[name] for name in patterns.split(",")}


@pytest.mark.parametrize("service, action, patterns", list(rows()))
def test_a_row_of_the_table(service: str, action: str, patterns: set[str], tmp_path: Path) -> None:
    """Recognized in the patterns of the table and no other; what runs here is known before the start, and no more."""
    target = LocalTarget(Configuration(root=tmp_path, workspace=tmp_path), tmp_path)
    target.stepfunctions = object()
    for pattern in PATTERNS.values():
        resource = f"arn:aws:states:::{service}:{action}{pattern}"
        offered = pattern in patterns
        assert is_recognized(parse_resource(resource)) is offered, resource
        task = {"Type": "Task", "Resource": resource, "End": True}
        machine = load({"StartAt": "T", "States": {"T": task}})
        if not offered:
            with pytest.raises(UsageError):
                target.check(machine)
        elif service != "sagemaker":  # Which of its jobs run here is told with their requests.
            target.check(machine)


@pytest.mark.parametrize(
    "resource", ["s3:putObject", "dynamodb:query", "sqs:receiveMessage", "lambda:create", "eks:get"]
)
def test_what_is_in_no_row(resource: str) -> None:
    assert not is_recognized(parse_resource(f"arn:aws:states:::{resource}"))
