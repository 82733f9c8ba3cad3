"""Runs a user's training script: its requirements, its arguments, and its failure told as the toolkit tells it.

Source: aws/sagemaker-training-toolkit, `entry_point.py`, `mapping.py`, `errors.py`; reference 3.4.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any

from asl_runner.sagemaker.algorithms.scripts import requirements
from asl_runner.sagemaker.algorithms.scripts.paths import search_path
from asl_runner.sagemaker.algorithms.scripts.repack import LAUNCHER, repack
from asl_runner.sagemaker.containers.environment import decoded, user_arguments, users_own
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed

PROGRAM_VARIABLE = "SAGEMAKER_PROGRAM"
_REMEMBERED_LINES = 40
_MESSAGE_CHARACTERS = 600


def train(tree: Tree) -> int:
    """The script's exit code; the reason of a failure is in `output/failure`."""
    given = decoded(json.loads(tree.hyperparameters.read_text(encoding="utf-8")))
    program = str(given.get("sagemaker_program") or os.environ.get(PROGRAM_VARIABLE) or "")
    if not program:
        text = "Give the script to run by the hyperparameter sagemaker_program (in the SDK: entry_point)."
        return _fail(tree, f"Framework Error: \n{text}", 1)
    try:
        if program == LAUNCHER:
            repack(tree, given)
            return 0
        installed = requirements.install(tree.code, tree.root / "packages") if program.endswith(".py") else []
    except (JobFailed, OSError, KeyError, requirements.InstallError) as error:
        return _fail(tree, f"Framework Error: \n{error}", 1)
    if not (tree.code / program).is_file() and not (tree.code / "setup.py").is_file():
        there = ", ".join(sorted(path.name for path in tree.code.iterdir())) or "nothing"
        return _fail(tree, f"Framework Error: \nThe script {program} is not in {tree.code}, which holds {there}.", 1)
    return _run(tree, _command(tree.code, program, given), installed)


def _command(code: Path, program: str, given: dict[str, Any]) -> list[str]:
    arguments = user_arguments(users_own(given))
    if program.endswith(".sh"):
        (code / program).chmod(0o755)
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *arguments])]
    if (code / "setup.py").is_file():
        return [sys.executable, "-m", program.removesuffix(".py"), *arguments]
    if program.endswith(".py"):
        return [sys.executable, program, *arguments]
    (code / program).chmod(0o755)
    return [f"./{program}", *arguments]


def _run(tree: Tree, command: list[str], installed: list[str]) -> int:
    # Whoever stops the job tells the script, too; this process waits for what the script makes of it.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    environment = {**os.environ, "PYTHONPATH": search_path(tree.code, installed)}
    try:
        process = subprocess.Popen(command, cwd=tree.code, env=environment, stderr=subprocess.PIPE)
    except OSError as error:
        return _fail(tree, f"Framework Error: \n{command[0]} cannot start: {error.strerror}", 1)
    assert process.stderr is not None
    last: deque[str] = deque(maxlen=_REMEMBERED_LINES)
    pump = threading.Thread(target=_pass_on, args=(process.stderr, last), daemon=True)
    pump.start()
    code = process.wait()
    # What the script has left running may hold its stderr open; the container ends with this process.
    pump.join(timeout=5.0)
    if code == 0:
        return 0
    code = 128 - code if code < 0 else code
    text = f'ExitCode {code}\nErrorMessage "{_message(last)}"\nCommand "{shlex.join(command)}"'
    return _fail(tree, f"ExecuteUserScriptError:\n{text}", code)


def _pass_on(stream: IO[bytes], last: deque[str]) -> None:
    """Gives what the script writes to stderr to the log, and remembers its last lines."""
    for line in stream:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        last.append(line.decode("utf-8", "replace").rstrip())


def _message(last: deque[str]) -> str:
    """The end of the traceback the script ended with, else its last words."""
    lines = [line for line in last if line]
    starts = [index for index, line in enumerate(lines) if line.startswith("Traceback ")]
    text = "\n".join(lines[starts[-1] :] if starts else lines[-1:])
    return text[-_MESSAGE_CHARACTERS:]


def _fail(tree: Tree, text: str, code: int) -> int:
    """Writes the failure file, unless the script wrote its own; the exit code."""
    if not tree.failure.exists():
        tree.output.mkdir(parents=True, exist_ok=True)
        tree.failure.write_text(text, encoding="utf-8")
    sys.stderr.write(text + "\n")
    return code
