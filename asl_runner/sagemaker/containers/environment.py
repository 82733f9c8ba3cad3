"""The environment variables of a training container.

`TRAINING_JOB_*` come from the platform, `SM_*` from the training toolkit that most images contain.
Source: SageMaker developer guide; aws/sagemaker-training-toolkit ENVIRONMENT_VARIABLES.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from asl_runner.sagemaker.containers.isolated import OPT_ML
from asl_runner.sagemaker.containers.tree import Tree

TOOLKIT_HYPERPARAMETERS = frozenset(
    {
        "sagemaker_program",
        "sagemaker_submit_directory",
        "sagemaker_enable_cloudwatch_metrics",
        "sagemaker_region",
        "sagemaker_container_log_level",
        "sagemaker_job_name",
        "default_user_module_name",
        "_tuning_objective_metric",
        "sagemaker_s3_output",
    }
)
"""Hyperparameters meant for the toolkit; a user's script does not see them."""

LOG_LEVEL_INFO = "20"


def training_environment(
    tree: Tree, *, job_name: str, job_arn: str, region: str, requested: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every variable of a training container, read off the configuration files already in `tree`.

    Paths are those the program sees, below `/opt/ml`. `requested` is the request's `Environment`, which wins over all
    others.
    """
    return {
        **toolkit_variables(tree),
        "TRAINING_JOB_NAME": job_name,
        "TRAINING_JOB_ARN": job_arn,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **(requested or {}),
    }


def processing_environment(
    *, job_name: str, job_arn: str, region: str, requested: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every variable of a processing container; `requested` is the request's `Environment`, and wins."""
    return {
        "PROCESSING_JOB_NAME": job_name,
        "PROCESSING_JOB_ARN": job_arn,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **(requested or {}),
    }


def toolkit_variables(tree: Tree) -> dict[str, str]:
    """The `SM_*` variables: strings as they are, None empty, all else compact JSON with sorted keys."""
    given = decoded(_read(tree.hyperparameters))
    channels = _read(tree.input_data_config)
    resources = _read(tree.resource_config)
    inside = Tree(OPT_ML)
    user = users_own(given)
    program = str(given.get("sagemaker_program", ""))
    groups = resources.get("instance_groups", [])
    values: dict[str, Any] = {
        "hosts": resources.get("hosts", []),
        "network_interface_name": resources.get("network_interface_name", ""),
        "hps": user,
        "user_entry_point": program,
        "framework_params": {name: value for name, value in given.items() if name in TOOLKIT_HYPERPARAMETERS},
        "resource_config": resources,
        "input_data_config": channels,
        "output_data_dir": str(inside.output_data),
        "channels": sorted(channels),
        "current_host": resources.get("current_host", ""),
        "current_instance_type": resources.get("current_instance_type", ""),
        "current_instance_group": resources.get("current_group_name", ""),
        "current_instance_group_hosts": resources.get("hosts", []),
        "instance_groups": [group["instance_group_name"] for group in groups],
        "instance_groups_dict": {group["instance_group_name"]: group for group in groups},
        "distribution_instance_groups": [],
        "is_hetero": len(groups) > 1,
        "module_name": program.removesuffix(".py"),
        "log_level": LOG_LEVEL_INFO,
        "framework_module": "",
        "input_dir": str(inside.input),
        "input_config_dir": str(inside.config),
        "output_dir": str(inside.output),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "model_dir": str(inside.model),
        "module_dir": given.get("sagemaker_submit_directory", ""),
        "training_env": {
            "hyperparameters": user,
            "model_dir": str(inside.model),
            "job_name": given.get("sagemaker_job_name"),
        },
        "user_args": user_arguments(user),
        "output_intermediate_dir": str(inside.output / "intermediate"),
    }
    variables = {f"SM_{name.upper()}": _text(value) for name, value in values.items()}
    variables |= {f"SM_CHANNEL_{name.upper()}": str(inside.channel(name)) for name in channels}
    variables |= {f"SM_HP_{name.upper()}": _text(value) for name, value in user.items()}
    return variables


def users_own(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters a user's script sees."""
    return {name: value for name, value in hyperparameters.items() if name not in TOOLKIT_HYPERPARAMETERS}


def user_arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Hyperparameters as the arguments of a script: `--name value`, `-n value`, a mapping as `a=1,b=2`."""
    arguments = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        text = ",".join(f"{key}={one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
        arguments += [f"-{name}" if len(name) == 1 else f"--{name}", text]
    return arguments


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Each value as JSON where it is JSON, else the string: the SDK encodes some, requests written by hand none."""
    decoded: dict[str, Any] = {}
    for name, value in hyperparameters.items():
        try:
            decoded[name] = json.loads(value)
        except ValueError:
            decoded[name] = value
    return decoded


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _read(path: Any) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return document
