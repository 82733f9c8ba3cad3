"""`asl-runner images`: the images that stand for SageMaker's own in Docker."""

from __future__ import annotations

import click

from asl_runner.cli.options import assignments

NAMES = ("xgboost", "scikit-learn")


@click.group("images")
def command() -> None:
    """Build and list the images that SageMaker jobs run in with --use sagemaker=docker.

    SageMaker's own images can be had with credentials of AWS only; ours keep the same contract and stand for them.

    \b
    Examples:
      asl-runner images list
      asl-runner images build
      asl-runner images build xgboost
    """


@command.command("build")
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
@click.option("--base", metavar="IMAGE", help="Start from this image instead of python:3.12-slim.")
@click.option("--network", metavar="NAME", help="The network of Docker the build's commands use, such as host.")
@click.option(
    "--build-arg",
    "build_args",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the Dockerfile, such as XGBOOST=xgboost for GPUs.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print the names of the images alone.")
def build(
    names: tuple[str, ...], base: str | None, network: str | None, build_args: tuple[str, ...], quiet: bool
) -> None:
    """Build images; all of them without a NAME: xgboost, scikit-learn.

    The build's output goes to stderr, the names of the images to stdout. pip looks where PIP_INDEX_URL and
    PIP_EXTRA_INDEX_URL say.

    \b
    Examples:
      asl-runner images build
      asl-runner images build xgboost --base python:3.11-slim
      asl-runner images build xgboost --build-arg XGBOOST=xgboost
    """
    from asl_runner.sagemaker.containers.docker.build import build as build_image
    from asl_runner.sagemaker.containers.docker.engine import connect
    from asl_runner.sagemaker.containers.docker.images import BUILT

    arguments = assignments(build_args, "--build-arg")
    if base is not None:
        arguments["BASE"] = base
    engine = connect()
    try:
        for name in names or NAMES:
            build_image(
                engine,
                name,
                arguments=arguments,
                network=network,
                said=(lambda line: None) if quiet else (lambda line: click.echo(line, err=True)),
            )
            click.echo(BUILT[name])
    finally:
        engine.close()


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the images as JSON.")
def list_(as_json: bool) -> None:
    """List our images: whether they are built, and which of SageMaker's they stand for.

    \b
    Examples:
      asl-runner images list
      asl-runner images list --json
    """
    from asl_runner.cli.table import Table
    from asl_runner.sagemaker.containers.docker.build import listed
    from asl_runner.sagemaker.containers.docker.engine import connect

    engine = connect()
    try:
        images = listed(engine)
    finally:
        engine.close()
    if as_json:
        import msgspec

        from asl_runner.cli.documents import to_json

        click.echo(to_json({"images": [msgspec.to_builtins(image) for image in images]}))
        return
    table = Table("NAME", "IMAGE", "BUILT", ">SIZE", "STANDS FOR")
    for image in images:
        built = (image.created or "")[:16].replace("T", " ") if image.id else ("no", "yellow")
        size = f"{image.size / 1e6:.0f} MB" if image.size else ""
        table.row(image.name, image.image, built, size, ", ".join(image.stands_for))
    click.echo(table.text())
