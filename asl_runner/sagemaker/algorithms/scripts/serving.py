"""Serves a user's inference functions.

One process, whose threads call the functions: what a model's libraries hold does not survive a fork.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from asl_runner.sagemaker.algorithms.http_server import (
    DEFAULT_PAYLOAD_MB,
    Answer,
    Server,
    exit_on_sigterm,
    listen,
)
from asl_runner.sagemaker.algorithms.scripts import requirements
from asl_runner.sagemaker.algorithms.scripts.arrays import JSON, Unsupported
from asl_runner.sagemaker.algorithms.scripts.functions import Functions, Response, ScriptError, load
from asl_runner.sagemaker.containers.images import FRAMEWORK_VARIABLE
from asl_runner.sagemaker.containers.tree import Tree

DEFAULT_PROGRAM = "inference.py"
DEFAULT_PARAMETERS = {
    "MaxConcurrentTransforms": 1,
    "BatchStrategy": "MULTI_RECORD",
    "MaxPayloadInMB": DEFAULT_PAYLOAD_MB,
}


def serve(tree: Tree) -> int:
    """Serves the model of `tree` until SIGTERM; 1 when the user's code cannot be loaded."""
    exit_on_sigterm([])
    directory = code_directory(tree)
    program = os.environ.get("SAGEMAKER_PROGRAM") or DEFAULT_PROGRAM
    try:
        installed = requirements.install(directory, tree.root / "packages")
        functions = load(directory, program, installed, os.environ.get(FRAMEWORK_VARIABLE, ""))
        os.chdir(directory)
        inference = ScriptInference(functions, functions.model(str(tree.model)))
        parameters = DEFAULT_PARAMETERS if functions.parameters is None else _own_parameters(functions.parameters())
    except (ScriptError, requirements.InstallError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception:  # noqa: BLE001 - the user's code: its traceback is what the user needs
        traceback.print_exc()
        return 1
    Server(listen(), inference, parameters).serve_forever(poll_interval=60.0)
    return 0


def code_directory(tree: Tree) -> Path:
    """Where the user's code is: unpacked beside the model, or with it."""
    given = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if given.startswith("/") and (named := tree.local(given)).is_dir():
        return named
    return tree.code if any(tree.code.iterdir()) else tree.model / "code"


class ScriptInference:
    """Answers invocations with a user's functions."""

    def __init__(self, functions: Functions, model: Any) -> None:
        self._functions = functions
        self._model = model
        self._content_type = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_CONTENT_TYPE", JSON)
        self._accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """The answer of the user's functions; what they raise is a 500 with the traceback, as the toolkit answers."""
        content_type = content_type or self._content_type
        accepted = accept if accept and accept != "*/*" else self._accept
        try:
            given = body.decode("utf-8") if _is_text(content_type) else body
            result = self._functions.transform(self._model, given, content_type, accepted)
            return _answer(result, accepted)
        except Unsupported as problem:
            return Answer(415 if str(problem).startswith("Content") else 406, str(problem).encode())
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises is the client's answer
            traceback.print_exc()
            shown = {
                "error": type(error).__name__,
                "error-message": str(error),
                "stack-trace": traceback.format_exc(),
            }
            return Answer(500, json.dumps(shown).encode(), JSON)


def _is_text(content_type: str) -> bool:
    media = content_type.split(";", 1)[0].strip().lower()
    return media.startswith("text/") or media == JSON


def _answer(result: Any, accept: str) -> Answer:
    """What a function returned: a response, a body with its media type, or a body."""
    body, media = result, accept
    if isinstance(result, Response):
        body, media = result.response, result.mimetype or accept
    elif isinstance(result, tuple) and len(result) == 2:
        body, media = result
    if hasattr(body, "get_data"):
        body, media = body.get_data(), getattr(body, "mimetype", media)
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes | bytearray):
        body = json.dumps(body.tolist() if hasattr(body, "tolist") else body).encode()
    return Answer(200, bytes(body), str(media))


def _own_parameters(found: Any) -> dict[str, Any]:
    """`execution_parameters_fn` may return them as a mapping, as JSON, or as a response."""
    body = found.response if isinstance(found, Response) else found
    parameters: dict[str, Any] = json.loads(body) if isinstance(body, str | bytes) else dict(body)
    return parameters
