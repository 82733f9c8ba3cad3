"""Moves a frame through its states: the pure ones at once, those that ask the world one await at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from asl_runner.definition import model
from asl_runner.expressions.environment import ExpressionError
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import enter, field_failure
from asl_runner.interpreter.states import choice, fail, pass_, succeed

ENDED: Literal["ended"] = "ended"
WAITING: Literal["waiting"] = "waiting"
"""The next state asks the world, or so many states were run that others must get their turn."""

_TURN = 1024
"""States run without giving way to other work of the process."""

STEPS: dict[type[model.State], Callable[[Frame, Any], None]] = {
    model.Pass: pass_.step,
    model.Choice: choice.step,
    model.Succeed: succeed.step,
    model.Fail: fail.step,
}
"""The states that ask nothing of the world, and what one visit of each does once it is entered."""


def advance(frame: Frame) -> Literal["ended", "waiting"]:
    """Runs states that ask nothing of the world until the scope ends or one comes that does. Raises `Failure`."""
    for _ in range(_TURN):
        state = frame.todo
        if state is None:
            return ENDED
        step = STEPS.get(state.__class__)
        if step is None:
            return WAITING
        enter(frame, state)
        try:
            step(frame, state)
        except ExpressionError as problem:
            raise field_failure(frame, state, problem) from problem
    return ENDED if frame.todo is None else WAITING


async def drive(frame: Frame) -> None:
    """Runs a frame to its end. Raises `Failure`."""
    while advance(frame) is WAITING:
        state = frame.todo
        perform = None if state is None else frame.run.performers.get(state.__class__)
        if perform is not None:
            await perform(frame, state)
        else:
            frame.run.log.flush()
            await asyncio.sleep(0)
