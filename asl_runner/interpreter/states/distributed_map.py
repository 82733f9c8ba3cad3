"""A distributed Map: one map run, with a child execution for each item or batch of items.

Source: reference section 11; recorded histories for the events. What MapStateExited follows changed in 2024: before,
it was MapRunSucceeded; since, it is MapRunStarted.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress

from asl_runner.definition.model import ItemReader, Map, ResultWriter
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.interpreter.batches import Batches, DatasetBatches, StateData
from asl_runner.interpreter.dataflow import states_variable
from asl_runner.interpreter.datasets import DatasetRequest
from asl_runner.interpreter.errors import RESULT_WRITER_FAILED, Failure, runtime_failure
from asl_runner.interpreter.frame import Frame
from asl_runner.interpreter.life import field_failure
from asl_runner.interpreter.map_runs import MapRun, MapRunRequest, MapRunSettings, WriterProblem
from asl_runner.interpreter.results import Destination, Form, entries, form_of, inline
from asl_runner.interpreter.resumed import failure_of
from asl_runner.interpreter.states.child_executions import ChildExecutions
from asl_runner.interpreter.states.items import items_of, max_concurrency, most_items, tolerated


async def work(frame: Frame, state: Map, effective: Json) -> Json:
    """One attempt: the array of the child executions' outputs, or where they were written.

    Raises `Failure`, `ExpressionError`, and `UsageError` where nothing runs child executions or reads datasets.
    """
    _check_available(frame, state)
    items = None if state.item_reader is not None else items_of(state, effective, frame)
    concurrency = max_concurrency(state, effective, frame)
    log = frame.run.log
    known = frame.attempt
    if known is not None and known.end is not None:
        raise failure_of(known)
    kept = None if known is None else known.kept
    before = None if kept is None else kept.map_run
    is_redriven = kept is not None and before is not None and kept.map_run_started < frame.run.redriven
    if kept is None:
        length = {"length": 0 if items is None else len(items)}
        frame.previous = log.record("MapStateStarted", length, frame.previous, frame.path)
    else:
        frame.previous = kept.started
    settings = MapRunSettings(concurrency, *tolerated(state, effective, frame))
    batches = _batches(frame, state, effective, items)
    destination = _destination(frame, state, effective)
    # Before the map run is kept: one that is there is then always one that the history leads to.
    log.flush()
    run = await _opened(frame, state, settings, batches, destination, before, is_redriven=is_redriven)
    details: dict[str, Json] = {"mapRunArn": run.arn}
    if is_redriven:
        details["redriveCount"] = run.redrive_count
    if kept is not None and before is not None and not is_redriven:
        started = kept.map_run_started
    else:
        started = log.record("MapRunRedriven" if is_redriven else "MapRunStarted", details, frame.previous, frame.path)
    frame.previous = started
    log.flush()
    result = await _MapRunWork(frame, state, run, batches, destination).result()
    succeeded = log.record("MapRunSucceeded", None, started, frame.path)
    log.record("MapStateSucceeded", None, succeeded, frame.path)
    return result


def _check_available(frame: Frame, state: Map) -> None:
    ports = frame.run.ports
    if ports.open_map_run is None:
        raise UsageError(f"The Map state {state.name!r} has Mode DISTRIBUTED; nothing here runs child executions.")
    if state.item_reader is not None and ports.open_dataset is None:
        raise UsageError(f"The Map state {state.name!r} has an ItemReader; nothing here reads datasets.")


def _batches(frame: Frame, state: Map, effective: Json, items: Json) -> Batches:
    reader = state.item_reader
    if reader is None:
        return StateData(state, effective, items, frame)
    request = DatasetRequest(
        state=state.name,
        resource=reader.resource,
        parameters=_parameters(frame, state, effective, reader),
        config=reader_config(reader, frame),
        most=most_items(reader, effective, frame),
    )
    return DatasetBatches(state, effective, request, frame)


def reader_config(reader: ItemReader, frame: Frame) -> Mapping[str, Json]:
    """The `ReaderConfig` with what of it is computed. Raises `ExpressionError`."""
    config: Mapping[str, Json] = reader.reader_config or {}
    if reader.items_pointer is None:
        return config
    return {**config, "ItemsPointer": reader.items_pointer(states_variable(frame), frame)}


def _parameters(frame: Frame, state: Map, effective: Json, field: ItemReader | ResultWriter) -> Json:
    """The evaluated `Parameters` or `Arguments` of a reader or writer."""
    if state.query_language == "JSONata":
        return {} if field.arguments is None else field.arguments(states_variable(frame), frame)
    return {} if field.parameters is None else field.parameters(effective, frame)


def _destination(frame: Frame, state: Map, effective: Json) -> Destination | None:
    writer = state.result_writer
    if writer is None or writer.resource is None:
        return None
    found = _parameters(frame, state, effective, writer)
    bucket, prefix = (found.get("Bucket"), found.get("Prefix", "")) if isinstance(found, dict) else (None, None)
    if not isinstance(bucket, str) or not isinstance(prefix, str):
        raise ExpressionError("The ResultWriter needs a Bucket, and Bucket and Prefix must be strings.")
    return Destination(bucket=bucket, prefix=prefix, form=form_of(writer.writer_config, exported=True))


async def _opened(
    frame: Frame,
    state: Map,
    settings: MapRunSettings,
    batches: Batches,
    destination: Destination | None,
    before: str | None,
    *,
    is_redriven: bool,
) -> MapRun:
    open_ = frame.run.ports.open_map_run
    assert open_ is not None
    request = MapRunRequest(
        state=state,
        id=str(uuid.UUID(bytes=frame.random_for("/map run").randbytes(16), version=4)),
        settings=settings,
        items=batches.items,
        executions=batches.executions,
        input_bytes=frame.run.limits.payload_bytes,
        destination=destination,
        redriven=before if is_redriven else None,
        going_on=None if is_redriven else before,
        may_exist=frame.attempt is not None,
    )
    try:
        return await open_(request)
    except WriterProblem as problem:
        # Reported: with the words that name the place in the history.
        named = runtime_failure(state.name, frame.entered, str(problem), RESULT_WRITER_FAILED)
        raise Failure(named.error, named.cause, message=named.message) from problem


class _MapRunWork:
    """The work of one map run, from its opening to its end."""

    def __init__(
        self, frame: Frame, state: Map, run: MapRun, batches: Batches, destination: Destination | None
    ) -> None:
        self._frame = frame
        self._state = state
        self._run = run
        self._batches = batches
        self._destination = destination
        self._is_exported = False
        writer = state.result_writer
        self._form = Form() if writer is None else form_of(writer.writer_config, exported=False)
        kept = destination is None and self._form.transformation != "NONE"
        self._children = ChildExecutions(frame, run, batches, kept=kept)

    async def result(self) -> Json:
        """What the state gets. Raises `Failure`. The map run has ended then, and nothing of it is open."""
        try:
            return await self._done()
        finally:
            await self._batches.close()

    async def _done(self) -> Json:
        frame, run = self._frame, self._run
        try:
            await self._children.work()
            result = await self._result()
        except (Failure, ExpressionError) as problem:
            failure = self._failure(problem)
            await self._export_the_rest(read=True)
            await run.end("FAILED")
            details = {"error": failure.error, "cause": failure.cause}
            frame.previous = frame.run.log.record("MapRunFailed", details, frame.previous, frame.path)
            raise failure from problem
        except asyncio.CancelledError:
            await self._export_the_rest(read=False)
            await run.end("ABORTED")
            raise
        except BaseException:
            await run.end("ABORTED")
            raise
        await run.end("SUCCEEDED")
        return result

    def _failure(self, problem: Failure | ExpressionError) -> Failure:
        if isinstance(problem, Failure):
            return problem
        return field_failure(self._frame, self._state, problem, previous=self._frame.previous)

    async def _result(self) -> Json:
        if self._destination is not None:
            try:
                return await self._export(read=True)
            except WriterProblem as problem:
                raise Failure(RESULT_WRITER_FAILED, str(problem)) from problem
        form = self._form
        if form.transformation == "NONE":
            return inline(form, await self._run.records())
        outputs = self._children.results
        return inline(form, (entry for output in outputs for entry in entries(form, output)))

    async def _export(self, *, read: bool) -> Json:
        """Where the results are; with `read` those not begun are complete."""
        self._is_exported = True
        key = await self._run.export(self._children.pending(read=read))
        assert self._destination is not None
        details = {"Bucket": self._destination.bucket, "Key": key}
        return {"MapRunArn": self._run.arn, "ResultWriterDetails": details}

    async def _export_the_rest(self, *, read: bool) -> None:
        """Exports also what a map run that did not succeed has, unless that was what failed."""
        if self._destination is not None and not self._is_exported:
            # Why the map run failed says more than that its results could not be written either.
            with suppress(WriterProblem, Failure, ExpressionError):
                await self._export(read=read)
