"""The state machine as the interpreter sees it: immutable, every expression already a callable.

One struct per state type. Field names are AWS's in snake case. A callable that is `None` means "the default, which
does nothing": no InputPath is identity, no ResultPath replaces, no Retry is an empty tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from asl_runner.definition.resource import Resource
from asl_runner.expressions.environment import Environment, Evaluator, Json, Writer
from asl_runner.expressions.jsonpath import Path

QueryLanguage: TypeAlias = Literal["JSONPath", "JSONata"]
Condition: TypeAlias = Callable[[Json, Environment], bool]


class Quantity(Struct, frozen=True, kw_only=True):
    """A number that is a literal, read from a path (`…Path` field), or computed (JSONata). Exactly one is set."""

    field: str
    """The field it was written in, e.g. `TimeoutSecondsPath`: error texts name it."""
    literal: int | float | None = None
    path: Path | None = None
    expression: Evaluator | None = None


class Text(Struct, frozen=True, kw_only=True):
    """A string that is a literal, a path or intrinsic (`ErrorPath`), or computed (JSONata). Exactly one is set."""

    field: str
    literal: str | None = None
    path: Evaluator | None = None
    """A compiled path or intrinsic call; raises AWS's 'The JSONPath … specified for the field' text itself."""
    expression: Evaluator | None = None


class Retrier(Struct, frozen=True, kw_only=True):
    """One element of `Retry` (ASL spec, Errors: Retrying after error)."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    jitter_strategy: Literal["FULL", "NONE"] = "NONE"


class Catcher(Struct, frozen=True, kw_only=True):
    """One element of `Catch` (ASL spec, Errors: Fallback states)."""

    error_equals: tuple[str, ...]
    next: str
    result_path: Writer | None = None
    output: Evaluator | None = None
    assign: Evaluator | None = None


class State(Struct, frozen=True, kw_only=True):
    """What every state has. `next` is None where the state ends its scope."""

    name: str
    query_language: QueryLanguage = "JSONPath"
    comment: str | None = None
    next: str | None = None
    input_path: Evaluator | None = None
    """None is identity (`$` or absent); `InputPath: null` compiles to a callable that gives `{}`."""
    output_path: Evaluator | None = None
    output: Evaluator | None = None
    assign: Evaluator | None = None
    """Gives the dict of new variable values."""

    @property
    def type(self) -> str:
        """The `Type` field's value: the struct's name."""
        return type(self).__name__


class Pass(State, frozen=True, kw_only=True):
    """Passes its input on, or a fixed `Result`, or the evaluated `Parameters`."""

    parameters: Evaluator | None = None
    result: Json | UnsetType = UNSET
    result_path: Writer | None = None


class Working(State, frozen=True, kw_only=True):
    """What Task, Parallel and Map share: parameters, a result to select from, Retry and Catch."""

    parameters: Evaluator | None = None
    arguments: Evaluator | None = None
    result_selector: Evaluator | None = None
    result_path: Writer | None = None
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


class Task(Working, frozen=True, kw_only=True):
    """Asks the world: calls the resource its ARN names."""

    resource: Resource
    timeout: Quantity | None = None
    heartbeat: Quantity | None = None
    credentials: Evaluator | None = None
    """Gives `{"RoleArn": …}`."""


class ChoiceRule(Struct, frozen=True, kw_only=True):
    """One element of `Choices`."""

    condition: Condition
    next: str
    assign: Evaluator | None = None
    output: Evaluator | None = None


class Choice(State, frozen=True, kw_only=True):
    """Goes where the first true rule says, else to `default`."""

    choices: tuple[ChoiceRule, ...]
    default: str | None = None


class Wait(State, frozen=True, kw_only=True):
    """Waits for a time. Exactly one of the four is set."""

    seconds: Quantity | None = None
    """`Seconds` (literal or JSONata) or `SecondsPath`."""
    timestamp: Text | None = None
    """`Timestamp` (literal or JSONata)."""
    timestamp_path: Path | None = None


class Succeed(State, frozen=True, kw_only=True):
    """Ends its scope successfully."""


class Fail(State, frozen=True, kw_only=True):
    """Ends the execution, or its scope, with an error and a cause, either of which may be absent."""

    error: Text | None = None
    cause: Text | None = None


class Scope(Struct, frozen=True, kw_only=True):
    """One `States` object: the whole machine, a branch, or the processor of a Map."""

    start_at: str
    states: dict[str, State]
    comment: str | None = None


class Parallel(Working, frozen=True, kw_only=True):
    """Runs all branches on the same input; the result is the array of their outputs."""

    branches: tuple[Scope, ...]


class ItemReader(Struct, frozen=True, kw_only=True):
    """Where a distributed Map reads its items from."""

    resource: Resource
    parameters: Evaluator | None = None
    arguments: Evaluator | None = None
    reader_config: Json = None
    """The `ReaderConfig` object as written."""
    max_items: Quantity | None = None
    items_pointer: Evaluator | None = None
    """JSONata `ItemsPointer`; one that is written out stays in `reader_config`."""


class ItemBatcher(Struct, frozen=True, kw_only=True):
    """How a distributed Map groups its items."""

    max_items_per_batch: Quantity | None = None
    max_input_bytes_per_batch: Quantity | None = None
    batch_input: Evaluator | None = None


class ResultWriter(Struct, frozen=True, kw_only=True):
    """Where and how a distributed Map writes its results."""

    resource: Resource | None = None
    parameters: Evaluator | None = None
    arguments: Evaluator | None = None
    writer_config: Json = None


class Map(Working, frozen=True, kw_only=True):
    """Runs its processor once per item; the result is the array of the outputs.

    `parameters` is the deprecated spelling of `item_selector`; the parser puts either into `item_selector`.
    """

    item_processor: Scope
    mode: Literal["INLINE", "DISTRIBUTED"] = "INLINE"
    execution_type: Literal["STANDARD", "EXPRESS"] = "STANDARD"
    items_path: Path | None = None
    items: Evaluator | None = None
    """JSONata `Items`: gives the array, or for a distributed Map an object."""
    item_selector: Evaluator | None = None
    max_concurrency: Quantity | None = None
    tolerated_failure_count: Quantity | None = None
    tolerated_failure_percentage: Quantity | None = None
    item_reader: ItemReader | None = None
    item_batcher: ItemBatcher | None = None
    result_writer: ResultWriter | None = None
    label: str | None = None


class StateMachine(Scope, frozen=True, kw_only=True):
    """A whole definition. `source` is its JSON text as AWS would keep it."""

    source: str
    version: str = "1.0"
    timeout_seconds: int | None = None
    query_language: QueryLanguage = "JSONPath"
    placeholders: tuple[str, ...] = ()
    """The texts with placeholders (`${Name}`) that wait for a value, sorted: a run needs them replaced."""
