"""XGBoost on several instances, each a real container of Docker: the model of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker_images import containers, eventually, networks
from job_requests import BUCKET, ended, training
from test_xgboost_cluster import IMAGE, channel, rows, trained

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers.docker.engine import Engine
from asl_runner.storage.buckets import Buckets

pytestmark = pytest.mark.docker


@pytest.fixture
def channels(buckets: Buckets) -> list[dict[str, Any]]:
    for number in range(3):
        buckets.put(BUCKET, f"parts/{number}.csv", rows(700, number).encode())
    buckets.put(BUCKET, "held/rows.csv", rows(300, 9).encode())
    return [channel("train", "parts/", "ShardedByS3Key"), channel("validation", "held/", "FullyReplicated")]


def test_several_containers_train_the_model_of_one(
    docker_client: LocalSageMaker,
    buckets: Buckets,
    channels: list[dict[str, Any]],
    engine: Engine,
    tmp_path: Path,
) -> None:
    model, metrics = trained(docker_client, buckets, "two", 2, channels)
    alone, expected = trained(docker_client, buckets, "one", 1, channels)
    assert model == alone
    assert metrics == expected
    log = (tmp_path / "jobs/training/two/log").read_text()
    assert "Distributed node training with 2 hosts: ['algo-1', 'algo-2']" in log
    assert {"algo-1", "algo-2"} == {line.split()[0] for line in log.splitlines() if line.startswith("algo-")}
    eventually(lambda: not networks(engine, tmp_path))


def test_one_container_that_fails_ends_the_others(
    docker_client: LocalSageMaker, buckets: Buckets, channels: list[dict[str, Any]], engine: Engine, tmp_path: Path
) -> None:
    buckets.put(BUCKET, "parts/1.csv", b"label,a,b\n1,2,3\n")
    request = training(
        "failing",
        IMAGE,
        InputDataConfig=channels,
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    docker_client.create_training_job(**request)
    job = ended(docker_client, "TrainingJob", "failing")
    assert job["TrainingJobStatus"] == "Failed"
    assert "Failed to load csv data" in job["FailureReason"]
    eventually(lambda: not containers(engine, tmp_path) and not networks(engine, tmp_path))
