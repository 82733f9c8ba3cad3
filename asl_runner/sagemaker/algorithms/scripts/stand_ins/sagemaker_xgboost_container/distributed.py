"""Boosting on several hosts from a user's script, under the name the XGBoost image has for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xgboost

from asl_runner.sagemaker.algorithms.xgboost.cluster import Cluster


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,
    first_port: int | None = None,
    second_port: int | None = None,
    max_connect_attempts: int | None = None,
    connect_retry_timeout: int = 3,
    update_rabit_args: bool = False,
) -> None:
    """Calls `exec_fun(**args)` on the hosts that have data, between which xgboost then trains together.

    With `update_rabit_args` it is also told `is_master`. Every host must call this.
    """
    everybody = Cluster({"hosts": list(hosts), "current_host": current_host})
    taking_part = np.zeros(everybody.size, dtype=np.int32)
    taking_part[everybody.rank] = int(include_in_training)
    with everybody.together():
        if everybody.size > 1:
            taking_part = xgboost.collective.allreduce(taking_part, xgboost.collective.Op.SUM)
    if not include_in_training:
        return
    chosen = [host for host, has_data in zip(hosts, taking_part, strict=True) if has_data]
    cluster = Cluster({"hosts": chosen, "current_host": current_host})
    with cluster.together():
        exec_fun(**args, **({"is_master": cluster.is_first} if update_rabit_args else {}))
