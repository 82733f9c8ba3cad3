"""A look over a Lambda task before it runs: whether it can be called as written, and its function has code here."""

from __future__ import annotations

from asl_runner.definition.resource import Resource
from asl_runner.errors import ConfigurationError, NotFound
from asl_runner.expressions.environment import Json
from asl_runner.functions import Functions


def problem(functions: Functions, resource: Resource, parameters: Json = None) -> str | None:
    """Why a task could not run here, or None.

    `parameters` is the task's `Parameters` or `Arguments` as written; a function name computed at run time is not
    judged. The text spells out the configuration to write.
    """
    name: Json = resource.arn
    if resource.kind != "lambda":
        if resource.action != "invoke" or resource.pattern not in ("", "waitForTaskToken"):
            plain = resource.arn.partition(":lambda:")[0]
            return (
                f"The resource {resource.arn} is not available on the target local; "
                f"available: {plain}:lambda:invoke, which waits for the function's answer, and "
                f"{plain}:lambda:invoke.waitForTaskToken, which waits for the task's token."
            )
        name = parameters.get("FunctionName") if isinstance(parameters, dict) else None
    if not isinstance(name, str) or name.startswith("{%"):
        return None
    try:
        functions.resolve(name)
    except (NotFound, ConfigurationError) as error:
        return str(error)
    return None
