"""XGBoost on several instances: real worker processes, and the model of one."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, ended, seed_buckets, training

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.storage.buckets import Buckets

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"


def rows(count: int, seed: int, *, weighted: bool = False) -> str:
    draw = random.Random(seed)
    lines = []
    for _ in range(count):
        features = [draw.random() for _ in range(4)]
        label = sum(features) + draw.gauss(0, 0.1)
        cells = [label, *([draw.random()] if weighted else []), *features]
        lines.append(",".join(f"{cell:.6f}" for cell in cells))
    return "\n".join(lines) + "\n"


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    made = seed_buckets(tmp_path / "s3")
    # More values than a histogram has bins, so that their borders are a matter of agreement.
    for number in range(5):
        made.put(BUCKET, f"parts/{number}.csv", rows(700, number).encode())
    made.put(BUCKET, "held/rows.csv", rows(300, 9).encode())
    return made


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    made = LocalSageMaker(tmp_path / "jobs", buckets, parallelism=2)
    yield made
    made.close()


def channel(name: str, prefix: str, distribution: str, content_type: str = "text/csv") -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": f"s3://{BUCKET}/{prefix}",
        "S3DataDistributionType": distribution,
    }
    return {"ChannelName": name, "ContentType": content_type, "DataSource": {"S3DataSource": source}}


def trained(
    client: LocalSageMaker,
    buckets: Buckets,
    name: str,
    count: int,
    channels: list[dict[str, Any]],
    **hyperparameters: str,
) -> tuple[bytes, dict[str, float]]:
    """The model and the final metrics."""
    request = training(
        name,
        IMAGE,
        InputDataConfig=channels,
        ResourceConfig={"InstanceCount": count, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    client.create_training_job(**{**request, "HyperParameters": {"num_round": "4", **hyperparameters}})
    job = ended(client, "TrainingJob", name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    with tarfile.open(buckets.path(BUCKET, f"models/{name}/output/model.tar.gz")) as tar:
        assert tar.getnames() == ["xgboost-model"]
        model = tar.extractfile("xgboost-model")
        assert model is not None
        return model.read(), {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}


@pytest.mark.parametrize("distribution", ["FullyReplicated", "ShardedByS3Key"])
def test_several_instances_train_the_model_of_one(
    client: LocalSageMaker, buckets: Buckets, tmp_path: Path, distribution: str
) -> None:
    channels = [channel("train", "parts/", distribution), channel("validation", "held/", "FullyReplicated")]
    model, metrics = trained(client, buckets, "three", 3, channels)
    alone, expected = trained(client, buckets, "one", 1, channels)
    assert model == alone
    assert metrics == expected
    log = (tmp_path / "jobs/training/three/log").read_text()
    assert "algo-2 " in log
    assert "Distributed node training with 3 hosts: ['algo-1', 'algo-2', 'algo-3']" in log
    assert log.count("[3]\ttrain-rmse:") == 1


@pytest.mark.parametrize("settings", [{"objective": "reg:squarederror"}, {"objective": "count:poisson"}])
def test_the_first_prediction_is_estimated_as_by_one(
    client: LocalSageMaker, buckets: Buckets, settings: dict[str, str]
) -> None:
    """Of these labels two hosts that estimate it together get another last digit."""
    for number in range(3):
        buckets.put(BUCKET, f"odd/{number}.csv", rows(700, number).encode())
    channels = [channel("train", "odd/", "FullyReplicated")]
    model, metrics = trained(client, buckets, "two", 2, channels, **settings)
    assert (model, metrics) == trained(client, buckets, "one", 1, channels, **settings)


def test_fewer_objects_than_instances_and_metrics_of_the_container(client: LocalSageMaker, buckets: Buckets) -> None:
    draw = random.Random(4)
    first = [draw.random() for _ in range(400)]
    lines = [f"{int(x + draw.gauss(0, 0.3) > 0.5)} 0:{x:.4f} 2:{draw.random():.4f}" for x in first]
    buckets.put(BUCKET, "sparse/only", "\n".join(lines).encode())
    channels = [channel("train", "sparse/", "ShardedByS3Key", "text/libsvm")]
    settings = {"objective": "binary:logistic", "eval_metric": "auc,accuracy,logloss"}
    model, metrics = trained(client, buckets, "two", 2, channels, **settings)
    alone, expected = trained(client, buckets, "one", 1, channels, **settings)
    assert model == alone
    assert metrics == pytest.approx(expected, abs=2e-5)
    assert set(metrics) == {"train:auc", "train:accuracy", "train:logloss"}


def test_weights_count_and_early_stopping_is_the_same(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "weighted/rows.csv", rows(500, 3, weighted=True).encode())
    buckets.put(BUCKET, "weighted-held/rows.csv", rows(100, 8, weighted=True).encode())
    channels = [
        channel("train", "weighted/", "FullyReplicated"),
        channel("validation", "weighted-held/", "FullyReplicated"),
    ]
    settings = {"csv_weights": "1", "eval_metric": "rmse", "early_stopping_rounds": "1", "eta": "1", "num_round": "30"}
    model, metrics = trained(client, buckets, "two", 2, channels, **settings)
    assert (model, metrics) == trained(client, buckets, "one", 1, channels, **settings)


def test_what_cannot_be_divided_one_does_alone(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    channels = [channel("train", "parts/", "ShardedByS3Key")]
    model, _ = trained(client, buckets, "two", 2, channels, tree_method="exact")
    alone, _ = trained(client, buckets, "one", 1, channels, tree_method="exact")
    assert model == alone
    assert "the first host trains alone" in (tmp_path / "jobs/training/two/log").read_text()


def test_data_that_no_host_can_read_fail_the_job(client: LocalSageMaker, buckets: Buckets) -> None:
    buckets.put(BUCKET, "bad/rows.csv", b"label,a,b\n1,2,3\n")
    request = training(
        "bad",
        IMAGE,
        InputDataConfig=[channel("train", "bad/", "FullyReplicated")],
        ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    )
    client.create_training_job(**request)
    job = ended(client, "TrainingJob", "bad")
    assert job["TrainingJobStatus"] == "Failed"
    assert "Failed to load csv data" in job["FailureReason"]


def test_queries_of_a_ranking_stay_whole(client: LocalSageMaker, buckets: Buckets) -> None:
    draw = random.Random(6)
    lines = [
        f"{draw.randint(0, 3)} qid:{number // 5} 0:{draw.random():.4f} 1:{draw.random():.4f}" for number in range(200)
    ]
    buckets.put(BUCKET, "ranked/rows", "\n".join(lines).encode())
    channels = [channel("train", "ranked/", "FullyReplicated", "text/libsvm")]
    settings = {"objective": "rank:pairwise", "eval_metric": "ndcg"}
    model, metrics = trained(client, buckets, "two", 2, channels, **settings)
    alone, expected = trained(client, buckets, "one", 1, channels, **settings)
    assert model == alone
    assert metrics == pytest.approx(expected, abs=2e-5)
