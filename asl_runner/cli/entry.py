"""From arguments to an exit code: finds the command, runs it, and turns every failure into one message.

Exit codes: 0 succeeded, 1 the execution did not succeed (or could not be kept), 2 usage, 3 invalid definition,
70 a defect of asl_runner, 129 the terminal went away, 130 interrupted, 141 the reader of the output went away,
143 terminated.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from asl_runner.cli.overview import COMMANDS, overview
from asl_runner.errors import AslRunnerError, InvalidDefinition, NotFound, UsageError

PROGRAM = "asl-runner"
COMPLETION_VARIABLE = "_ASL_RUNNER_COMPLETE"

EXIT_NOT_SUCCEEDED = 1
EXIT_USAGE = 2
EXIT_INVALID_DEFINITION = 3
EXIT_DEFECT = 70
EXIT_HUNG_UP = 129
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Commands(click.Group):
    """The group `asl-runner`; a command's module is imported when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = "importing" if cmd_name == "import" else cmd_name.replace("-", "_")
        command = import_module(f"asl_runner.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        return overview().rstrip("\n")


def command_group() -> Commands:
    """The whole command line as a click group."""
    from asl_runner import __version__

    group = Commands(name=PROGRAM, context_settings={"help_option_names": ["-h", "--help"]})
    return click.version_option(__version__, message="asl-runner %(version)s")(group)


def run_command_line(arguments: Sequence[str]) -> int:
    """Runs one command and gives the exit code. Failures are messages on stderr, never tracebacks."""
    _write_every_character()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except OSError as problem:
        if not isinstance(problem, BrokenPipeError):
            click.echo(f"Error: The output cannot be written: {problem.strerror}.", err=True)
        # What is left in the buffer would raise again while the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE if isinstance(problem, BrokenPipeError) else EXIT_NOT_SUCCEEDED
    return code


def _write_every_character() -> None:
    """JSON is UTF-8 wherever it goes; a terminal of another encoding gets escapes for what it cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower() not in ("utf-8", "utf8"):
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:
                stream.reconfigure(encoding="utf-8")


def _run(arguments: Sequence[str]) -> int:
    group = command_group()
    try:
        if instruction := os.environ.get(COMPLETION_VARIABLE):
            from click.shell_completion import shell_complete

            return shell_complete(group, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
        # Not `group.main`: it would end the process when the reader of the output goes away.
        with group.make_context(PROGRAM, list(arguments)) as context:
            result: Any = group.invoke(context)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.ctx.get_help() if asked.ctx else overview(), err=True)
        return EXIT_USAGE
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except AslRunnerError as problem:
        click.echo(_message(problem), err=True)
        return _exit_code(problem)
    except OSError as problem:
        if isinstance(problem, BrokenPipeError) or problem.errno in _NO_ROOM:
            raise
        return _defect(problem, arguments)
    except Exception as defect:  # noqa: BLE001 - the one place where a defect of ours ends, and is reported as one
        return _defect(defect, arguments)


def _defect(defect: Exception, arguments: Sequence[str]) -> int:
    from asl_runner.cli.defect import report_defect

    report_defect(defect, arguments)
    return EXIT_DEFECT


def _message(problem: AslRunnerError) -> str:
    """What went wrong; of an invalid definition every problem with its place."""
    if isinstance(problem, InvalidDefinition):
        from asl_runner.definition import diagnostics, render

        if isinstance(problem, diagnostics.InvalidDefinition) and problem.diagnostics:
            file = problem.diagnostics[0].file or "The definition"
            checked = render.Checked(file=file, diagnostics=problem.diagnostics)
            from asl_runner.cli.table import shows_colours

            return render.as_text(checked, color=shows_colours(sys.stderr)).rstrip("\n")
    return f"Error: {problem}"


def _exit_code(problem: AslRunnerError) -> int:
    if isinstance(problem, InvalidDefinition):
        return EXIT_INVALID_DEFINITION
    return EXIT_USAGE if isinstance(problem, UsageError | NotFound) else EXIT_NOT_SUCCEEDED
