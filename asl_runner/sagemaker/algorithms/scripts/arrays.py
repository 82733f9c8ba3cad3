"""Numpy arrays as request and response bodies, in the types the toolkits know: CSV, JSON, `.npy`.

Source: aws/sagemaker-containers, `_encoders.py`.
"""

from __future__ import annotations

import io
import json
from typing import Any

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"


class Unsupported(Exception):
    """A media type that cannot be read, or not be written."""


def decode(body: str | bytes, content_type: str) -> Any:
    """The array in a body, float32 for CSV. Raises `Unsupported` for another type, `ValueError` for another body."""
    import numpy as np

    match _plain(content_type):
        case "text/csv":
            return np.loadtxt(io.StringIO(_text(body)), dtype=np.float32, delimiter=",", ndmin=2)
        case "application/json":
            return np.array(json.loads(body))
        case "application/x-npy":
            return np.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=False)
    raise Unsupported(f"Content type {content_type} is not supported by this framework.")


def encode(values: Any, accept: str) -> bytes:
    """An array, or anything with `tolist`, as a body. Raises `Unsupported` for another type."""
    import numpy as np

    match _plain(accept):
        case "text/csv":
            array = np.asarray(values)
            rows = [array.tolist()] if array.ndim == 0 else array.tolist()
            return ("\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)).encode()
        case "application/json":
            return json.dumps(values.tolist() if hasattr(values, "tolist") else values).encode()
        case "application/x-npy":
            stream = io.BytesIO()
            np.save(stream, np.asarray(values), allow_pickle=False)
            return stream.getvalue()
    raise Unsupported(f"Accept type {accept} is not supported by this framework.")


def _plain(media: str) -> str:
    return media.split(";", 1)[0].strip().lower()


def _text(body: str | bytes) -> str:
    return body if isinstance(body, str) else body.decode("utf-8")
