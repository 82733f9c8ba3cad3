"""The Docker engine of the tests that run real containers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import BASE, OWN, WISH

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers.docker.engine import Engine, connect
from asl_runner.sagemaker.containers.docker.images import BUILT, is_there


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that has the images the tests use."""
    wish = os.environ.get(WISH, "")
    if wish == "none":
        pytest.skip(f"{WISH} is none")
    try:
        found = connect()
    except UsageError as problem:
        if wish == "required":
            pytest.fail(str(problem))
        pytest.skip(f"tests with real containers: {problem}")
    lacking = [image for image in (BASE, *BUILT.values()) if not is_there(found, image)]
    if lacking:
        found.close()
        text = f"the Docker engine lacks {', '.join(lacking)}: run `bash .ci/docker images`"
        if wish == "required":
            pytest.fail(text)
        pytest.skip(text)
    found.client.images.build(path=str(Path(__file__).parent / "images" / "own"), tag=OWN, rm=True)
    yield found
    found.close()
