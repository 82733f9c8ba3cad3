"""`asl-runner resume`: goes on with an execution whose process died, where that left it."""

from __future__ import annotations

from typing import Any

import click

from asl_runner.cli.options import complete_execution, running_fields, running_options


@click.command("resume")
@click.argument("execution", required=False, shell_complete=complete_execution)
@click.option("--all", "every", is_flag=True, help="Go on with every execution whose process is gone.")
@running_options
def command(execution: str | None, every: bool, **options: Any) -> int:
    """Go on with an execution whose process was killed, or died with the machine.

    EXECUTION is a name, the beginning of one, an ARN, or latest. It goes on from its journal, with the options it was
    run with unless others are given: states that ended keep their results, retries go on counting, waits end when
    they would have, and task tokens stay valid. A Task in flight is asked again; a job that still runs, or has ended
    meanwhile, is found by its name. `asl-runner serve` does this when it starts.

    \b
    Exit codes: 0 succeeded, 1 the execution did not succeed, 2 usage or nothing to resume, 130 interrupted.

    \b
    Examples:
      asl-runner resume latest
      asl-runner resume order-7 --json
      asl-runner resume --all
    """
    from asl_runner.cli.resuming import ResumeRequest, resume, resume_all

    request = ResumeRequest(execution=execution or "latest", **running_fields(**options))
    if every == (execution is not None):
        raise click.UsageError("Say which EXECUTION to go on with, or --all.")
    return resume_all(request) if every else resume(request)
