"""Workflows tested like code: runs with mocks and virtual time, assertions that explain themselves, case files.

    def test_refused(asl):
        run = asl.run("order.asl.json", {"id": 7}, mocks={"Charge": raises("Refused")})
        run.assert_failed("Order.Refused")

The fixture `asl` comes with the package's pytest plugin; without pytest, an `Asl` does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asl_runner.interpreter.ports import TaskCall, TaskFailed
    from asl_runner.resources.mocks.answers import after, by_item, never, raises, real, returns, sequence
    from asl_runner.testing.asl import Asl
    from asl_runner.testing.run import Run, StateVisit

__all__ = [
    "Asl",
    "Run",
    "StateVisit",
    "TaskCall",
    "TaskFailed",
    "after",
    "by_item",
    "never",
    "raises",
    "real",
    "returns",
    "sequence",
]

_PLACES = {
    "Asl": "asl_runner.testing.asl",
    "Run": "asl_runner.testing.run",
    "StateVisit": "asl_runner.testing.run",
    "TaskCall": "asl_runner.interpreter.ports",
    "TaskFailed": "asl_runner.interpreter.ports",
}


def __getattr__(name: str) -> Any:
    # The plugin lies in this package and is loaded by every test session: nothing else may be loaded with it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES.get(name, "asl_runner.resources.mocks.answers")), name)
