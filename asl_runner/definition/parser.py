"""From compiled fields to the state machine the interpreter runs. Only a document without errors comes here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import UNSET

from asl_runner.definition import model
from asl_runner.definition.compiling import Unresolved
from asl_runner.definition.model import Quantity, QueryLanguage, Scope, State, StateMachine, Text
from asl_runner.definition.resource import Resource, parse_resource
from asl_runner.definition.structure import Compiled
from asl_runner.expressions.environment import Environment, Evaluator, Json


def parse_machine(compiled: Compiled, source: str, placeholders: tuple[str, ...]) -> StateMachine:
    """The machine made of a document's compiled fields; `source` is its JSON text."""
    return StateMachine(
        **_scope_fields(compiled),
        source=source,
        version=compiled.get("Version", "1.0"),
        timeout_seconds=_literal(compiled, "TimeoutSeconds", None),
        query_language=compiled.get("QueryLanguage", "JSONPath"),
        placeholders=placeholders,
    )


def _scope_fields(compiled: Compiled) -> dict[str, Any]:
    return {
        "start_at": _text(compiled["StartAt"]),
        "states": {name: _BUILDERS[state["Type"]](name, state) for name, state in compiled["States"].items()},
        "comment": compiled.get("Comment"),
    }


def _scope(compiled: Compiled) -> Scope:
    return Scope(**_scope_fields(compiled))


def _text(value: Any) -> str:
    return value.text if isinstance(value, Unresolved) else value


def _literal(compiled: Compiled, name: str, default: Any) -> Any:
    """A field that must be a literal; a placeholder in its place counts as absent."""
    value = compiled.get(name, default)
    return default if isinstance(value, Unresolved) else value


def _quantity(compiled: Compiled, name: str) -> Quantity | None:
    """A number field or its `…Path` twin."""
    if (value := compiled.get(name)) is not None:
        return Quantity(field=name, expression=value) if callable(value) else Quantity(field=name, literal=value)
    twin = f"{name}Path"
    if (path := compiled.get(twin)) is not None:
        if isinstance(path, Unresolved):
            return Quantity(field=twin, expression=path)
        return Quantity(field=twin, path=path)
    return None


def _text_field(compiled: Compiled, name: str) -> Text | None:
    """A string field or its `…Path` twin."""
    if (value := compiled.get(name)) is not None:
        return Text(field=name, expression=value) if callable(value) else Text(field=name, literal=value)
    twin = f"{name}Path"
    if (path := compiled.get(twin)) is not None:
        return Text(field=twin, path=path)
    return None


def _empty(data: Json, env: Environment) -> Json:
    return {}


def _keep_input(raw: Json, result: Json) -> Json:
    return raw


def _path_field(compiled: Compiled, name: str) -> Evaluator | None:
    """InputPath or OutputPath: absent and `$` are identity, `null` gives `{}`."""
    if name not in compiled:
        return None
    path = compiled[name]
    if path is None:
        return _empty
    return None if getattr(path, "text", "") == "$" else path


def _result_path(compiled: Compiled) -> Any:
    if "ResultPath" not in compiled:
        return None
    writer = compiled["ResultPath"]
    return _keep_input if writer is None else writer


def _common(name: str, compiled: Compiled) -> dict[str, Any]:
    next_state = compiled.get("Next")
    return {
        "name": name,
        "query_language": compiled["QueryLanguage"],
        "comment": compiled.get("Comment"),
        "next": None if next_state is None else _text(next_state),
        "input_path": _path_field(compiled, "InputPath"),
        "output_path": _path_field(compiled, "OutputPath"),
        "output": compiled.get("Output"),
        "assign": compiled.get("Assign"),
    }


def _working(name: str, compiled: Compiled) -> dict[str, Any]:
    return {
        **_common(name, compiled),
        "parameters": compiled.get("Parameters"),
        "arguments": compiled.get("Arguments"),
        "result_selector": compiled.get("ResultSelector"),
        "result_path": _result_path(compiled),
        "retry": tuple(_retrier(item) for item in compiled.get("Retry", ()) if item),
        "catch": tuple(_catcher(item) for item in compiled.get("Catch", ()) if item),
    }


def _retrier(compiled: Compiled) -> model.Retrier:
    return model.Retrier(
        error_equals=tuple(compiled["ErrorEquals"]),
        interval_seconds=_literal(compiled, "IntervalSeconds", 1),
        max_attempts=_literal(compiled, "MaxAttempts", 3),
        backoff_rate=float(_literal(compiled, "BackoffRate", 2.0)),
        max_delay_seconds=_literal(compiled, "MaxDelaySeconds", None),
        jitter_strategy=_literal(compiled, "JitterStrategy", "NONE"),
    )


def _catcher(compiled: Compiled) -> model.Catcher:
    return model.Catcher(
        error_equals=tuple(compiled["ErrorEquals"]),
        next=_text(compiled["Next"]),
        result_path=_result_path(compiled),
        output=compiled.get("Output"),
        assign=compiled.get("Assign"),
    )


def _resource(compiled: Compiled) -> Resource:
    return parse_resource(_text(compiled["Resource"]))


def _task(name: str, compiled: Compiled) -> State:
    return model.Task(
        **_working(name, compiled),
        resource=_resource(compiled),
        timeout=_quantity(compiled, "TimeoutSeconds"),
        heartbeat=_quantity(compiled, "HeartbeatSeconds"),
        credentials=compiled.get("Credentials"),
    )


def _pass(name: str, compiled: Compiled) -> State:
    return model.Pass(
        **_common(name, compiled),
        parameters=compiled.get("Parameters"),
        result=compiled.get("Result", UNSET),
        result_path=_result_path(compiled),
    )


def _wait(name: str, compiled: Compiled) -> State:
    timestamp = compiled.get("Timestamp")
    path = compiled.get("TimestampPath")
    text: Text | None = None
    if timestamp is not None:
        given: Any = {"expression": timestamp} if callable(timestamp) else {"literal": timestamp}
        text = Text(field="Timestamp", **given)
    elif isinstance(path, Unresolved):
        text, path = Text(field="TimestampPath", expression=path), None
    return model.Wait(
        **_common(name, compiled), seconds=_quantity(compiled, "Seconds"), timestamp=text, timestamp_path=path
    )


def _succeed(name: str, compiled: Compiled) -> State:
    return model.Succeed(**_common(name, compiled))


def _fail(name: str, compiled: Compiled) -> State:
    return model.Fail(
        **_common(name, compiled), error=_text_field(compiled, "Error"), cause=_text_field(compiled, "Cause")
    )


def _choice(name: str, compiled: Compiled) -> State:
    default = compiled.get("Default")
    return model.Choice(
        **_common(name, compiled),
        choices=tuple(_rule(rule) for rule in compiled["Choices"] if rule),
        default=None if default is None else _text(default),
    )


def _rule(compiled: Compiled) -> model.ChoiceRule:
    condition = compiled["Condition"]
    return model.ChoiceRule(
        condition=condition if callable(condition) else _constant(condition),
        next=_text(compiled["Next"]),
        assign=compiled.get("Assign"),
        output=compiled.get("Output"),
    )


def _constant(value: bool) -> model.Condition:
    return lambda data, env: value


def _parallel(name: str, compiled: Compiled) -> State:
    branches = tuple(_scope(branch) for branch in compiled["Branches"] if branch)
    return model.Parallel(**_working(name, compiled), branches=branches)


def _map(name: str, compiled: Compiled) -> State:
    language: QueryLanguage = compiled["QueryLanguage"]
    processor = compiled.get("ItemProcessor") or compiled["Iterator"]
    config = processor.get("ProcessorConfig", {})
    mode: Literal["INLINE", "DISTRIBUTED"] = _literal(config, "Mode", "INLINE")
    shared = _working(name, compiled)
    # The deprecated Parameters of a Map is its ItemSelector under another name, not the Map's own input.
    legacy = shared.pop("parameters") if language == "JSONPath" else None
    return model.Map(
        **shared,
        item_processor=_scope(processor),
        mode=mode,
        execution_type=_literal(config, "ExecutionType", "STANDARD"),
        items_path=None if _is_root(compiled.get("ItemsPath")) else compiled.get("ItemsPath"),
        items=compiled.get("Items"),
        item_selector=compiled.get("ItemSelector") or legacy,
        max_concurrency=_quantity(compiled, "MaxConcurrency"),
        tolerated_failure_count=_quantity(compiled, "ToleratedFailureCount"),
        tolerated_failure_percentage=_quantity(compiled, "ToleratedFailurePercentage"),
        item_reader=_reader(compiled.get("ItemReader")),
        item_batcher=_batcher(compiled.get("ItemBatcher")),
        result_writer=_writer(compiled.get("ResultWriter")),
        label=_literal(compiled, "Label", None),
    )


def _is_root(path: Any) -> bool:
    return getattr(path, "text", "") == "$"


def _plain_config(compiled: Compiled, name: str) -> Json:
    """A configuration object as written: its literals, without the fields that are computed."""
    config = compiled.get(name)
    return None if config is None else {key: value for key, value in config.items() if not callable(value)}


def _reader(compiled: Compiled | None) -> model.ItemReader | None:
    if not compiled:
        return None
    config = compiled.get("ReaderConfig") or {}
    return model.ItemReader(
        resource=_resource(compiled),
        parameters=compiled.get("Parameters"),
        arguments=compiled.get("Arguments"),
        reader_config=_plain_config(compiled, "ReaderConfig"),
        max_items=_quantity(config, "MaxItems"),
        items_pointer=pointer if callable(pointer := config.get("ItemsPointer")) else None,
    )


def _batcher(compiled: Compiled | None) -> model.ItemBatcher | None:
    if not compiled:
        return None
    return model.ItemBatcher(
        max_items_per_batch=_quantity(compiled, "MaxItemsPerBatch"),
        max_input_bytes_per_batch=_quantity(compiled, "MaxInputBytesPerBatch"),
        batch_input=compiled.get("BatchInput"),
    )


def _writer(compiled: Compiled | None) -> model.ResultWriter | None:
    if not compiled:
        return None
    return model.ResultWriter(
        resource=_resource(compiled) if "Resource" in compiled else None,
        parameters=compiled.get("Parameters"),
        arguments=compiled.get("Arguments"),
        writer_config=_plain_config(compiled, "WriterConfig"),
    )


_BUILDERS: dict[str, Callable[[str, Compiled], State]] = {
    "Task": _task,
    "Pass": _pass,
    "Wait": _wait,
    "Succeed": _succeed,
    "Fail": _fail,
    "Choice": _choice,
    "Parallel": _parallel,
    "Map": _map,
}
