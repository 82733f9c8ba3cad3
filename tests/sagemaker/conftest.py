"""The Docker engine of the tests that run real containers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_images import BASE, OWN, WISH, containers
from job_requests import seed_buckets

from asl_runner.configuration import ImageSetting
from asl_runner.errors import UsageError
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.containers.docker.engine import Engine, connect
from asl_runner.sagemaker.containers.docker.images import BUILT, is_there
from asl_runner.storage.buckets import Buckets


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


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    return seed_buckets(tmp_path / "s3")


@pytest.fixture
def docker_client(tmp_path: Path, buckets: Buckets, engine: Engine) -> Iterator[LocalSageMaker]:
    """A client whose jobs run in containers, of which none is left in the end."""
    own = ImageSetting(pattern="*/mine:*", image=OWN)
    made = LocalSageMaker(tmp_path / "jobs", buckets, images=[own])
    yield made.in_docker()
    made.close()
    assert containers(engine, tmp_path) == []
