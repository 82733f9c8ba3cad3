"""Reads an input channel into a matrix of xgboost.

Content types, what counts as a data file, checks and messages are the container's.
Source: aws/sagemaker-xgboost-container 3.0-5, data_utils.py; developer guide, "Input/Output Interface for the XGBoost
Algorithm".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from asl_runner.sagemaker.algorithms.xgboost.csv_format import read_csv
from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError, without_stack
from asl_runner.sagemaker.algorithms.xgboost.libsvm_format import read_libsvm
from asl_runner.sagemaker.algorithms.xgboost.recordio_format import read_recordio

CONTENT_TYPES = {
    "csv": "csv",
    "libsvm": "libsvm",
    "parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf",
    "text/csv": "csv",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "application/x-parquet": "parquet",
    "application/x-recordio-protobuf": "recordio-protobuf",
}

PARQUET_ROWS = 1 << 16


class Table(Struct, frozen=True):
    """The rows of one or more files."""

    features: Any
    """numpy array or scipy CSR matrix, float32, rows by columns."""
    labels: Any
    weights: Any = None
    groups: Any = None
    """Query id per row, for ranking; None without."""


class Bins(Struct, frozen=True):
    """How the values of a matrix are cut into the bins of histograms."""

    most: int
    like: Any = None
    """A matrix whose bins are taken over; None to find them."""


def file_format(content_type: str | None) -> str:
    """csv, libsvm, parquet or recordio-protobuf, from the `ContentType` of a channel; libsvm when it has none."""
    if content_type is None:
        return "libsvm"
    media, *parameters = [part.strip() for part in content_type.lower().split(";")]
    found = CONTENT_TYPES.get(media)
    if found is None:
        raise UserError(f"{content_type} is not an accepted ContentType: {', '.join(CONTENT_TYPES)}.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if found == "csv" and name.strip() == "label_size" and value.strip() != "1":
            raise UserError(
                f"{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
            )
    return found


def data_files(directory: Path) -> list[Path]:
    """The data files of a channel, sorted, without empty ones, hidden ones, `_names` and xgboost's caches."""
    return sorted(
        path for path in directory.rglob("*") if path.is_file() and _is_data(path.name) and path.stat().st_size
    )


def _is_data(name: str) -> bool:
    is_cache = ".cache" in name and ("dtrain" in name or "dval" in name)
    return not name.startswith((".", "_")) and not is_cache


def read_channel(
    directory: Path, form: str, *, csv_weights: bool = False, threads: int | None = None, bins: Bins | None = None
) -> Any:
    """The `matrix` of everything in `directory`; None when there is no data in it.

    Raises `UserError` with the container's message when the files are not what `form` says.
    """
    table = joined(list(read_tables(directory, form, csv_weights=csv_weights).values()))
    return None if table is None else matrix(table, form, threads=threads, bins=bins)


def read_tables(directory: Path, form: str, *, csv_weights: bool = False) -> dict[str, Table]:
    """The rows of each data file in `directory`, by its path below it. Raises `UserError` as `read_channel`."""
    found = {path.relative_to(directory).as_posix(): _read(path, form, csv_weights) for path in data_files(directory)}
    return {name: table for name, table in found.items() if table is not None}


def matrix(table: Table, form: str, *, threads: int | None = None, bins: Bins | None = None) -> Any:
    """A `DMatrix` of the rows, or with `bins` one that is cut into those of its histograms already.

    A value takes a byte of memory in it; in the other it takes eight, and that byte too once trees are grown.

    Raises `UserError` with the container's message when xgboost does not take them.
    """
    xgboost = load_xgboost()
    given = {"label": table.labels, "weight": table.weights, "qid": table.groups, "nthread": threads}
    try:
        if bins is None:
            return xgboost.DMatrix(table.features, **given)
        return xgboost.QuantileDMatrix(table.features, **given, max_bin=bins.most, ref=bins.like)
    except (xgboost.core.XGBoostError, ValueError) as problem:
        raise UserError(f"Failed to load {form} data with exception:\n{without_stack(str(problem))}") from problem


def _read(path: Path, form: str, csv_weights: bool) -> Table | None:
    try:
        return READERS[form](path, csv_weights)
    except UserError:
        raise
    except (ValueError, OSError, EOFError, KeyError, IndexError) as problem:
        raise UserError(f"Failed to load {form} data with exception:\n{path.name}: {problem}") from problem


def _csv(path: Path, csv_weights: bool) -> Table | None:
    rows = read_csv(path)
    if rows is None:
        return None
    first = 2 if csv_weights else 1
    if rows.shape[1] <= first:
        raise ValueError(
            f"expected a label{' and a weight' if csv_weights else ''} and features, found {rows.shape[1]} column"
        )
    return Table(rows[:, first:], rows[:, 0], rows[:, 1] if csv_weights else None)


def _libsvm(path: Path, csv_weights: bool) -> Table | None:
    found = read_libsvm(path)
    return Table(found.features, found.labels, found.weights, found.groups)


def _recordio(path: Path, csv_weights: bool) -> Table | None:
    features, labels = read_recordio(path.read_bytes())
    if labels is None:
        raise ValueError("the records have no label")
    return Table(features, labels)


def _parquet(path: Path, csv_weights: bool) -> Table | None:
    try:
        from pyarrow import parquet
    except ImportError:
        raise UserError("Failed to load parquet data with exception:\nthe package pyarrow is not installed") from None
    with parquet.ParquetFile(path) as file:
        rows = np.empty((file.metadata.num_rows, len(file.schema_arrow)), dtype=np.float32)
        first = 0
        # Some rows at a time, so that what Arrow keeps of a file, in types twice as wide, is never there whole.
        for batch in file.iter_batches(PARQUET_ROWS):
            for place, column in enumerate(batch.columns):
                rows[first : first + batch.num_rows, place] = column.to_numpy(zero_copy_only=False)
            first += batch.num_rows
    return Table(rows[:, 1:], rows[:, 0])


READERS: dict[str, Callable[[Path, bool], Table | None]] = {
    "csv": _csv,
    "libsvm": _libsvm,
    "parquet": _parquet,
    "recordio-protobuf": _recordio,
}


def joined(tables: list[Table]) -> Table | None:
    """The rows of all tables, one below the other; None without any."""
    if len(tables) < 2:
        return tables[0] if tables else None
    return Table(
        stack_rows([one.features for one in tables]),
        np.concatenate([one.labels for one in tables]),
        _concatenated([one.weights for one in tables]),
        _concatenated([one.groups for one in tables]),
    )


def stack_rows(parts: list[Any]) -> Any:
    """Matrices one below the other; sparse ones are widened to the widest."""
    if isinstance(parts[0], np.ndarray):
        widths = {part.shape[1] for part in parts}
        if len(widths) > 1:
            raise UserError(
                f"Failed to load data with exception:\nthe files have different numbers of columns: {sorted(widths)}"
            )
        return np.concatenate(parts)
    from scipy import sparse

    width = max(part.shape[1] for part in parts)
    for part in parts:
        part.resize(part.shape[0], width)
    return sparse.vstack(parts, format="csr")


def _concatenated(parts: list[Any]) -> Any:
    if all(part is None for part in parts):
        return None
    if any(part is None for part in parts):
        raise UserError("Failed to load data with exception:\nonly some of the files have weights or query ids")
    return np.concatenate(parts)
