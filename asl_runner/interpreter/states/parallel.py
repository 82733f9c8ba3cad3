"""Parallel: all branches on the same input; the result is the array of their outputs."""

from __future__ import annotations

from asl_runner.definition.model import Parallel
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.children import Children
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.resumed import failure_of
from asl_runner.interpreter.states import working


async def perform(frame: Frame, state: Parallel) -> None:
    """One visit. Raises `Failure`."""
    await working.perform(frame, state, _work, failed_event="ParallelStateFailed")


async def _work(frame: Frame, state: Parallel, effective: Json) -> Json:
    run = frame.run
    known = frame.attempt
    if known is not None and known.end is not None:
        raise failure_of(known)
    restored = None if known is None else known.kept
    if restored is None:
        started = frame.previous = run.log.record("ParallelStateStarted", None, frame.previous, frame.path)
        path = frame.child_path(state.name)
    else:
        started, path = restored.started, restored.child_path
    branches = [
        frame.child(branch, f"{path}.{index}", effective, started, index) for index, branch in enumerate(state.branches)
    ]
    if restored is not None and restored.children is not None:
        for index, child in restored.children.items():
            branches[index].restore(child)
    async with Children(frame) as children:
        for branch in branches:
            children.add(branch)
        # Nothing may be done any more beside a branch of which the history says that it has failed.
        failed = [] if known is None else [branches[index] for index in known.failed]
        for some in (failed, [branch for branch in branches if branch not in failed]):
            for branch in some:
                if children.start(branch):
                    await _ended(frame, children, branch)
            while children.running:
                await _ended(frame, children, await children.next())
    run.log.record("ParallelStateSucceeded", None, frame.previous, frame.path)
    return [branch.data for branch in branches]


async def _ended(frame: Frame, children: Children, branch: Frame) -> None:
    frame.previous = branch.previous
    if branch.failure is None:
        return
    await children.cancel()
    if frame.attempt is None or not frame.attempt.is_over:
        children.record_failed(branch)
        children.record_aborted(branch.previous)
    raise branch.failure
