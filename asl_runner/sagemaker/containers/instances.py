"""What an instance type has: CPUs, memory and GPUs, from the table `instances.json`.

Most families have the same memory per vCPU in every size; the rest is listed. Source: Amazon EC2, "Instance types".
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import Struct


class Instance(Struct, frozen=True):
    """The resources of one instance."""

    vcpus: int
    memory: int
    """Bytes."""
    gpus: int = 0


def instance(name: str) -> Instance | None:
    """What `ml.m5.large` has; None for a type that is not in the table, whose containers then have no limit."""
    table = _table()
    if name in table["exact"]:
        vcpus, gibibytes, gpus = table["exact"][name]
        return Instance(vcpus, gibibytes << 30, gpus)
    _, family, size = name.split(".") if name.count(".") == 2 else ("", "", "")
    per_vcpu, vcpus = table["memory_per_vcpu"].get(family), table["vcpus"].get(size)
    if per_vcpu is None or vcpus is None:
        return None
    return Instance(vcpus, int(vcpus * per_vcpu * (1 << 30)))


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files(__package__).joinpath("instances.json").read_text(encoding="utf-8"))
    return table
