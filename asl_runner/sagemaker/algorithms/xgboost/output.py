"""What the program prints: round lines and log lines in the container's form.

Every line is flushed, because metrics are read off the log while it grows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping


def log(message: str, level: str = "INFO") -> None:
    """`[2022-08-27:00:38:45:INFO] message`, in UTC."""
    stamp = time.strftime("%Y-%m-%d:%H:%M:%S", time.gmtime())
    sys.stdout.write(f"[{stamp}:{level}] {message}\n")
    sys.stdout.flush()


def round_line(number: int, evaluations: Mapping[str, Mapping[str, list[float]]]) -> str:
    """`[0]<tab>train-rmse:0.35839<tab>validation-rmse:0.35839`, with the last value of each metric.

    CloudWatch shows the tab as `#011`, and that is how the metric definitions of the built-in images are written.
    """
    values = [
        f"{data}-{metric}:{history[-1]:.5f}"
        for data, metrics in evaluations.items()
        for metric, history in metrics.items()
    ]
    return "\t".join([f"[{number}]", *values])


def print_round(number: int, evaluations: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Prints one `round_line`."""
    sys.stdout.write(round_line(number, evaluations) + "\n")
    sys.stdout.flush()
