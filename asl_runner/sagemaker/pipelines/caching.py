"""Step caching: when the result of an earlier execution may stand for a step's, and for how long.

Source: developer guide, "Caching pipeline steps"; reference section 8.5. What objects on S3 hold is not compared, as on
the service.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.document import Step
from asl_runner.sagemaker.pipelines.durations import duration_seconds
from asl_runner.sagemaker.pipelines.kinds import KINDS


def is_cached(step: Step) -> bool:
    """Whether the step wants the result of an earlier execution where there is one."""
    config: Any = step.fields.get("CacheConfig")
    return isinstance(config, dict) and config.get("Enabled") is True and bool(KINDS[step.type].cached)


def lifetime(step: Step) -> float | None:
    """For how many seconds a result may be used again; None for ever."""
    config: Any = step.fields["CacheConfig"]
    after = config.get("ExpireAfter")
    return None if after is None else duration_seconds(str(after))


def key(step: Step, request: Json) -> str:
    """What two requests have in common that may share a result: the step, its type and the arguments compared."""
    arguments = request if isinstance(request, dict) else {}
    compared = {name: arguments[name] for name in KINDS[step.type].cached if name in arguments}
    text = msgspec.json.encode([step.name, step.type, compared], order="sorted")
    return hashlib.sha256(text).hexdigest()
