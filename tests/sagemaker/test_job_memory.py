"""How much memory jobs need, by how much it grows with their data: real jobs, the peaks of all their processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COLUMNS = 40
FEWER, MORE = 100_000, 300_000
"""Rows."""

# Prints the bytes of the data, and the peak of the largest process.
PROGRAM = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from job_requests import *
root, work, count = Path({root!r}), {work!r}, {count}
buckets = Buckets(root / "s3")
buckets.create_bucket(BUCKET)
file = root / "s3" / BUCKET / "csv" / ("train.csv" if work == "train" else "test.csv")
file.parent.mkdir()
cells = [[(row * 37 + column * 11) % 1000 / 7 for column in range({columns})] for row in range(1000)]
rows = [",".join(f"{{cell:.4f}}" for cell in row) for row in cells]
with file.open("w") as stream:
    for _ in range(count // 1000):
        stream.write("\\n".join(rows) + "\\n")
client = LocalSageMaker(root / "jobs", buckets)
if work == "train":
    client.create_training_job(**training("job", InputDataConfig=[channel("train")]))
    job = ended(client, "TrainingJob", "job")
else:
    buckets.put(BUCKET, "small/train.csv", "".join(f"{{n}},{{row}}\\n" for n, row in enumerate(rows[:50])).encode())
    client.create_training_job(
        **training("small", InputDataConfig=[channel("train", f"s3://{{BUCKET}}/small/")]))
    model = ended(client, "TrainingJob", "small")["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="model", PrimaryContainer={{"Image": XGBOOST, "ModelDataUrl": model}})
    request = transform("job", "model", MaxPayloadInMB=1)
    request["TransformInput"]["SplitType"] = "Line"
    request["TransformOutput"]["AssembleWith"] = "Line"
    client.create_transform_job(**request)
    job = ended(client, "TransformJob", "job")
    with buckets.path(BUCKET, "output/test.csv.out").open() as predictions:
        assert sum(1 for _ in predictions) == count
assert "Completed" in (job.get("TrainingJobStatus"), job.get("TransformJobStatus")), job
client.close()
from asl_runner.sagemaker.containers import warm
# Only the peaks of children that have ended are told.
warm._close()
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(file.stat().st_size, max(own, children) * 1024)
"""


def peak(root: Path, work: str, count: int) -> tuple[int, int]:
    """Bytes: of the data, and of memory."""
    root.mkdir()
    program = PROGRAM.format(tests=str(Path(__file__).parent), root=str(root), work=work, count=count, columns=COLUMNS)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    size, memory = map(int, done.stdout.split())
    return size, memory


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are read as Linux tells them")
@pytest.mark.parametrize("work", ["train", "transform"])
def test_memory_by_the_size_of_the_data(tmp_path: Path, work: str) -> None:
    (small, before), (large, after) = peak(tmp_path / "a", work, FEWER), peak(tmp_path / "b", work, MORE)
    growth = after - before
    if work == "transform":
        # A batch transform holds the requests that are under way, however many there will be.
        assert growth < (large - small) / 4
    else:
        # A training holds a number as four bytes, then as its bin: no text, no objects, no second copy.
        assert growth < 8 * (MORE - FEWER) * COLUMNS
