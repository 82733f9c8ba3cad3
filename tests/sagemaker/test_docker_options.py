"""What Docker is told of a container, for an engine that need not run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import docker
import pytest

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree
from asl_runner.sagemaker.containers.docker import options
from asl_runner.sagemaker.containers.docker.engine import Engine, connect
from asl_runner.sagemaker.containers.docker.images import program
from asl_runner.sagemaker.containers.instances import Instance, instance

GIB = 1 << 30
PLENTY = {"NCPU": 1000, "MemTotal": 4000 * GIB}


def engine(**info: Any) -> Engine:
    return Engine(None, {**PLENTY, **info})


def spec(root: Path, **changes: Any) -> ContainerSpec:
    changes = {"image": "mine", "command": ("train",), **changes}
    return ContainerSpec(kind="train", tree=create_tree(root / "ml"), log_path=root / "job" / "log", **changes)


def wanted(spec: ContainerSpec, engine: Engine, network: str = "bridge") -> dict[str, Any]:
    return options.create_options(spec, engine, network=network, labels={"owner": "me"})


@pytest.mark.parametrize(
    "name, has",
    [
        ("ml.m5.xlarge", Instance(4, 16 * GIB)),
        ("ml.m5.24xlarge", Instance(96, 384 * GIB)),
        ("ml.c5.2xlarge", Instance(8, 16 * GIB)),
        ("ml.c4.xlarge", Instance(4, int(7.5 * GIB))),
        ("ml.r5.large", Instance(2, 16 * GIB)),
        ("ml.t3.medium", Instance(2, 4 * GIB)),
        ("ml.p3.8xlarge", Instance(32, 244 * GIB, 4)),
        ("ml.g5.xlarge", Instance(4, 16 * GIB, 1)),
        ("ml.m99.xlarge", None),
        ("ml.m5.enormous", None),
        ("local", None),
        ("", None),
    ],
)
def test_what_an_instance_type_has(name: str, has: Instance | None) -> None:
    assert instance(name) == has


def test_a_container_may_use_what_its_instance_has(tmp_path: Path) -> None:
    told = wanted(spec(tmp_path, instance_type="ml.m5.xlarge"), engine())
    assert told["nano_cpus"] == 4 * 10**9
    assert told["mem_limit"] == told["memswap_limit"] == 16 * GIB
    assert told["shm_size"] == 8 * GIB
    assert "device_requests" not in told


def test_a_container_may_not_use_more_than_there_is(tmp_path: Path) -> None:
    told = wanted(spec(tmp_path, instance_type="ml.m5.24xlarge"), engine(NCPU=2, MemTotal=8 * GIB))
    assert (told["nano_cpus"], told["mem_limit"]) == (2 * 10**9, 8 * GIB)


def test_an_unknown_instance_type_has_no_limits(tmp_path: Path) -> None:
    assert not {"nano_cpus", "mem_limit", "shm_size"} & wanted(spec(tmp_path, instance_type="local"), engine()).keys()


def test_gpus_are_asked_for_where_docker_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eight = spec(tmp_path, instance_type="ml.p3.16xlarge")
    assert "device_requests" not in wanted(eight, engine())
    with_gpus = engine(Runtimes={"runc": {}, "nvidia": {}})
    for here, asked in ((0, 8), (2, 2), (16, 8)):
        monkeypatch.setattr(options, "gpus_here", lambda here=here: here)
        (request,) = wanted(eight, with_gpus)["device_requests"]
        assert (request["Count"], request["Capabilities"]) == (asked, [["gpu"]])


def test_an_inference_container_answers_on_this_machine_alone(tmp_path: Path) -> None:
    serving = spec(tmp_path, command=("serve",), port=41234)
    told = wanted(serving, engine())
    assert told["ports"] == {"8080/tcp": ("127.0.0.1", 41234)}
    assert told["environment"]["SAGEMAKER_BIND_TO_PORT"] == "8080"
    shared = wanted(serving, engine(), "host")
    assert "ports" not in shared
    assert shared["environment"]["SAGEMAKER_BIND_TO_PORT"] == "41234"


def test_a_container_is_told_no_more_than_the_request_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    told = wanted(spec(tmp_path, environment={"LEVEL": "debug"}, threads=3, host="algo-2"), engine())
    assert told["environment"] == {"LEVEL": "debug", "OMP_NUM_THREADS": "3"}
    assert (told["hostname"], told["labels"]["owner"], told["labels"]["asl-runner.job"]) == ("algo-2", "me", "job")
    assert told["volumes"] == {str(tmp_path / "ml"): {"bind": "/opt/ml", "mode": "rw"}}
    assert "entrypoint" not in told


def test_an_entrypoint_of_the_request_takes_the_place_of_the_images(tmp_path: Path) -> None:
    told = wanted(spec(tmp_path, entrypoint=("python3", "a.py"), command=("--fast",)), engine())
    assert (told["entrypoint"], told["command"]) == (["python3", "a.py"], ["--fast"])


def test_files_are_shared_where_selinux_watches(tmp_path: Path) -> None:
    told = wanted(spec(tmp_path), engine(SecurityOptions=["name=seccomp,profile=default", "name=selinux"]))
    assert next(iter(told["volumes"].values()))["mode"] == "rw,z"


@pytest.mark.parametrize("info", [{"Rootless": True}, {"SecurityOptions": ["name=seccomp", "name=rootless"]}])
def test_we_are_root_in_the_containers_of_an_engine_without_root(info: dict[str, Any]) -> None:
    assert engine(**info).owner == "0:0"
    assert engine(SecurityOptions=None).owner == f"{os.getuid()}:{os.getgid()}"


def test_images_are_for_the_processor_that_dockers_commands_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_DEFAULT_PLATFORM", raising=False)
    assert wanted(spec(tmp_path), engine())["platform"] is None
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/amd64")
    assert wanted(spec(tmp_path), engine())["platform"] == "linux/amd64"


class NothingThere:
    """The images of an engine that has none and cannot pull any."""

    def __init__(self, problem: str) -> None:
        self.images = self
        self._problem = problem

    def get(self, image: str) -> None:
        raise docker.errors.ImageNotFound("none")

    def pull(self, image: str, *, tag: str | None, platform: str | None) -> None:
        raise docker.errors.APIError(self._problem)


@pytest.mark.parametrize(
    "image, problem, advice",
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/training:3",
            "no basic auth credentials",
            "aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin "
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com\n",
        ),
        ("training:3", "no matching manifest for linux/arm64/v8", "DOCKER_DEFAULT_PLATFORM=linux/amd64\n"),
        ("training:3", "connection refused", "cannot pull it: connection refused\nPull or build it yourself"),
    ],
)
def test_what_mends_a_pull_is_said(image: str, problem: str, advice: str) -> None:
    with pytest.raises(NotFound) as raised:
        program(Engine(NothingThere(problem), PLENTY), image)
    assert advice in str(raised.value)
    assert '"*/training:*" = { image = "my-image:latest" }' in str(raised.value)


def test_without_an_engine_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(UsageError, match=r"No Docker engine answers at .*none\.sock.*--use sagemaker=process"):
        connect()


@pytest.mark.parametrize("url", ["tcp://10.1.2.3:2375", "ssh://me@elsewhere"])
def test_an_engine_on_another_machine_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", url)
    with pytest.raises(UsageError, match="on another machine and would not see the files of the jobs"):
        connect()
