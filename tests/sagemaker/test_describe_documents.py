"""Describe and List answers against botocore's own model of the API: every member known, required ones there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.parsers import create_parser
from job_requests import (
    BUCKET,
    XGBOOST,
    ended,
    processing,
    processing_output,
    seed_buckets,
    training,
    transform,
    tuning,
    until,
)

from asl_runner.sagemaker import shapes
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.kinds import KINDS, Kind
from asl_runner.sagemaker.records import Records
from asl_runner.service_model import validation
from asl_runner.storage.buckets import Buckets

DESCRIBE = {
    "TrainingJob": "describe_training_job",
    "HyperParameterTuningJob": "describe_hyper_parameter_tuning_job",
    "TransformJob": "describe_transform_job",
    "ProcessingJob": "describe_processing_job",
    "Model": "describe_model",
    "EndpointConfig": "describe_endpoint_config",
    "Endpoint": "describe_endpoint",
    "ModelPackageGroup": "describe_model_package_group",
    "ModelPackage": "describe_model_package",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("described")


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[LocalSageMaker]:
    """Completed, failed and stopped jobs of every kind, and a model."""
    buckets = seed_buckets(root / "s3")
    buckets.put(BUCKET, "code/run.py", b"open('/opt/ml/output/message', 'w').write('done')")
    made = LocalSageMaker(root / "jobs", buckets, parallelism=2)
    made.create_training_job(**training("good", Tags=[{"Key": "team", "Value": "a"}]))
    made.create_training_job(**training("bad", HyperParameters={"num_round": "0"}))
    limited: dict[str, Any] = {
        "HyperParameters": {"num_round": "10000000"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 1},
    }
    made.create_training_job(**training("late", **limited))
    made.create_hyper_parameter_tuning_job(**tuning("tuned"))
    made.create_hyper_parameter_tuning_job(**tuning("untuned", total=1, parallel=1, static={"num_round": "0"}))
    artifact = ended(made, "TrainingJob", "good")["ModelArtifacts"]["S3ModelArtifacts"]
    made.create_model(ModelName="model", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifact})
    made.create_transform_job(**transform("predicted", "model"))
    made.create_transform_job(**transform("empty", "model", TransformInput=_nothing()))
    output = processing_output("out", f"s3://{BUCKET}/processed")
    made.create_processing_job(**processing("prepared", "run.py", (), [output], Environment={"A": "b"}))
    made.create_processing_job(**processing("missing", "none.py", (), [output]))
    variant = {"VariantName": "all", "ModelName": "model", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    made.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[variant])
    made.create_endpoint(EndpointName="live", EndpointConfigName="config")
    made.create_model_package_group(ModelPackageGroupName="group", ModelPackageGroupDescription="kept")
    made.create_model_package(ModelPackageGroupName="group", ModelApprovalStatus="Approved")
    made.create_model_package(ModelPackageName="alone", ModelPackageDescription="without a group")
    for api, names in {
        "ProcessingJob": ("prepared", "missing"),
        "TrainingJob": ("bad", "late"),
        "HyperParameterTuningJob": ("tuned", "untuned"),
        "TransformJob": ("predicted", "empty"),
    }.items():
        for name in names:
            ended(made, api, name)
    until(lambda: made.describe_endpoint(EndpointName="live")["EndpointStatus"] == "InService")
    yield made
    made.close()


def _nothing() -> dict[str, Any]:
    return {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing"}}}


def unknown(value: Any, shape: Any, path: str = "") -> list[str]:
    """The members of a wire document that its shape does not have."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        inside = [(key, item, shape.members.get(key)) for key, item in value.items()]
    elif shape.type_name == "list" and isinstance(value, list):
        inside = [(str(index), item, shape.member) for index, item in enumerate(value)]
    elif shape.type_name == "map" and isinstance(value, Mapping):
        inside = [(key, item, shape.value) for key, item in value.items()]
    else:
        return []
    return [
        name
        for key, item, member in inside
        for name in ([f"{path}{key}"] if member is None else unknown(item, member, f"{path}{key}."))
    ]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.api for kind in KINDS])
def test_describe_documents_keep_the_shape(client: LocalSageMaker, root: Path, kind: Kind) -> None:
    operation = f"Describe{kind.api}"
    shape = shapes.output_shape(operation)
    records = list(Records(root / "jobs").all(kind.directory))
    assert records
    for record in records:
        assert unknown(record.document, shape) == []
        # What the model requires of every answer, but only a job that made a model, or a package of its own, can give.
        required: dict[str, dict[str, Any]] = {
            "TrainingJob": {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/k"}},
            "ModelPackage": {"ModelPackageName": "x"},
        }
        given = required.get(kind.api, {})
        faults = validation.check({**given, **record.document}, shape, open_enums=shapes.open_enums())
        assert [fault.describe() for fault in faults] == []
        # Versions of a group have no name of their own.
        named = record.document.get(kind.name) or record.document[kind.arn]
        answer = getattr(client, DESCRIBE[kind.api])(**{kind.name: named})
        answer.pop("ResponseMetadata")
        body = json.dumps(record.document).encode()
        parsed = create_parser("json").parse({"status_code": 200, "headers": {}, "body": body}, shape)
        parsed.pop("ResponseMetadata")
        assert answer == parsed


@pytest.mark.parametrize(
    ("operation", "method", "request_"),
    [
        ("ListTrainingJobs", "list_training_jobs", {}),
        ("ListHyperParameterTuningJobs", "list_hyper_parameter_tuning_jobs", {}),
        ("ListTransformJobs", "list_transform_jobs", {}),
        ("ListProcessingJobs", "list_processing_jobs", {}),
        ("ListEndpoints", "list_endpoints", {}),
        ("ListEndpointConfigs", "list_endpoint_configs", {}),
        ("ListModels", "list_models", {}),
        (
            "ListTrainingJobsForHyperParameterTuningJob",
            "list_training_jobs_for_hyper_parameter_tuning_job",
            {"HyperParameterTuningJobName": "tuned"},
        ),
    ],
)
def test_summaries_keep_the_shape(
    client: LocalSageMaker, operation: str, method: str, request_: dict[str, Any]
) -> None:
    answer = getattr(client, method)(**request_)
    answer.pop("ResponseMetadata")
    faults = validation.check(answer, shapes.output_shape(operation), open_enums=shapes.open_enums())
    assert [fault.describe() for fault in faults] == []
    assert all(len(value) for value in answer.values())


def test_times_and_counts_agree(client: LocalSageMaker) -> None:
    job = client.describe_training_job(TrainingJobName="late")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1
    transitions = job["SecondaryStatusTransitions"]
    expected = ["Starting", "Downloading", "Training", "Stopping", "MaxRuntimeExceeded"]
    assert [one["Status"] for one in transitions] == expected
    for one, following in itertools.pairwise(transitions):
        assert one["EndTime"] == following["StartTime"]
    assert job["CreationTime"] == transitions[0]["StartTime"]
    assert job["TrainingEndTime"] == job["LastModifiedTime"] == transitions[-1]["EndTime"]
    assert all(time.microsecond % 1000 == 0 for time in (job["CreationTime"], job["TrainingEndTime"]))
    tuned = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    trials = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    found = trials["TrainingJobSummaries"]
    assert tuned["TrainingJobStatusCounters"]["Completed"] == len(found) == 4
    assert tuned["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}
    assert tuned["BestTrainingJob"] in found


def test_buckets_hold_what_documents_name(client: LocalSageMaker, root: Path) -> None:
    buckets = Buckets(root / "s3")
    best = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")["BestTrainingJob"]
    assert buckets.path(BUCKET, f"models/{best['TrainingJobName']}/output/model.tar.gz").is_file()
    assert not list(buckets.list(BUCKET, "models/bad"))
