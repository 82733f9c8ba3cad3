"""The inference server of the built-in XGBoost.

Worker processes share the listening socket, one per CPU as in the real container, because reading CSV and writing
numbers holds Python's lock. Every worker answers its connections in threads.

Source: aws/sagemaker-xgboost-container, serve.py.
"""

from __future__ import annotations

import os

from asl_runner.sagemaker.algorithms.http_server import DEFAULT_PAYLOAD_MB, Server, exit_on_sigterm, listen, number
from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.inference import Inference
from asl_runner.sagemaker.algorithms.xgboost.output import log
from asl_runner.sagemaker.containers.tree import Tree


def serve(tree: Tree) -> int:
    """Serves the model of `tree` until SIGTERM; then 0."""
    load_xgboost()
    listener = listen()
    workers = worker_count()
    threads = 1 if workers > 1 else number("OMP_NUM_THREADS")
    # Forked before anything has used OpenMP: its threads would not exist in the children.
    children = [child for _ in range(workers - 1) if (child := os.fork())]
    is_first = len(children) == workers - 1
    exit_on_sigterm(children if is_first else [])
    if is_first:
        log(f"Starting {workers} workers on port {listener.getsockname()[1]}")
    parameters = {
        "MaxConcurrentTransforms": workers,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": DEFAULT_PAYLOAD_MB,
    }
    Server(listener, Inference(tree.model, threads=threads), parameters).serve_forever(poll_interval=60.0)
    return 0


def worker_count() -> int:
    """`SAGEMAKER_MODEL_SERVER_WORKERS`, else one per CPU, but no more than transforms will run at once."""
    cpus = number("OMP_NUM_THREADS") or os.cpu_count() or 1
    wanted = number("SAGEMAKER_MODEL_SERVER_WORKERS") or cpus
    return max(1, min(wanted, number("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS") or wanted))
