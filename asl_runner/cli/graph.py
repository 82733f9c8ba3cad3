"""`asl-runner graph`: a state machine, or what an execution made of it, as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from asl_runner.cli.options import (
    complete_definition,
    complete_execution,
    open_workspace,
    parameter_option,
    workspace_options,
)
from asl_runner.cli.table import shows_colours
from asl_runner.errors import UsageError

FORMATS = ("svg", "png", "mermaid", "dot", "text")


@click.command("graph")
@click.argument("file", required=False, shell_complete=complete_definition)
@click.option(
    "--execution", metavar="EXECUTION", shell_complete=complete_execution, help="Show what became of each state in it."
)
@click.option("--machine", metavar="NAME", help="The state machine to draw, of a template that has several.")
@parameter_option("template")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What to write; by default what the name of --output says, else text.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write to this file.")
@workspace_options
def command(
    file: str | None,
    execution: str | None,
    machine: str | None,
    parameters: tuple[str, ...],
    format_: str | None,
    output: str | None,
    workspace: str | None,
    config: str | None,
) -> None:
    """Draw a state machine: its states, where they lead, and Parallel and Map as boxes.

    FILE is whatever `run` runs: a definition, - for standard input, a template, a SageMaker pipeline. Without FILE the
    definition that EXECUTION ran is drawn.

    \b
    Examples:
      asl-runner graph order.asl.json
      asl-runner graph order.asl.json -o order.svg
      asl-runner graph --execution latest
      asl-runner graph order.asl.json --format mermaid >> README.md
    """
    if file is None and execution is None:
        raise UsageError("Nothing to draw; expected a definition FILE, or --execution with one that ran.")
    document, marks = None, None
    if execution is not None:
        from asl_runner.views.follower import follow
        from asl_runner.views.marks import marks_of

        with open_workspace(workspace, config) as opened:
            record = opened.find(execution)
            marks = marks_of(follow(opened.store, record).root.visits)
        document = json.loads(record.definition)
    if file is not None:
        document = _read(file, machine, parameters, config)
    _write(_drawn(document, marks, _format(format_, output), output), output)


def _read(file: str, machine: str | None, parameters: tuple[str, ...], config: str | None) -> Any:
    from asl_runner.cli.request import Request
    from asl_runner.cli.subject import read_subject
    from asl_runner.placement import Choice

    request = Request(
        file=file,
        as_json=False,
        quiet=True,
        clock="real",
        mock_file=None,
        case=None,
        parameters=parameters,
        machine=machine,
        choice=Choice(),
        workspace=None,
        config=config,
    )
    return json.loads(read_subject(request).machine.source)


def _format(format_: str | None, output: str | None) -> str:
    if format_ is not None:
        return format_
    ending = Path(output).suffix[1:] if output else "text"
    wanted = {"mmd": "mermaid", "gv": "dot", "txt": "text"}.get(ending, ending)
    if wanted not in FORMATS:
        raise UsageError(f"{output} does not say what to draw; give --format {'|'.join(FORMATS)}.")
    return wanted


def _drawn(document: Any, marks: Any, format_: str, output: str | None) -> bytes:
    from asl_runner import graph

    if format_ == "text":
        colours = output is None and shows_colours(sys.stdout)
        return graph.text(document, marks, paint=_paint if colours else None).encode()
    drawing = graph.draw(document, graph.PIXELS)
    title = str(document.get("Comment") or "State machine")
    if format_ == "svg":
        return (graph.svg(drawing, marks, title=title, theme="both") + "\n").encode()
    if format_ == "png":
        return _png(graph.svg(drawing, marks, title=title, theme="light"))
    return (graph.mermaid(drawing, marks) if format_ == "mermaid" else graph.dot(drawing, marks)).encode()


def _png(svg: str) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError("PNG needs resvg: pip install 'asl-runner[png]'. SVG needs nothing: --format svg.") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=2, background="#ffffff"))


_COLOURS = {"SUCCEEDED": "green", "CAUGHT": "yellow", "FAILED": "red", "RUNNING": "cyan", "ABORTED": "bright_black"}


def _paint(text: str, status: str) -> str:
    return click.style(text, fg=_COLOURS.get(status))


def _write(picture: bytes, output: str | None) -> None:
    if output is not None:
        try:
            Path(output).write_bytes(picture)
        except OSError as problem:
            raise UsageError(f"{output} cannot be written: {problem.strerror}.") from None
        return
    if not picture.startswith(b"\x89PNG"):
        click.echo(picture.decode(), nl=False)
    elif sys.stdout.isatty():
        raise UsageError("A PNG is nothing for a terminal; name a file with --output.")
    else:
        click.echo(picture, nl=False)
