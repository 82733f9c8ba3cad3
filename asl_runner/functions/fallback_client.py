"""A runtime client for interpreters without awslambdaric, giving the same payloads.

Also what the inline runtime uses to find and call a handler. Standard library only and importable alone: a worker
under another interpreter loads this file without asl_runner.

Source: awslambdaric 4 (its `bootstrap`), whose payloads the tests compare with these.
"""

import decimal
import importlib
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

Handler = Callable[[Any, "Context"], Any]

_PATH = "/2018-06-01/runtime/"
_UNICODE = ("python3.12", "python3.13", "python3.14", "python3.15")
"""Lambda runtimes that write characters outside ASCII as they are."""


class Fault(Exception):
    """A failure the runtime names itself."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace or []


class _Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class _ClientContext:
    def __init__(self, given: dict[str, Any]) -> None:
        self.client = type("Client", (), given["client"])() if isinstance(given.get("client"), dict) else None
        self.custom = given.get("custom")
        self.env = given.get("env")


class Context:
    """The `context` a handler gets. `deadline` is in milliseconds since the epoch."""

    def __init__(
        self,
        request_id: str,
        deadline: int,
        arn: str,
        client_context: str | None = None,
        variables: Mapping[str, str] = os.environ,
    ) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = variables.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = variables.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = variables.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = variables.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = variables.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = _Identity()
        self.client_context = _ClientContext(json.loads(client_context)) if client_context else None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out."""
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Writes to the log."""
        sys.stdout.write(str(message))


def find_handler(handler: str) -> Handler:
    """Imports `module.function`. Raises `Fault`, or what the module's code raises."""
    module_name, dot, function = handler.rpartition(".")
    if not dot:
        message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error
    found: Handler | None = getattr(module, function, None)
    if found is None:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'")
    return found


def call_handler(handler: Handler, event: bytes, context: Context) -> "tuple[bytes, bool]":
    """The answer to one event: a payload, and whether it is an error's. Lets `SystemExit` pass, as Lambda does."""
    try:
        try:
            value = json.loads(event)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
        response = handler(value, context)
        if isinstance(response, bytes):
            return response, False
        try:
            return to_json(response), False
        except Exception as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
    except Exception as error:  # noqa: BLE001 whatever the function raises is its answer
        return error_payload(error, context.aws_request_id), True


def error_payload(error: Exception, request_id: str = "") -> bytes:
    """The payload of a failure; stack traces start where the function's own code does."""
    if isinstance(error, Fault):
        name, trace = error.error_type, error.trace
    else:
        name = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        while frames and os.path.dirname(frames[0].filename) == os.path.dirname(__file__):
            frames.pop(0)
        trace = traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames])  # type: ignore[misc]
    return to_json({"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": trace})


def to_json(value: Any) -> bytes:
    """JSON text as the runtime writes it: `Decimal` as a number, tuples as arrays."""
    return json.dumps(value, default=_decimal, ensure_ascii=not _EXECUTION_ENV.endswith(_UNICODE)).encode()


_EXECUTION_ENV = f"python{sys.version_info.major}.{sys.version_info.minor}"


def _decimal(value: object) -> object:
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return math.nan
        return int(value) if value == value.to_integral_value() and "." not in str(value) else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def serve(handler: str, address: str) -> None:
    """Asks the Runtime API at `address` (host:port) for work until the process is ended."""
    import http.client

    connection = http.client.HTTPConnection(address)

    def ask(method: str, path: str, body: bytes | None = None) -> "tuple[http.client.HTTPResponse, bytes]":
        connection.request(method, _PATH + path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response, response.read()

    try:
        function = find_handler(handler)
    except Exception as error:  # noqa: BLE001 a module may raise anything while it is imported
        payload = error_payload(error)
        _print_error(payload)
        ask("POST", "init/error", payload)
        sys.exit(1)
    while True:
        response, event = ask("GET", "invocation/next")
        headers = response.headers
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        context = Context(
            request_id,
            int(headers["Lambda-Runtime-Deadline-Ms"]),
            headers["Lambda-Runtime-Invoked-Function-Arn"],
            headers.get("Lambda-Runtime-Client-Context"),
        )
        payload, failed = call_handler(function, event, context)
        if failed:
            _print_error(payload)
        sys.stdout.flush()
        sys.stderr.flush()
        ask("POST", f"invocation/{request_id}/{'error' if failed else 'response'}", payload)


def _print_error(payload: bytes) -> None:
    print(error_text(payload), flush=True)


def error_text(payload: bytes) -> str:
    """An error payload as the log shows it."""
    error = json.loads(payload)
    trace = "".join(error["stackTrace"])
    return (
        f"[ERROR] {error['errorType']}: {error['errorMessage']}\nTraceback (most recent call last):\n{trace}".rstrip()
    )
