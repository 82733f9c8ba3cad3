"""`asl-runner diff`: two executions side by side, and where they part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from asl_runner.cli.format import printable, shorten
from asl_runner.cli.options import complete_execution, open_workspace, workspace_options
from asl_runner.cli.table import Table, paint, status_style

if TYPE_CHECKING:
    from asl_runner.views.differences import Pair


@click.command("diff")
@click.argument("a", shell_complete=complete_execution)
@click.argument("b", shell_complete=complete_execution)
@click.option("--all", "everything", is_flag=True, help="Show the steps that are alike, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@workspace_options
def command(a: str, b: str, everything: bool, as_json: bool, workspace: str | None, config: str | None) -> int:
    """Compare two executions step by step: the way they went, inputs, outputs, statuses, errors, retries.

    A and B are names, beginnings of names, ARNs, or latest. The exit code is 0 if they are alike, 1 if not.

    \b
    Examples:
      asl-runner diff order-7 order-8
      asl-runner diff order-7 latest --json | jq .part
    """
    from asl_runner.views.differences import compare, parting
    from asl_runner.views.follower import follow

    with open_workspace(workspace, config) as opened:
        records = [opened.find(text) for text in (a, b)]
        left, right = (follow(opened.store, record) for record in records)
    pairs = compare(left, right)
    part = parting(pairs)
    if as_json:
        rows = [
            {"a": _state(pair.left), "b": _state(pair.right), "why": list(pair.why), "scope": _either(pair).scope}
            for pair in pairs
        ]
        click.echo(json.dumps({"a": records[0].arn, "b": records[1].arn, "part": part, "steps": rows}, indent=2))
    elif part is None:
        click.echo("They went the same way with the same data.")
    else:
        _print(pairs, part, everything, [record.name for record in records])
    return 0 if part is None else 1


def _state(visit: Any) -> dict[str, Any] | None:
    return None if visit is None else {"state": visit.state, "status": visit.status, "event": visit.entered}


def _either(pair: Pair) -> Any:
    return pair.left if pair.left is not None else pair.right


def _print(pairs: list[Pair], part: int, everything: bool, names: list[str]) -> None:
    click.echo(f"They part at step {part + 1}, {printable(_either(pairs[part]).state)}.\n")
    table = Table(">STEP", shorten(names[0], 40), "STATUS", shorten(names[1], 40), "STATUS", "DIFFERS IN")
    for number, pair in enumerate(pairs):
        if pair.why or everything:
            table.row(str(number + 1), *_side(pair.left), *_side(pair.right), (", ".join(pair.why), "red"))
    click.echo(table.text())
    for name in ("input", "output"):
        for line in _changes(pairs[part], name):
            click.echo(line)


def _side(visit: Any) -> tuple[str, tuple[str, str | None]]:
    if visit is None:
        return "-", ("", None)
    return shorten(visit.state, 40), (visit.status, status_style(visit.status))


def _changes(pair: Pair, name: str) -> list[str]:
    """What differs in the data of the step where they part."""
    from asl_runner.views.differences import changes

    texts = [None if visit is None else getattr(visit, name) for visit in (pair.left, pair.right)]
    if None in texts or texts[0] == texts[1]:
        return []
    before, after = (json.loads(bytes(text)) for text in texts if text is not None)
    lines = [f"\nIts {name}:"]
    for change in changes(before, after)[:20]:
        path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in change.path)
        if change.kind != "added":
            lines.append(paint(shorten(f"  - {path} = {_at(before, change.path)}", 150), "red"))
        if change.kind != "removed":
            lines.append(paint(shorten(f"  + {path} = {_at(after, change.path)}", 150), "green"))
    return lines


def _at(value: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        value = value[step]
    return json.dumps(value, ensure_ascii=False)
