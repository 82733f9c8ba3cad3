"""Training on several hosts: they find each other, exchange rows, and boost together through xgboost's collective.

The model is that of one host. What makes it so: all agree on the first prediction and on the bins of the histograms,
which each makes of all rows, and each then adds up the gradients of its own share of the rows. Metrics are those of all
rows, on every host.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from asl_runner.sagemaker.algorithms.xgboost.data import Table
from asl_runner.sagemaker.algorithms.xgboost.engine import load_xgboost
from asl_runner.sagemaker.algorithms.xgboost.errors import PlatformError
from asl_runner.sagemaker.containers.contract import CLUSTER_VARIABLE

DEFAULT_PORT = 9099
MEETING_SECONDS = 300.0
_LOOK_SECONDS = 0.05
_GATHERED = ("features", "data", "indices", "indptr", "shape", "labels", "weights", "groups")


class Cluster:
    """The hosts of one job, seen from one of them."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        """`resources` is the content of `resourceconfig.json`."""
        self.hosts: Sequence[str] = resources.get("hosts") or ["algo-1"]
        self.rank = self.hosts.index(resources.get("current_host", self.hosts[0]))

    @property
    def size(self) -> int:
        return len(self.hosts)

    @property
    def is_first(self) -> bool:
        """Whether this host writes the log, checkpoints and the model."""
        return self.rank == 0

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What xgboost does in the block, it does with all hosts. Every host must enter, in the same order.

        Raises `PlatformError` when they do not find each other within five minutes.
        """
        if self.size == 1:
            yield
            return
        collective = load_xgboost().collective
        with self._tracker() as (address, port):
            # Hosts are numbered by their names, so that the first one is the same everywhere.
            task = {"dmlc_task_id": f"{self.rank:06d}", "dmlc_tracker_uri": address, "dmlc_tracker_port": port}
            with collective.CommunicatorContext(**task):
                yield

    @contextlib.contextmanager
    def _tracker(self) -> Iterator[tuple[str, int]]:
        """The tracker of a session: the first host runs it and tells the others where, once it listens."""
        host, _, port = os.environ.get(CLUSTER_VARIABLE, f"{self.hosts[0]}:{DEFAULT_PORT}").rpartition(":")
        try:
            address = socket.gethostbyname(host)
            if not self.is_first:
                yield address, _asked(address, int(port))
                return
            from xgboost.tracker import RabitTracker

            tracker = RabitTracker(n_workers=self.size, host_ip=address, sortby="task")
            tracker.start()
            found = int(tracker.worker_args()["dmlc_tracker_port"])
            _tell(address, int(port), found, self.size - 1)
        except OSError as problem:
            raise PlatformError(f"The hosts of the job do not find each other: {problem}") from problem
        yield address, found
        tracker.wait_for(timeout=int(MEETING_SECONDS))


def gathered(cluster: Cluster, tables: Mapping[str, Table]) -> dict[str, Table]:
    """The tables of all hosts by their names, in the order in which one host would have read them.

    To be called between hosts that are together.
    """
    collective = load_xgboost().collective
    mine = np.frombuffer(_packed(tables), dtype=np.uint8)
    sizes = np.zeros(cluster.size, dtype=np.int64)
    sizes[cluster.rank] = len(mine)
    sizes = collective.allreduce(sizes, collective.Op.SUM)
    found: dict[str, Table] = {}
    for rank, size in enumerate(sizes):
        part = mine if rank == cluster.rank else np.zeros(int(size), dtype=np.uint8)
        found |= _unpacked(collective.allreduce(part.copy(), collective.Op.MAX).tobytes())
    return {name: found[name] for name in sorted(found, key=PurePosixPath)}


def share(cluster: Cluster, table: Table) -> Table:
    """The rows whose gradients this host adds up: every n-th, or for ranking every n-th query."""
    order = np.arange(table.features.shape[0])
    if table.groups is not None:
        _, first, query = np.unique(table.groups, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(first))[query]
    chosen = np.flatnonzero(order % cluster.size == cluster.rank)
    picked = [None if one is None else one[chosen] for one in (table.labels, table.weights, table.groups)]
    return Table(table.features[chosen], *picked)


def _packed(tables: Mapping[str, Table]) -> bytes:
    """Tables as bytes: for each its name and its arrays, without pickle."""
    stream = io.BytesIO()
    for name, table in tables.items():
        arrays: dict[str, Any] = {"labels": table.labels, "weights": table.weights, "groups": table.groups}
        if isinstance(table.features, np.ndarray):
            arrays["features"] = table.features
        else:
            sparse = table.features
            arrays |= {"data": sparse.data, "indices": sparse.indices, "indptr": sparse.indptr}
            arrays["shape"] = np.array(sparse.shape)
        content = io.BytesIO()
        np.savez(content, **{key: value for key, value in arrays.items() if value is not None})
        for part in (name.encode(), content.getvalue()):
            stream.write(struct.pack("<Q", len(part)) + part)
    return stream.getvalue()


def _unpacked(data: bytes) -> dict[str, Table]:
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        parts.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    found = {}
    for name, content in zip(parts[::2], parts[1::2], strict=True):
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            one = {key: arrays[key] for key in _GATHERED if key in arrays}
        features = one["features"] if "features" in one else _sparse(one)
        found[name.decode()] = Table(features, one["labels"], one.get("weights"), one.get("groups"))
    return found


def _sparse(arrays: Mapping[str, Any]) -> Any:
    from scipy import sparse

    return sparse.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=tuple(arrays["shape"]))


def _tell(address: str, port: int, found: int, count: int) -> None:
    """Answers `count` hosts that ask where the tracker is."""
    message = json.dumps(found).encode()
    with socket.create_server((address, port), backlog=count) as listener:
        listener.settimeout(MEETING_SECONDS)
        for _ in range(count):
            with listener.accept()[0] as connection:
                connection.sendall(message)


def _asked(address: str, port: int) -> int:
    """Where the tracker is, from the first host, as soon as that is there."""
    deadline = time.monotonic() + MEETING_SECONDS
    while True:
        try:
            with socket.create_connection((address, port), timeout=MEETING_SECONDS) as connection:
                message = b"".join(iter(lambda: connection.recv(64), b""))
            if message:
                return int(json.loads(message))
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_SECONDS)
