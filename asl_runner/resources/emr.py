"""The optimized integrations of Amazon EMR: on EC2, on EKS, and serverless. A part of the table in `optimized`.

On EC2 the state language has one cluster and one step where the API has lists of them.
Source: developer guide, "Amazon EMR", "Amazon EMR on EKS", "EMR Serverless".
"""

from __future__ import annotations

from collections.abc import Mapping

from asl_runner.resources.aws.integrations import Action, Integration, Named, until

_CLUSTER = ("DescribeCluster", "{ClusterId: Answer.ClusterId || Request.ClusterId}", "Cluster.Status.State")
_CLUSTER_RESULT = "{ClusterId: Cluster.Id, Cluster: Cluster}"

_STEP = until(
    "DescribeStep",
    "{ClusterId: Request.ClusterId, StepId: Answer.StepId}",
    "Step.Status.State",
    "COMPLETED",
    "CANCELLED FAILED INTERRUPTED",
    stop="CancelSteps",
    stop_ask="{ClusterId: Request.ClusterId, StepIds: [Answer.StepId]}",
)

_APPLICATION = (
    "GetApplication",
    "{ApplicationId: Answer.ApplicationId || Request.ApplicationId}",
    "Application.State",
)

_SERVERLESS_RUN = (
    "GetJobRun",
    "{ApplicationId: Request.ApplicationId, JobRunId: Answer.JobRunId || Request.JobRunId}",
    "JobRun.State",
)

_EKS_RUN = until(
    "DescribeJobRun",
    "{Id: Answer.Id, VirtualClusterId: Request.VirtualClusterId}",
    "JobRun.State",
    "COMPLETED",
    "FAILED CANCELLED",
    result="JobRun",
    stop="CancelJobRun",
    stop_ask="{Id: Answer.Id, VirtualClusterId: Request.VirtualClusterId}",
)

EMR: Mapping[str, Integration] = {
    "elasticmapreduce": Integration(
        "emr",
        "ElasticMapReduce",
        "AmazonElasticMapReduce",
        "AmazonElasticMapReduceException",
        {
            "createCluster": Action(
                operation="RunJobFlow",
                answer="{ClusterId: JobFlowId, ClusterArn: ClusterArn}",
                awaited=until(
                    *_CLUSTER,
                    "RUNNING WAITING",
                    "TERMINATING TERMINATED TERMINATED_WITH_ERRORS",
                    result=_CLUSTER_RESULT,
                    stop="TerminateJobFlows",
                    stop_ask="{JobFlowIds: [Answer.ClusterId]}",
                ),
            ),
            "terminateCluster": Action(
                operation="TerminateJobFlows",
                request="{JobFlowIds: [ClusterId]}",
                awaited=until(*_CLUSTER, "TERMINATED", "TERMINATED_WITH_ERRORS", result=_CLUSTER_RESULT),
            ),
            "setClusterTerminationProtection": Action(
                operation="SetTerminationProtection",
                request="{JobFlowIds: [ClusterId], TerminationProtected: TerminationProtected}",
            ),
            "addStep": Action(
                operation="AddJobFlowSteps",
                request="{JobFlowId: ClusterId, Steps: [Step], ExecutionRoleArn: ExecutionRoleArn}",
                answer="{StepId: StepIds[0]}",
                awaited=_STEP,
            ),
            "cancelStep": Action(
                operation="CancelSteps",
                request="{ClusterId: ClusterId, StepIds: [StepId], StepCancellationOption: StepCancellationOption}",
                answer="{CancelStepsInfo: CancelStepsInfoList[0]}",
            ),
            "modifyInstanceFleetByName": Action(
                operation="ModifyInstanceFleet",
                named=Named("ListInstanceFleets", "{ClusterId: ClusterId}", "InstanceFleets", "InstanceFleetName"),
                request="{ClusterId: ClusterId, InstanceFleet: merge(InstanceFleet, {InstanceFleetId: Found})}",
            ),
            "modifyInstanceGroupByName": Action(
                operation="ModifyInstanceGroups",
                named=Named("ListInstanceGroups", "{ClusterId: ClusterId}", "InstanceGroups", "InstanceGroupName"),
                request="{ClusterId: ClusterId, InstanceGroups: [merge(InstanceGroup, {InstanceGroupId: Found})]}",
            ),
        },
    ),
    "emr-containers": Integration(
        "emr-containers",
        "EMRContainers",
        "AmazonEMRContainers",
        "AmazonEMRContainersException",
        {
            "createVirtualCluster": Action(),
            "deleteVirtualCluster": Action(
                awaited=until(
                    "DescribeVirtualCluster",
                    "{Id: Request.Id}",
                    "VirtualCluster.State",
                    "TERMINATED",
                    "ARRESTED",
                    result="VirtualCluster",
                )
            ),
            "startJobRun": Action(awaited=_EKS_RUN),
        },
    ),
    "emr-serverless": Integration(
        "emr-serverless",
        "EMRServerless",
        "EMRServerless",
        "AWSEMRServerlessException",
        {
            "createApplication": Action(awaited=until(*_APPLICATION, "CREATED STARTED STOPPED", "TERMINATED")),
            "startApplication": Action(awaited=until(*_APPLICATION, "STARTED", "STOPPED TERMINATED")),
            "stopApplication": Action(awaited=until(*_APPLICATION, "STOPPED CREATED", "TERMINATED")),
            "deleteApplication": Action(awaited=until(*_APPLICATION, "TERMINATED", gone=True)),
            "startJobRun": Action(
                awaited=until(
                    *_SERVERLESS_RUN,
                    "SUCCESS",
                    "FAILED CANCELLED",
                    stop="CancelJobRun",
                    stop_ask="{ApplicationId: Request.ApplicationId, JobRunId: Answer.JobRunId}",
                )
            ),
            "cancelJobRun": Action(awaited=until(*_SERVERLESS_RUN, "CANCELLED SUCCESS FAILED")),
        },
    ),
}
