"""The rows of the table: the objects of the language with their fields (reference sections 1 to 13)."""

from __future__ import annotations

from asl_runner.definition.fields import (
    LARGEST,
    Anything,
    Boolean,
    Choice,
    Condition,
    ErrorNames,
    Field,
    Integer,
    Items,
    JsonPath,
    Kind,
    Language,
    ListOf,
    Number,
    ObjectOf,
    PathOrIntrinsic,
    ReaderArn,
    ReferencePath,
    ResourceArn,
    ResultPath,
    Shape,
    StateMap,
    String,
    Target,
    Template,
    Timestamp,
    Variables,
)

STATE_TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""In the order the service lists them."""


def _path(name: str, kind: Kind, about: str) -> Field:
    return Field(name=name, kind=kind, language="JSONPath", about=about)


def _jsonata(name: str, kind: Kind, about: str) -> Field:
    return Field(name=name, kind=kind, language="JSONata", about=about)


_COMMENT = Field(name="Comment", kind=String(), about="A text for readers.")
_LANGUAGE = Field(
    name="QueryLanguage", kind=Choice(("JSONPath", "JSONata")), about="The language of expressions in this state."
)
_COMMON = (_COMMENT, _LANGUAGE)
_NEXT = Field(name="Next", kind=Target(), about="The state that follows.")
_END = Field(name="End", kind=Boolean(), about="True: the scope ends with this state.")
_MOVES = (_NEXT, _END)
_ASSIGN = Field(name="Assign", kind=Variables(), about="Variables to set when the state succeeds.")
_OUTPUT = _jsonata("Output", Template(), "The state's output.")
_IN_OUT = (
    _path("InputPath", JsonPath(nullable=True), "The part of the input the state sees."),
    _path("OutputPath", JsonPath(nullable=True), "The part of the output that is passed on."),
)
_PARAMETERS = _path("Parameters", Template(), "The payload template of the effective input.")
_ARGUMENTS = _jsonata("Arguments", Template(), "What is passed to the task.")
_RESULT_PATH = _path("ResultPath", ResultPath(), "Where the result goes in the input.")
_SELECTOR = _path("ResultSelector", Template(object_only=True), "What of the result is kept.")
_ERROR_EQUALS = Field(name="ErrorEquals", kind=ErrorNames(), required=True, about="The error names it stands for.")


def _quantity(name: str, kind: Kind, about: str, *, path: str = "") -> tuple[Field, Field]:
    """A number field with its `…Path` twin."""
    return (
        Field(name=name, kind=kind, expression="number", about=about),
        _path(path or f"{name}Path", ReferencePath(), f"Where {name} is in the input."),
    )


def _start(required: bool = True) -> tuple[Field, ...]:
    return (
        Field(name="States", kind=StateMap(), required=required, about="The states, by name."),
        Field(name="StartAt", kind=Target(), required=required, about="The state to start with."),
    )


RETRIER = Shape(
    name="Retrier",
    fields=(
        _ERROR_EQUALS,
        Field(name="IntervalSeconds", kind=Integer(0, LARGEST), about="Seconds before the first retry."),
        Field(name="MaxAttempts", kind=Integer(0, LARGEST), about="How often to retry; 0 is never."),
        Field(name="BackoffRate", kind=Number(1.0), about="What the interval is multiplied with."),
        Field(name="MaxDelaySeconds", kind=Integer(1, 31_622_400), about="The longest interval."),
        Field(name="JitterStrategy", kind=Choice(("NONE", "FULL")), about="FULL: a random part of the interval."),
        _COMMENT,
    ),
)
CATCHER = Shape(
    name="Catcher",
    fields=(
        _ERROR_EQUALS,
        Field(name="Next", kind=Target(), required=True, about="The state that follows."),
        _RESULT_PATH,
        _OUTPUT,
        _ASSIGN,
        _COMMENT,
    ),
)
_RETRY_CATCH = (
    Field(name="Retry", kind=ListOf(ObjectOf("Retrier")), about="What to retry, and how."),
    Field(name="Catch", kind=ListOf(ObjectOf("Catcher")), about="Where to go after errors."),
)
_WORKING = (*_COMMON, *_MOVES, *_IN_OUT, _RESULT_PATH, _SELECTOR, _OUTPUT, _ASSIGN, *_RETRY_CATCH)
_ONE_WAY = (("Next", "End"),)

CREDENTIALS = Shape(
    name="Credentials",
    fields=(
        Field(name="RoleArn", kind=String(), expression="string", about="The role to assume."),
        _path("RoleArn.$", PathOrIntrinsic(), "Where the role is in the input."),
    ),
    exactly_one=(("RoleArn", "RoleArn.$"),),
)
TASK = Shape(
    name="Task",
    fields=(
        *_WORKING,
        Field(name="Resource", kind=ResourceArn(), required=True, about="The ARN of what is called."),
        _PARAMETERS,
        _ARGUMENTS,
        Field(name="Credentials", kind=ObjectOf("Credentials"), about="The role of this task."),
        *_quantity("TimeoutSeconds", Integer(1, LARGEST), "Seconds the task may take."),
        *_quantity("HeartbeatSeconds", Integer(1, LARGEST), "Seconds between heartbeats."),
    ),
    at_most_one=(("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    exactly_one=_ONE_WAY,
)
PASS = Shape(
    name="Pass",
    fields=(
        *_COMMON,
        *_MOVES,
        *_IN_OUT,
        _path("Result", Anything(), "The result, as it is."),
        _RESULT_PATH,
        _PARAMETERS,
        _OUTPUT,
        _ASSIGN,
    ),
    exactly_one=_ONE_WAY,
)
WAIT = Shape(
    name="Wait",
    fields=(
        *_COMMON,
        *_MOVES,
        *_IN_OUT,
        *_quantity("Seconds", Integer(0, LARGEST), "How long to wait."),
        Field(name="Timestamp", kind=Timestamp(), expression="string", about="When to go on."),
        _path("TimestampPath", ReferencePath(), "Where the timestamp is in the input."),
        _OUTPUT,
        _ASSIGN,
    ),
    exactly_one=(*_ONE_WAY, ("SecondsPath", "Seconds", "TimestampPath", "Timestamp")),
)
SUCCEED = Shape(name="Succeed", fields=(*_COMMON, *_IN_OUT, _OUTPUT))
FAIL = Shape(
    name="Fail",
    fields=(
        *_COMMON,
        Field(name="Error", kind=String(), expression="string", about="The error's name."),
        Field(name="Cause", kind=String(), expression="string", about="The error's cause."),
        _path("ErrorPath", PathOrIntrinsic(), "Where the error's name is in the input."),
        _path("CausePath", PathOrIntrinsic(), "Where the cause is in the input."),
    ),
    at_most_one=(("Error", "ErrorPath"), ("Cause", "CausePath")),
)
CHOICE = Shape(
    name="Choice",
    fields=(
        *_COMMON,
        *_IN_OUT,
        Field(name="Choices", kind=ListOf(ObjectOf("Rule"), nonempty=True), required=True, about="The rules."),
        Field(name="Default", kind=Target(), about="Where to go when no rule is true."),
        _OUTPUT,
        _ASSIGN,
    ),
)
PARALLEL = Shape(
    name="Parallel",
    fields=(
        *_WORKING,
        _PARAMETERS,
        _ARGUMENTS,
        Field(name="Branches", kind=ListOf(ObjectOf("Branch"), nonempty=True), required=True, about="What to run."),
    ),
    exactly_one=_ONE_WAY,
)
MAP = Shape(
    name="Map",
    fields=(
        *_WORKING,
        Field(name="ItemProcessor", kind=ObjectOf("ItemProcessor"), about="What to run for each item."),
        Field(name="Iterator", kind=ObjectOf("ItemProcessor"), about="Old name of ItemProcessor."),
        _path("ItemsPath", ReferencePath(context=True), "Where the items are in the input."),
        _jsonata("Items", Items(), "The items."),
        Field(name="ItemSelector", kind=Template(), about="The input of each iteration."),
        _path("Parameters", Template(), "Old name of ItemSelector."),
        *_quantity("MaxConcurrency", Integer(0), "How many iterations run at once; 0 is no limit."),
        *_quantity("ToleratedFailureCount", Integer(0), "How many items may fail."),
        *_quantity("ToleratedFailurePercentage", Number(0.0, 100.0), "How many of 100 items may fail."),
        Field(name="ItemReader", kind=ObjectOf("ItemReader"), about="Where a distributed Map reads its items."),
        Field(name="ItemBatcher", kind=ObjectOf("ItemBatcher"), about="How a distributed Map groups its items."),
        Field(name="ResultWriter", kind=ObjectOf("ResultWriter"), about="Where a distributed Map writes results."),
        Field(name="Label", kind=String(), about="Names a distributed Map in ARNs."),
    ),
    at_most_one=(
        ("MaxConcurrency", "MaxConcurrencyPath"),
        ("ToleratedFailureCount", "ToleratedFailureCountPath"),
        ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
        ("ItemSelector", "Parameters"),
    ),
    exactly_one=(*_ONE_WAY, ("ItemProcessor", "Iterator")),
)
_MODES = ("INLINE", "DISTRIBUTED")
PROCESSOR_CONFIG = Shape(
    name="ProcessorConfig",
    fields=(
        Field(name="Mode", kind=Choice(_MODES), about="DISTRIBUTED: each item is an execution of its own."),
        Field(name="ExecutionType", kind=Choice(("STANDARD", "EXPRESS")), about="The type of those executions."),
    ),
)
BRANCH = Shape(name="Branch", fields=(*_start(), _COMMENT))
ITEM_PROCESSOR = Shape(
    name="ItemProcessor",
    fields=(
        *_start(),
        _COMMENT,
        Field(name="ProcessorConfig", kind=ObjectOf("ProcessorConfig"), about="How the iterations run."),
    ),
)
READER_CONFIG = Shape(
    name="ReaderConfig",
    fields=(
        Field(name="InputType", kind=Choice(("CSV", "JSON", "JSONL", "PARQUET", "MANIFEST")), about="The format."),
        Field(name="CSVHeaderLocation", kind=Choice(("FIRST_ROW", "GIVEN")), about="Where the column names are."),
        Field(name="CSVHeaders", kind=ListOf(String(), nonempty=True), about="The column names."),
        Field(
            name="CSVDelimiter",
            kind=Choice(("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")),
            about="What separates columns.",
        ),
        *_quantity("MaxItems", Integer(0, 100_000_000), "How many items to read; 0 is all."),
        Field(name="ItemsPointer", kind=String(), expression="string", about="JSON pointer to the items."),
        Field(name="Transformation", kind=Choice(("NONE", "LOAD_AND_FLATTEN")), about="Read the listed objects."),
        Field(name="ManifestType", kind=Choice(("ATHENA_DATA", "S3_INVENTORY")), about="The kind of manifest."),
    ),
    at_most_one=(("MaxItems", "MaxItemsPath"),),
)
ITEM_READER = Shape(
    name="ItemReader",
    fields=(
        Field(
            name="Resource",
            kind=ReaderArn(("s3:getObject", "s3:listObjectsV2")),
            required=True,
            about="The S3 action that gives the items.",
        ),
        _path("Parameters", Template(), "The request."),
        _ARGUMENTS,
        Field(name="ReaderConfig", kind=ObjectOf("ReaderConfig"), about="The format."),
    ),
)
ITEM_BATCHER = Shape(
    name="ItemBatcher",
    fields=(
        *_quantity("MaxItemsPerBatch", Integer(0), "How many items a batch may have."),
        *_quantity("MaxInputBytesPerBatch", Integer(0, 262_144), "How many bytes a batch may have."),
        Field(name="BatchInput", kind=Template(), about="What every batch gets besides its items."),
    ),
    at_most_one=(
        ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
        ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
    ),
)
WRITER_CONFIG = Shape(
    name="WriterConfig",
    fields=(
        Field(name="Transformation", kind=Choice(("NONE", "COMPACT", "FLATTEN")), about="What of the results is kept."),
        Field(name="OutputType", kind=Choice(("JSON", "JSONL")), about="The format."),
    ),
)
RESULT_WRITER = Shape(
    name="ResultWriter",
    fields=(
        Field(name="Resource", kind=ReaderArn(("s3:putObject",)), about="The S3 action that takes the results."),
        _path("Parameters", Template(), "The request."),
        _ARGUMENTS,
        Field(name="WriterConfig", kind=ObjectOf("WriterConfig"), about="The format."),
    ),
)
MACHINE = Shape(
    name="StateMachine",
    fields=(
        *_start(),
        _COMMENT,
        Field(name="Version", kind=Choice(("1.0",)), about="The version of the language."),
        Field(name="TimeoutSeconds", kind=Integer(0, LARGEST), about="Seconds an execution may take."),
        _LANGUAGE,
    ),
)


def _operators() -> tuple[Field, ...]:
    """The 39 comparison operators of a data test."""
    orders = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
    types: dict[str, tuple[Kind, tuple[str, ...]]] = {
        "String": (String(), orders),
        "Numeric": (Number(), orders),
        "Boolean": (Boolean(), orders[:1]),
        "Timestamp": (Timestamp(), orders),
    }
    fields: list[Field] = []
    for prefix, (kind, names) in types.items():
        for order in names:
            name = f"{prefix}{order}"
            fields.append(_path(name, kind, "Compares with this value."))
            fields.append(_path(f"{name}Path", JsonPath(), "Compares with the value found here."))
    fields.append(_path("StringMatches", String(), "Compares with this pattern; `*` stands for any text."))
    tests = ("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")
    fields += [_path(name, Boolean(), "Tests the kind of value.") for name in tests]
    return tuple(fields)


COMPARISONS = _operators()
OPERATOR_NAMES = frozenset(field.name for field in COMPARISONS)
_TESTS = (
    _path("Variable", JsonPath(), "What is tested."),
    *COMPARISONS,
    _path("And", ListOf(ObjectOf("NestedRule"), nonempty=True), "True when all rules are."),
    _path("Or", ListOf(ObjectOf("NestedRule"), nonempty=True), "True when a rule is."),
    _path("Not", ObjectOf("NestedRule"), "True when the rule is not."),
    _COMMENT,
)
_ONE_TEST = (("And", "Or", "Not", "Variable", "Condition"),)
RULE = Shape(
    name="Rule",
    fields=(
        *_TESTS,
        _jsonata("Condition", Condition(), "True or false."),
        Field(name="Next", kind=Target(), required=True, about="The state that follows."),
        _OUTPUT,
        _ASSIGN,
    ),
    exactly_one=_ONE_TEST,
)
NESTED_RULE = Shape(name="NestedRule", fields=_TESTS, exactly_one=(("And", "Or", "Not", "Variable"),))

STATES: dict[str, Shape] = {shape.name: shape for shape in (TASK, WAIT, PASS, SUCCEED, FAIL, CHOICE, PARALLEL, MAP)}
SHAPES: dict[str, Shape] = {
    **STATES,
    **{
        shape.name: shape
        for shape in (
            MACHINE,
            BRANCH,
            ITEM_PROCESSOR,
            PROCESSOR_CONFIG,
            RETRIER,
            CATCHER,
            RULE,
            NESTED_RULE,
            CREDENTIALS,
            ITEM_READER,
            READER_CONFIG,
            ITEM_BATCHER,
            RESULT_WRITER,
            WRITER_CONFIG,
        )
    },
}
LANGUAGES: tuple[Language, ...] = ("JSONPath", "JSONata")
