"""The environment variables of a function: Lambda's own, the workspace's, the function's, and no credentials.

Source: Lambda developer guide, "Defined runtime environment variables".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from asl_runner.functions.registry import Function

_WITHHELD = ("AWS_", "_AWS_", "LAMBDA_", "_LAMBDA_", "_X_AMZN_", "_HANDLER", "__PYVENV_LAUNCHER__")
"""What a function must not inherit: the user's credentials, profile and endpoints, or another function's identity."""

_DUMMY = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def lambda_variables(function: Function, workspace: Mapping[str, str]) -> dict[str, str]:
    """The variables Lambda defines, over them `workspace` (region, endpoint, credentials) and the function's own."""
    arn = function.arn
    today = datetime.now(UTC).strftime("%Y/%m/%d")
    return {
        **_DUMMY,
        "AWS_REGION": arn.region,
        "AWS_DEFAULT_REGION": arn.region,
        "TZ": ":UTC",
        **workspace,
        **function.environment,
        "_HANDLER": function.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": function.executed_version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{today}/[{function.executed_version}]{uuid4().hex}",
        "LAMBDA_TASK_ROOT": str(function.root),
    }


def process_environment(function: Function, workspace: Mapping[str, str], runtime_api: str) -> dict[str, str]:
    """The whole environment of a worker process: this process's, without `_WITHHELD`, and Lambda's over it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}
    variables = {
        **inherited,
        "LANG": "en_US.UTF-8",
        **lambda_variables(function, workspace),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
    }
    # A proxy of the user's network cannot reach the workspace's endpoint on this machine.
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = ",".join(filter(None, (variables.get(name), "127.0.0.1,localhost")))
    return variables
