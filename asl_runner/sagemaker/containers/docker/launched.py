"""One container of Docker, as `Container` runs it: its log as a stream, its exit code, signals; then it is removed."""

from __future__ import annotations

import contextlib
import io
import signal
import threading
from typing import IO, TYPE_CHECKING, Any

from asl_runner.errors import UsageError
from asl_runner.sagemaker.containers import guard
from asl_runner.sagemaker.containers.docker.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DRAIN_SECONDS = 10.0
"""How long the end of the log may lag behind the end of the container."""


class DockerProcess:
    """A container that has been started."""

    def __init__(self, engine: Engine, options: Mapping[str, Any], after: Callable[[], object]) -> None:
        """Creates and starts it; `after` is called once it is gone. Raises `UsageError` when the engine refuses."""
        from docker.errors import APIError, DockerException

        self._engine = engine
        self._after = after
        self._drained = threading.Event()
        try:
            self._container = engine.client.containers.create(**options)
        except (DockerException, OSError) as problem:
            raise _refused(options, problem) from problem
        self._guarded = (engine.socket or "", self._container.id)
        guard.watch_container(*self._guarded)
        try:
            self.log: IO[bytes] = io.BufferedReader(_Log(engine, self._container.id, self._drained), 1 << 16)
            self._container.start()
            self.pid = self._first_process()
        except BaseException as problem:
            self._remove()
            if hasattr(self, "log"):
                self.log.close()
            if isinstance(problem, APIError | DockerException | OSError):
                raise _refused(options, problem) from problem
            raise

    def wait(self) -> int:
        """The exit code; 137 for a container that vanished together with its engine."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        code = 128 + signal.SIGKILL
        try:
            code = int(self._container.wait()["StatusCode"])
        except (DockerException, RequestException, OSError):
            # Somebody removed the container, or the engine ended: what it printed says no more either.
            self._drained.set()
        self._drained.wait(_DRAIN_SECONDS)
        self._remove()
        self._after()
        return code

    def signal(self, number: int) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        # It may have ended a moment ago.
        with contextlib.suppress(DockerException, RequestException, OSError):
            self._container.kill(signal=int(number))

    def _first_process(self) -> int:
        self._container.reload()
        return int(self._container.attrs.get("State", {}).get("Pid") or 0)

    def _remove(self) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        # Gone already, or its engine is: the next job's sweep removes what is left.
        with contextlib.suppress(DockerException, RequestException, OSError):
            self._container.remove(force=True, v=True)
        guard.forget_container(*self._guarded)


class _Log(io.RawIOBase):
    """What a container prints, as a file."""

    def __init__(self, engine: Engine, container: str, drained: threading.Event) -> None:
        from docker.utils.socket import frames_iter

        parameters = {"stdout": 1, "stderr": 1, "stream": 1}
        self._stream = engine.client.api.attach_socket(container, params=parameters)
        self._frames = frames_iter(self._stream, tty=False)
        self._drained = drained
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = self._next()
            if piece is None:
                self._drained.set()
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            # The SDK leaves to its caller the response and, of an upgraded connection, the socket under it.
            connection = getattr(self._stream, "_sock", self._stream)
            response = getattr(self._stream, "_response", None)
            if response is not None:
                response.close()
            connection.close()
        super().close()

    def _next(self) -> bytes | None:
        # A connection that breaks ends the log; how the container ended is another question.
        with contextlib.suppress(OSError, ValueError, StopIteration):
            _, data = next(self._frames)
            return bytes(data)
        return None


def _refused(options: Mapping[str, Any], problem: BaseException) -> UsageError:
    said = getattr(problem, "explanation", None) or str(problem)
    return UsageError(f"Docker cannot start a container of the image {options['image']}: {said}")
