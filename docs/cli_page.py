"""Writes the part of `cli.md` that comes from the commands themselves; run by cog.

    python -m cogapp -r -I docs docs/cli.md

It reads the commands' parameters and help texts, not click's formatted help: the page is the same on every terminal and
with every version of click.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from asl_runner.cli.entry import command_group
from asl_runner.cli.overview import COMMANDS, overview


def page() -> str:
    """The overview, then every command with its arguments and options, as Markdown."""
    group = command_group()
    context = click.Context(group, info_name="asl-runner")
    lines = ["```text", overview().rstrip(), "```"]
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        lines += ["", f"## {name}", "", *_command(name, command)]
    return "\n".join(lines)


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield from ("```text", f"asl-runner {name} {_usage(command)}".rstrip(), "```", "")
    yield from _help(inspect.cleandoc(command.help or ""))
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        yield from ("", "| option | meaning |", "| --- | --- |")
        yield from (f"| {_names(option)} | {_meaning(option)} |" for option in options)
    if command.epilog:
        yield ""
        yield from _help(inspect.cleandoc(command.epilog))
    if isinstance(command, click.Group):
        for one, subcommand in command.commands.items():
            yield from ("", f"### {name} {one}", "", *_command(f"{name} {one}", subcommand))


def _usage(command: click.Command) -> str:
    words = ["[OPTIONS]"] if any(isinstance(one, click.Option) for one in command.params) else []
    return " ".join([*words, *(_argument(one) for one in command.params if isinstance(one, click.Argument))])


def _argument(argument: click.Argument) -> str:
    if isinstance(argument.type, click.Choice):
        return f"{{{'|'.join(map(str, argument.type.choices))}}}"
    return argument.metavar or (argument.name or "").upper()


def _names(option: click.Option) -> str:
    value = "" if option.is_flag else f" {_value(option)}"
    return ", ".join(f"`{name}{value}`" for name in sorted(option.opts, key=len)).replace("|", r"\|")


def _value(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return "N" if isinstance(option.type, click.IntRange) else "TEXT"


def _meaning(option: click.Option) -> str:
    said = [option.help or ""]
    if option.show_default:
        said.append(f"Default: `{option.default}`.")
    if option.envvar:
        said.append(f"Environment variable: `{option.envvar}`.")
    return " ".join(said).replace("|", r"\|")


def _help(text: str) -> Iterator[str]:
    """Paragraphs as they are; the lines of a block of examples as code."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.replace("\b\n", ""))):
        heading, *examples = paragraph.splitlines()
        if number:
            yield ""
        if heading.endswith(":") and examples and all(line.startswith("  ") for line in examples):
            yield from (heading, "", "```sh", *(line[2:] for line in examples), "```")
        else:
            yield paragraph
