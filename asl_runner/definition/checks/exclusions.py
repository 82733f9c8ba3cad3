"""Fields that depend on other fields: what a distributed Map has, what a format of items needs."""

from __future__ import annotations

from asl_runner.definition.diagnostics import Report
from asl_runner.definition.json_text import Path
from asl_runner.definition.scopes import PROCESSORS, RawScope
from asl_runner.expressions.environment import Json

_DISTRIBUTED_ONLY = ("ItemReader", "ItemBatcher", "ResultWriter", "Label")
_TYPED = (
    ("Transformation", "LOAD_AND_FLATTEN", "the listed objects"),
    ("ManifestType", "ATHENA_DATA", "the data files"),
)
"""What of a ReaderConfig needs an InputType besides, and of what that is the format."""
_CSV_ONLY = ("CSVHeaderLocation", "CSVHeaders", "CSVDelimiter")


def check_exclusions(scopes: list[RawScope], report: Report) -> None:
    """Reports fields that do not fit the others."""
    for scope in scopes:
        for name, state in scope.states.items():
            path = scope.state_path(name)
            if state.get("Type") == "Map":
                _check_map(state, path, report)
            if state.get("End") is False and "Next" in state:
                hint = "remove it, or write true and remove Next"
                report.add("ASL504", "'End' is false and means nothing", (*path, "End"), key=True, hint=hint)


def _check_map(state: dict[str, Json], path: Path, report: Report) -> None:
    processor = next((name for name in PROCESSORS if isinstance(state.get(name), dict)), None)
    if processor is None:
        return
    config = state[processor].get("ProcessorConfig", {})
    if not isinstance(config, dict):
        return
    mode = config.get("Mode", "INLINE")
    here = (*path, processor, "ProcessorConfig")
    if mode == "DISTRIBUTED":
        if "ExecutionType" not in config:
            report.add("ASL101", "These fields are required: [ExecutionType]", here, key=True)
    elif mode == "INLINE":
        if "ExecutionType" in config:
            where = (*here, "ExecutionType")
            hint = 'an inline Map has none; write "Mode": "DISTRIBUTED"'
            report.add("ASL113", "Field 'ExecutionType' is not supported", where, at=here, key=True, hint=hint)
        for name in _DISTRIBUTED_ONLY:
            if name in state:
                hint = 'only a distributed Map has it: "ProcessorConfig": {"Mode": "DISTRIBUTED", …}'
                report.add("ASL113", f"Field '{name}' is not supported", (*path, name), at=path, key=True, hint=hint)
    _check_reader(state.get("ItemReader"), (*path, "ItemReader"), report)
    _check_batcher(state.get("ItemBatcher"), (*path, "ItemBatcher"), report)
    _check_writer(state.get("ResultWriter"), (*path, "ResultWriter"), report)


def _check_reader(reader: Json, path: Path, report: Report) -> None:
    if not isinstance(reader, dict):
        return
    config = reader.get("ReaderConfig", {})
    if not isinstance(config, dict):
        return
    here = (*path, "ReaderConfig")
    kind = config.get("InputType")
    if kind == "CSV" and "CSVHeaderLocation" not in config:
        report.add("ASL101", "The field 'CSVHeaderLocation' is required", here, key=True, hint="FIRST_ROW or GIVEN")
    if config.get("CSVHeaderLocation") == "GIVEN" and "CSVHeaders" not in config:
        report.add("ASL101", "These fields are required: [CSVHeaders]", here, key=True)
    if config.get("ManifestType") == "S3_INVENTORY" and "InputType" in config:
        hint = "a report of S3 Inventory is always CSV"
        message = "Field 'InputType' is not supported"
        report.add("ASL115", message, (*here, "InputType"), at=here, key=True, hint=hint)
    for name, value, what in _TYPED:
        if config.get(name) == value and kind is None:
            report.add("ASL101", "The field 'InputType' is required", here, key=True, hint=f"the format of {what}")
    if kind in ("JSON", "JSONL", "PARQUET"):
        for name in _CSV_ONLY:
            if name in config:
                hint = f"a {kind} file has no such thing"
                report.add("ASL115", f"Field '{name}' is not supported", (*here, name), at=here, key=True, hint=hint)


def _check_batcher(batcher: Json, path: Path, report: Report) -> None:
    limits = ("MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
    if isinstance(batcher, dict) and not any(name in batcher for name in limits):
        message = f"At least one of these fields is required: [{', '.join(limits)}]"
        report.add("ASL108", message, path, key=True)


def _check_writer(writer: Json, path: Path, report: Report) -> None:
    if not isinstance(writer, dict):
        return
    if not writer:
        hint = "give WriterConfig, or Resource with Parameters or Arguments"
        report.add("ASL106", "Value cannot be empty", path, key=True, hint=hint)
    elif "Resource" in writer and not ("Parameters" in writer or "Arguments" in writer):
        report.add("ASL101", "These fields are required: [Parameters or Arguments]", path, key=True)
    elif "Resource" not in writer and ("Parameters" in writer or "Arguments" in writer):
        report.add("ASL101", "These fields are required: [Resource]", path, key=True)
