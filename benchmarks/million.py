"""A CSV of a million rows trained on and predicted, against the same work in a plain script: time and memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measure import Row, pair
from benchmarks.tuning import BUCKET, IMAGE, INSTANCE, ROLE, channel, python, same_predictions, save_and_transform, task

ROWS, FEATURES, ROUNDS = 1_000_000, 20, 20
_LOOK_SECONDS = 0.02


def rows(runs: int) -> Iterator[Row]:
    """Two rows; both sides are whole processes from cold. Of at most three runs each, as one takes ten seconds."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        data = here / "workspace" / "s3" / BUCKET / "data"
        _write_data(data)
        machine = here / "million.asl.json"
        machine.write_text(json.dumps(_machine()), encoding="utf-8")
        count = 0

        def ours() -> list[object]:
            nonlocal count
            count += 1
            return ["-m", "asl_runner", "run", machine, "--input", json.dumps({"job": f"million-{count}"}), "--quiet",
                    "--workspace", here / "workspace"]  # fmt: skip

        floor: list[object] = [Path(__file__).with_name("plain_million.py"), data, ROUNDS]
        memory, plain_memory = _peak(ours()), _peak(floor)
        same_predictions(here / "workspace" / "s3" / BUCKET / "out" / "test.csv.out", data / "predictions.csv")
        seconds, plain_seconds = pair(lambda: python(*ours()), lambda: python(*floor), min(runs, 3))
    name = f"train on a CSV of {ROWS:,} rows of {FEATURES} numbers ({ROUNDS} rounds), predict as many"
    same = "the same work in a plain Python script"
    yield Row(name=name, count=1, unit="runs", ours=seconds, floor=plain_seconds, floor_is=same,
              mark="at most 1.2 times")  # fmt: skip
    yield Row(name=f"  {name}: peak memory", count=1, unit="MB", ours=memory, floor=plain_memory, floor_is=same,
              mark="at most 1 time")  # fmt: skip


def _peak(arguments: list[object]) -> float:
    """The most memory, in MB, that a Python and all its descendants held at one time; shared pages count once."""
    process = subprocess.Popen([sys.executable, *map(str, arguments)], stdout=subprocess.DEVNULL)
    most = 0
    done = threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(_LOOK_SECONDS):
            most = max(most, sum(_held(number) for number in _family(process.pid)))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        if process.wait():
            raise AssertionError(f"{arguments} ended with {process.returncode}")
    finally:
        done.set()
        watching.join()
    return most / 1000


def _family(root: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Its process may have ended since it was listed.
        with suppress(OSError):
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for number in found:
        found += children.get(number, [])
    return found


def _held(number: int) -> int:
    """The proportional set size of a process in kB; 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _write_data(folder: Path) -> None:
    """Rows for training, the label first, and the same without labels to predict; never whole in memory."""
    draw = random.Random(1)
    # Each number is one of a few thousand texts, so that writing the file does not take longer than the benchmark.
    texts = [f"{number / 1000:.3f}" for number in range(-4000, 4001)]
    numbers = range(len(texts))
    files = {part: folder / part / f"{part}.csv" for part in ("train", "test")}
    for part, file in files.items():
        file.parent.mkdir(parents=True)
        (folder / f"{part}.csv").symlink_to(file)
    with files["train"].open("w", encoding="utf-8") as train, files["test"].open("w", encoding="utf-8") as test:
        for _ in range(ROWS):
            row = draw.choices(numbers, k=FEATURES)
            label = (row[0] - 4000) * (row[1] - 4000) / 10**6 + (row[2] + row[3]) / 1000
            line = ",".join([texts[number] for number in row])
            train.write(f"{label:.5f},{line}\n")
            test.write(f"{line}\n")


def _machine() -> dict[str, Any]:
    training = {
        "TrainingJobName.$": "$.job",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"num_round": str(ROUNDS), "tree_method": "hist", "base_score": "0.5"},
        "InputDataConfig": [channel("train")],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {**INSTANCE, "VolumeSizeInGB": 1},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }
    named = {"ResultSelector": {"best.$": "$.TrainingJobName"}, "ResultPath": "$.tuned"}
    first = task("createTrainingJob.sync", training, **named, Next="Save")
    return {"StartAt": "Train", "States": {"Train": first, **save_and_transform()}}
