"""Which image of the engine is run for an image URI: a configured one, the URI's own, or one we build."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from asl_runner.errors import NotFound
from asl_runner.sagemaker.containers.docker.engine import Engine, platform
from asl_runner.sagemaker.containers.images import (
    FRAMEWORK_VARIABLE,
    XGBOOST_VERSION_VARIABLE,
    ImageSetting,
    Program,
    Use,
    repository,
    xgboost_version,
)

BUILT = {"xgboost": "asl-runner/xgboost", "scikit-learn": "asl-runner/scikit-learn"}
"""What `asl-runner images build` makes."""

REPOSITORIES = {"xgboost": "xgboost", "sagemaker-xgboost": "xgboost", "sagemaker-scikit-learn": "scikit-learn"}
"""Repository name of an image of SageMaker's to the one of ours that stands for it."""

_ECR = re.compile(r"(?P<host>\d+\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)/")


def program(
    engine: Engine, image: str, configured: Sequence[ImageSetting] = (), use: Use = "algorithm", *, pull: bool = True
) -> Program:
    """What runs for the image URI `image`; `Program.image` is the engine's name of it.

    Of the URI's own image and one that is built here, the URI's own runs where the engine has it. Another image the
    engine does not have is pulled, or with `pull` off taken to be there. Raises `NotFound` with what to do.
    """
    setting = next((setting for setting in configured if fnmatchcase(image, setting.pattern)), None)
    environment = dict(setting.environment) if setting is not None else {}
    if setting is not None and setting.image is not None:
        _have(engine, setting.image, image, pull=pull)
        return Program(setting.image, (), None, environment)
    ours = setting.algorithm if setting is not None else REPOSITORIES.get(repository(image))
    if ours is None or (setting is None and is_there(engine, image)):
        _have(engine, image, image, pull=pull)
        return Program(image, (), None, environment)
    built = BUILT[ours]
    if not is_there(engine, built):
        raise NotFound(
            f"The Docker engine has neither the image {image!r} nor {built!r}, which stands for it. "
            f"Build it once with: asl-runner images build {ours}"
        )
    if use == "algorithm" and ours == "xgboost":
        return Program(built, (), ours, {XGBOOST_VERSION_VARIABLE: xgboost_version(image), **environment})
    # Tells an image that has an algorithm, too, that it is to run a script.
    framework = {FRAMEWORK_VARIABLE: ours} if use == "script" else {}
    return Program(built, (), None, {**framework, **environment})


def is_there(engine: Engine, image: str) -> bool:
    """Whether the engine has an image."""
    from docker.errors import ImageNotFound, NullResource

    try:
        engine.client.images.get(image)
    except (ImageNotFound, NullResource):
        return False
    return True


def _have(engine: Engine, image: str, named: str, *, pull: bool) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    if not pull or is_there(engine, image):
        return
    name, tag = image, None
    if "@" not in image and ":" not in image.rsplit("/", 1)[-1]:
        # Without a tag the SDK would take every one there is.
        tag = "latest"
    try:
        engine.client.images.pull(name, tag=tag, platform=platform())
    except (DockerException, RequestException) as problem:
        raise NotFound(
            f"The Docker engine does not have the image {image!r} and cannot pull it: {problem}\n"
            f"{_hint(image, problem)}"
            "Pull or build it yourself, or say in asl-runner.toml what stands for it:\n"
            "  [images]\n"
            f'  "*/{repository(named)}:*" = {{ image = "my-image:latest" }}'
        ) from problem


def _hint(image: str, problem: Exception) -> str:
    """A line on what mends the failure of a pull, where that can be told."""
    if "no matching manifest" in str(problem):
        return "It is for another processor, which emulation may do: DOCKER_DEFAULT_PLATFORM=linux/amd64\n"
    registry = _ECR.match(image)
    if registry is None:
        return ""
    return (
        "The registry wants credentials of AWS: "
        f"aws ecr get-login-password --region {registry['region']} | "
        f"docker login --username AWS --password-stdin {registry['host']}\n"
    )
