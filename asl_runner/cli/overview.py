"""The commands there are, and the text of `asl-runner --help`, which imports nothing."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "run": "Run a state machine and print its output",
    "resume": "Go on with an execution whose process died, where that left it",
    "redrive": "Go on with an execution that did not succeed, what succeeded kept",
    "import": "Keep an execution of AWS here, to be shown and redriven",
    "translate": "Print the state machine a SageMaker pipeline becomes",
    "validate": "Check definitions and report every problem",
    "test": "Run the tests in case files (*.asl-test.yaml)",
    "record": "Save an execution, from here or from AWS, to be replayed",
    "replay": "Run a recorded execution again, also with a changed definition",
    "chaos": "Let every task fail in every way, and report what that does",
    "test-state": "Visit one state, and show its data after each stage",
    "list": "List the executions kept here, newest first",
    "describe": "Show one execution: status, times, input, output",
    "show": "Show the states an execution visited, as a tree",
    "history": "Show what happened in an execution, event by event",
    "graph": "Draw a state machine or what an execution made of it",
    "logs": "Show what the functions of an execution printed",
    "jobs": "List SageMaker jobs; describe, logs and plot of one",
    "diff": "Show where two executions part",
    "watch": "Follow a running execution",
    "report": "Write an execution as one HTML file",
    "stop": "Stop a running execution",
    "prune": "Remove executions that ended long ago",
    "backup": "Copy all executions into one file, also while some run",
    "ui": "Open the pages of the workspace in a browser",
    "serve": "Serve the workspace as an AWS endpoint",
    "images": "Build and list the images of SageMaker jobs in Docker",
    "completion": "Print the completion script of a shell",
}
"""Every command with its one line; the module of each is `asl_runner.cli.NAME`, with _ for -; that of `import`
is `importing`."""

_TEXT = """\
Usage: asl-runner [OPTIONS] COMMAND [ARGS]...

  Run Amazon States Language workflows as AWS Step Functions runs them, with
  Lambda functions and SageMaker jobs run for real on this machine.

Examples:
  asl-runner run order.asl.json --input '{{"id": 7}}'
  asl-runner history latest

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
{commands}
Run 'asl-runner COMMAND --help' for the options and examples of a command.
"""


def overview() -> str:
    """The text of `asl-runner --help`."""
    width = max(map(len, COMMANDS))
    return _TEXT.format(commands="".join(f"  {name:<{width}}  {line}\n" for name, line in COMMANDS.items()))
