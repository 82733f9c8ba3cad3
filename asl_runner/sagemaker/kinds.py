"""The kinds of things the API creates, as data: how their members, ARNs, directories and refusals are spelled.

Messages are those the service is known to answer (reference 1.6; recorded texts of the API where public reports show
them). `{name}` and `{arn}` are filled in.
"""

from __future__ import annotations

from msgspec import Struct


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of job, or of what is kept."""

    directory: str
    """Folder below the jobs directory."""
    api: str
    """How operations are named: `TrainingJob` in `CreateTrainingJob`."""
    arn_type: str
    """Last part of the ARN before the name."""
    name: str
    """The member that holds the name in requests and Describe documents."""
    arn: str
    status: str | None
    """The member that holds the status; None for what has none."""
    end_time: str | None
    """The member that holds when it ended; None for what has no end."""
    taken: tuple[str, str]
    """Error code and message when the name is taken."""
    missing: str
    """Message of the `ValidationException` for an unknown name."""


TRAINING = Kind(
    directory="training",
    api="TrainingJob",
    arn_type="training-job",
    name="TrainingJobName",
    arn="TrainingJobArn",
    status="TrainingJobStatus",
    end_time="TrainingEndTime",
    taken=(
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, and a training job with this name already "
        "exists ({arn})",
    ),
    missing="Requested resource not found.",
)

TUNING = Kind(
    directory="tuning",
    api="HyperParameterTuningJob",
    arn_type="hyper-parameter-tuning-job",
    name="HyperParameterTuningJobName",
    arn="HyperParameterTuningJobArn",
    status="HyperParameterTuningJobStatus",
    end_time="HyperParameterTuningEndTime",
    taken=(
        "ResourceInUse",
        "A hyperparameter tuning job with the name, {name}, already exists. Choose a different name.",
    ),
    missing="Could not find hyperparameter tuning job with name {name}",
)

TRANSFORM = Kind(
    directory="transform",
    api="TransformJob",
    arn_type="transform-job",
    name="TransformJobName",
    arn="TransformJobArn",
    status="TransformJobStatus",
    end_time="TransformEndTime",
    taken=(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    ),
    missing="Could not find requested job with name: {name}",
)

PROCESSING = Kind(
    directory="processing",
    api="ProcessingJob",
    arn_type="processing-job",
    name="ProcessingJobName",
    arn="ProcessingJobArn",
    status="ProcessingJobStatus",
    end_time="ProcessingEndTime",
    taken=(
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    ),
    missing="Could not find requested job with name: {name}",
)

MODEL = Kind(
    directory="model",
    api="Model",
    arn_type="model",
    name="ModelName",
    arn="ModelArn",
    status=None,
    end_time=None,
    taken=("ValidationException", 'Cannot create already existing model "{arn}".'),
    missing='Could not find model "{arn}".',
)

ENDPOINT_CONFIG = Kind(
    directory="endpoint-config",
    api="EndpointConfig",
    arn_type="endpoint-config",
    name="EndpointConfigName",
    arn="EndpointConfigArn",
    status=None,
    end_time=None,
    taken=("ValidationException", 'Cannot create already existing endpoint configuration "{arn}".'),
    missing='Could not find endpoint configuration "{arn}".',
)

ENDPOINT = Kind(
    directory="endpoint",
    api="Endpoint",
    arn_type="endpoint",
    name="EndpointName",
    arn="EndpointArn",
    status="EndpointStatus",
    end_time=None,
    taken=("ValidationException", 'Cannot create already existing endpoint "{arn}".'),
    missing='Could not find endpoint "{arn}".',
)

PACKAGE_GROUP = Kind(
    directory="model-package-group",
    api="ModelPackageGroup",
    arn_type="model-package-group",
    name="ModelPackageGroupName",
    arn="ModelPackageGroupArn",
    status=None,
    end_time=None,
    taken=("ValidationException", "Model Package Group already exists: {arn}"),
    missing="ModelPackageGroup {arn} does not exist.",
)

PACKAGE = Kind(
    directory="model-package",
    api="ModelPackage",
    arn_type="model-package",
    name="ModelPackageName",
    arn="ModelPackageArn",
    status=None,
    end_time=None,
    taken=("ValidationException", "Model Package already exists: {arn}"),
    missing="ModelPackage {arn} does not exist.",
)

KINDS = (TRAINING, TUNING, TRANSFORM, PROCESSING, MODEL, ENDPOINT_CONFIG, ENDPOINT, PACKAGE_GROUP, PACKAGE)

JOBS = {kind.name: kind for kind in (TUNING, TRAINING, TRANSFORM, PROCESSING)}
"""What runs and ends, by the member that holds its name."""

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
"""Statuses in which a job stays."""


def job_named_in(request: object) -> tuple[Kind, str] | None:
    """The kind and name of the job a request creates; None where it creates none, or does not say its name."""
    if isinstance(request, dict):
        for member, kind in JOBS.items():
            if isinstance(request.get(member), str):
                return kind, request[member]
    return None
