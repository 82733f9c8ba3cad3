"""LIBSVM text: `label[:weight] [qid:q] index:value ...` per line, sparse.

Source: xgboost documentation, "Text Input Format of DMatrix"; indexes are taken as they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from asl_runner.sagemaker.algorithms.xgboost.csv_format import open_text
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError


class Sparse(Struct, frozen=True):
    """Rows of LIBSVM text."""

    features: Any
    """scipy CSR matrix, float32."""
    labels: Any
    weights: Any
    """float32 per row, or None when no row has one."""
    groups: Any
    """Query id per row, or None."""


def read_libsvm(path: Path) -> Sparse:
    """The rows of a file; raises `UserError` with the container's message for the first line that is not LIBSVM."""
    with open_text(path) as lines:
        return parse_libsvm(lines, path.name)


def parse_libsvm(lines: Iterable[str], name: str, *, labelled: bool = True) -> Sparse:
    """The rows of `lines`; `name` is for messages. Without `labelled` a line may begin with a feature."""
    from scipy import sparse

    values, indexes, starts = array("f"), array("q"), array("q", [0])
    labels, weights, groups = array("f"), array("f"), array("q")
    for line in lines:
        fields = line.split()
        if not fields:
            continue
        try:
            if labelled or fields[0].count(":") == 0:
                label, _, weight = fields.pop(0).partition(":")
                labels.append(float(label))
                if weight:
                    weights.append(float(weight))
            if fields and fields[0].startswith("qid:"):
                groups.append(int(fields.pop(0)[4:]))
            for item in fields:
                index, _, value = item.partition(":")
                indexes.append(int(index))
                values.append(float(value))
        except ValueError:
            raise UserError(
                f"First line '{line.rstrip()[:50]}...' of file '{name}' is not 'LIBSVM' format. "
                "Please ensure the file is in 'LIBSVM' format."
            ) from None
        starts.append(len(values))
    rows = len(starts) - 1
    width = max(indexes, default=-1) + 1
    triple = (np.frombuffer(values, np.float32), np.frombuffer(indexes, np.int64), np.frombuffer(starts, np.int64))
    return Sparse(
        sparse.csr_matrix(triple, shape=(rows, width)),
        np.array(labels, np.float32),
        _per_row(weights, rows, name, "weight"),
        _per_row(groups, rows, name, "qid"),
    )


def _per_row(found: array[Any], rows: int, name: str, what: str) -> Any:
    if not found:
        return None
    if len(found) != rows:
        raise UserError(f"Failed to load libsvm data with exception:\n{name}: only some of the lines have a {what}")
    return np.array(found)
