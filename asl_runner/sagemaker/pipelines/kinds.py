"""The types of steps and of parameters, as data: what each has to have, what it creates, what cannot run here."""

from __future__ import annotations

from msgspec import Struct

PARAMETER_TYPES = ("String", "Integer", "Float", "Boolean")

_CLOSED = (
    "It needs AWS's own {image} container and its analysis, which are not public. Run the check in a Processing "
    "step with your own script, or leave the step out with selective execution."
)

EXCEPTION_TYPES = (
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
)
"""What a retry policy may name. Source: developer guide, "Retry policy for pipeline steps"."""


class StepKind(Struct, frozen=True, kw_only=True):
    """One type of step."""

    job: str = ""
    """How the API calls what it creates: `TrainingJob` in `CreateTrainingJob`; empty where it creates no job."""
    arn: str = ""
    """The member of its properties that names what it made."""
    metadata: str = ""
    """Its member in the `Metadata` of `ListPipelineExecutionSteps`."""
    retries: bool = False
    """Whether `RetryPolicies` may be given. Source: developer guide, "Retry policy for pipeline steps"."""
    cached: tuple[str, ...] = ()
    """The arguments that decide whether an earlier result may be used again. Source: developer guide, "Caching"."""
    required: tuple[str, ...] = ("Arguments",)
    required_arguments: tuple[str, ...] = ()
    refusal: str = ""
    """Why it cannot run here; empty where it can."""


KINDS: dict[str, StepKind] = {
    "Processing": StepKind(
        job="ProcessingJob",
        arn="ProcessingJobArn",
        metadata="ProcessingJob",
        retries=True,
        cached=("AppSpecification", "Environment", "ProcessingInputs"),
    ),
    "Training": StepKind(
        job="TrainingJob",
        arn="TrainingJobArn",
        metadata="TrainingJob",
        retries=True,
        cached=(
            "AlgorithmSpecification",
            "CheckpointConfig",
            "DebugHookConfig",
            "DebugRuleConfigurations",
            "Environment",
            "HyperParameters",
            "InputDataConfig",
        ),
    ),
    "Tuning": StepKind(
        job="HyperParameterTuningJob",
        arn="HyperParameterTuningJobArn",
        metadata="TuningJob",
        retries=True,
        cached=("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    ),
    "Transform": StepKind(
        job="TransformJob",
        arn="TransformJobArn",
        metadata="TransformJob",
        retries=True,
        cached=("DataProcessing", "Environment", "ModelName", "TransformInput"),
    ),
    "Model": StepKind(arn="ModelArn", metadata="Model", retries=True),
    "RegisterModel": StepKind(arn="ModelPackageArn", metadata="RegisterModel", retries=True),
    "Condition": StepKind(metadata="Condition", required_arguments=("Conditions",)),
    "Fail": StepKind(metadata="Fail", required_arguments=("ErrorMessage",)),
    "Lambda": StepKind(arn="Arn", metadata="Lambda", required=("FunctionArn",)),
    "Callback": StepKind(metadata="Callback", required=("SqsQueueUrl",)),
    "EMR": StepKind(metadata="EMR", required_arguments=("ClusterId", "StepConfig")),
    "QualityCheck": StepKind(refusal=_CLOSED.format(image="sagemaker-model-monitor-analyzer")),
    "ClarifyCheck": StepKind(refusal=_CLOSED.format(image="sagemaker-clarify-processing")),
    "AutoML": StepKind(refusal="Autopilot chooses and builds candidates on AWS only; a Tuning step searches here."),
    "EMRServerless": StepKind(refusal="EMR Serverless runs on AWS only; a Processing step can run the script."),
    "Endpoint": StepKind(refusal="Deploy the model outside of the pipeline, or score it with a Transform step."),
    "EndpointConfig": StepKind(refusal="Deploy the model outside of the pipeline, or score it with a Transform step."),
    "InferenceComponent": StepKind(refusal="It needs an endpoint on AWS; a Transform step scores data here."),
    "Lineage": StepKind(refusal="Lineage is kept by AWS only; leave the step out with selective execution."),
}
"""Every type of step the service has. Source: developer guide, "Pipelines steps"; the SDK's `StepTypeEnum`."""
