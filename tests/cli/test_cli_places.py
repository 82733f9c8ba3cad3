"""`--target`, `--use` and `images`, as far as they need neither Docker nor AWS."""

from __future__ import annotations

from pathlib import Path

from command_line import asl_runner, task, write


def test_a_use_must_name_a_task_or_its_service(tmp_path: Path) -> None:
    write(tmp_path, "m.json", task("hello"))
    ran = asl_runner(tmp_path, "run", "m.json", "--use", "lamda=aws")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "Error: --use lamda=aws: the state machine has no Task 'lamda' and none of a service called so. "
        "Did you mean 'lambda'?\n"
    )


def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "m.json", task("hello"))
    ran = asl_runner(tmp_path, "run", "m.json", "--use", "lambda=doker")
    assert ran.returncode == 2
    assert "the place is aws, docker, local or process, not 'doker'. Did you mean 'docker'?" in ran.stderr
    ran = asl_runner(tmp_path, "run", "m.json", "--target", "mars")
    assert (ran.returncode, "'mars' is not one of 'local', 'docker', 'aws'" in ran.stderr) == (2, True)


def test_what_docker_cannot_do_is_refused_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, "lambdas/hello.py", "def handler(event, context):\n    return 1\n")
    write(tmp_path, "m.json", task("hello"))
    ran = asl_runner(tmp_path, "run", "m.json", "--use", "T=docker")
    assert ran.returncode == 2
    assert "State 'T' cannot run here. Only SageMaker's jobs run in Docker; place lambda at local or aws." in ran.stderr
    assert asl_runner(tmp_path, "run", "m.json", "--target", "docker", "--quiet").stdout == "1\n"


def test_images_need_an_engine_and_arguments_in_their_form(tmp_path: Path) -> None:
    ran = asl_runner(tmp_path, "images", "build", "xgbost")
    assert (ran.returncode, "'xgbost' is not one of 'xgboost', 'scikit-learn'" in ran.stderr) == (2, True)
    ran = asl_runner(tmp_path, "images", "build", "--build-arg", "XGBOOST")
    assert (ran.returncode, ran.stderr) == (2, "Error: --build-arg XGBOOST: expected NAME=VALUE.\n")
