"""How a SageMaker Pipelines definition is told from a state machine; `asl_runner.sagemaker.pipelines` reads it."""

from __future__ import annotations

from asl_runner.expressions.environment import Json


def is_pipeline(value: Json) -> bool:
    """Whether a document is meant to be a pipeline definition: it has steps and no states."""
    return isinstance(value, dict) and isinstance(value.get("Steps"), list) and "States" not in value
