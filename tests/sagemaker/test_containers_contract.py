"""The files and variables a container finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from xgboost_programs import read_json

from asl_runner.errors import NotFound
from asl_runner.sagemaker.containers.contract import create_tree, write_training_configuration
from asl_runner.sagemaker.containers.environment import training_environment
from asl_runner.sagemaker.containers.images import repository, resolve, xgboost_version
from asl_runner.sagemaker.containers.tree import Tree


class Setting:
    def __init__(self, pattern: str, algorithm: str | None = None, command: tuple[str, ...] | None = None) -> None:
        self.pattern = pattern
        self.algorithm = algorithm
        self.command = command
        self.image: str | None = None
        self.environment: dict[str, str] = {"EXTRA": "1"}


def written(root: Path, **changes: Any) -> Tree:
    tree = create_tree(root, channels=["train"])
    write_training_configuration(
        tree,
        hyperparameters={"eta": "0.2", "sagemaker_program": '"train.py"', "objective": "reg:squarederror"},
        channels=[
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataDistributionType": "ShardedByS3Key", "S3Uri": "s3://b/k"}},
            },
            {"ChannelName": "other", "InputMode": "FastFile"},
        ],
        resources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
        **changes,
    )
    return tree


def test_configuration_files(tmp_path: Path) -> None:
    tree = written(tmp_path)
    assert read_json(tree.hyperparameters)["eta"] == "0.2"
    channels = read_json(tree.input_data_config)
    assert channels == {
        "train": {
            "ContentType": "text/csv",
            "TrainingInputMode": "File",
            "S3DistributionType": "ShardedByS3Key",
            "RecordWrapperType": "None",
        },
        "other": {
            "TrainingInputMode": "FastFile",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        },
    }
    resources = read_json(tree.resource_config)
    assert resources["current_host"] == "algo-1"
    assert resources["hosts"] == ["algo-1"]
    assert resources["current_instance_type"] == "ml.m4.xlarge"
    assert not tree.checkpoint_config.exists()


def test_checkpoint_path_is_inside_the_tree(tmp_path: Path) -> None:
    tree = written(tmp_path, checkpoints={"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/checks"})
    assert read_json(tree.checkpoint_config)["LocalPath"] == "/opt/ml/checks"
    assert (tmp_path / "checks").is_dir()


def test_environment_of_a_training_job(tmp_path: Path) -> None:
    tree = written(tmp_path)
    variables = training_environment(
        tree, job_name="j", job_arn="arn:j", region="eu-west-1", requested={"MINE": "x", "SM_LOG_LEVEL": "10"}
    )
    assert variables["TRAINING_JOB_NAME"] == "j"
    assert variables["TRAINING_JOB_ARN"] == "arn:j"
    assert variables["AWS_REGION"] == "eu-west-1"
    assert variables["MINE"] == "x"
    assert variables["SM_LOG_LEVEL"] == "10"
    assert variables["SM_MODEL_DIR"] == "/opt/ml/model"
    assert variables["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
    assert variables["SM_CHANNELS"] == '["other","train"]'
    assert variables["SM_HP_ETA"] == "0.2"
    assert json.loads(variables["SM_HPS"]) == {"eta": 0.2, "objective": "reg:squarederror"}
    assert variables["SM_USER_ENTRY_POINT"] == "train.py"
    assert variables["SM_MODULE_NAME"] == "train"
    assert json.loads(variables["SM_USER_ARGS"]) == ["--eta", "0.2", "--objective", "reg:squarederror"]


def test_failure_is_cut_as_the_service_cuts_it(tmp_path: Path) -> None:
    tree = create_tree(tmp_path)
    assert tree.read_failure() is None
    tree.failure.write_text("x" * 2000)
    assert tree.read_failure() == "x" * 1024


@pytest.mark.parametrize(
    "image, version",
    [
        ("433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:latest", "0.72"),
        ("1.dkr.ecr.cn-north-1.amazonaws.com.cn/xgboost:1", "0.72"),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "1.7-1"),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3", "1.0-1"),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost", "3.0-5"),
    ],
)
def test_built_in_images(image: str, version: str) -> None:
    assert xgboost_version(image) == version
    program = resolve(image)
    assert program.algorithm == "xgboost"
    assert program.start("train")[-2:] == ("asl_runner.sagemaker.algorithms.xgboost", "train")
    assert program.environment["ASL_RUNNER_XGBOOST_VERSION"] == version


def test_configured_images_win() -> None:
    settings = [Setting("*/mine:*", command=("python", "x.py")), Setting("*/xgb-fork:*", algorithm="xgboost")]
    program = resolve("1.dkr.ecr.eu-west-1.amazonaws.com/mine:2", settings)
    assert program.start("serve") == ("python", "x.py", "serve")
    assert program.algorithm is None
    assert program.environment == {"EXTRA": "1"}
    assert resolve("1.dkr.ecr.eu-west-1.amazonaws.com/xgb-fork:9", settings).algorithm == "xgboost"


def test_unknown_image_says_what_to_write() -> None:
    with pytest.raises(NotFound) as caught:
        resolve("1.dkr.ecr.eu-west-1.amazonaws.com/team/resnet@sha256:abc")
    assert '"*/resnet:*"' in str(caught.value)
    assert "[images]" in str(caught.value)
    assert repository("1.dkr.ecr.eu-west-1.amazonaws.com/team/resnet@sha256:abc") == "resnet"


def test_a_container_is_told_the_places_it_sees(tmp_path: Path) -> None:
    tree = create_tree(tmp_path / "ml", channels=["train"])
    write_training_configuration(
        tree, hyperparameters={}, channels=[{"ChannelName": "train"}], checkpoints={"LocalPath": "/opt/ml/saved"}
    )
    assert (tmp_path / "ml" / "saved").is_dir()
    variables = training_environment(tree, job_name="j", job_arn="arn", region="us-east-1")
    assert str(tmp_path) not in "".join([*variables.values(), *(path.read_text() for path in tree.config.iterdir())])
