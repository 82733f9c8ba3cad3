"""Puts on S3 what the Abalone example works on: the data set, and its scripts.

The data are in the schema of the UCI data set "Abalone": sex, length, diameter, height, whole weight, shucked weight,
viscera weight, shell weight and rings, no header. Without a file of yours they are made up, the same on every run.

Event, all optional: {"bucket": ..., "data": ..., "rows": 1500}, with "data" an s3:// URI, the path of a file, or
"generated". It answers {"bucket", "data", "preprocess", "evaluate", "inference"}, all but the first URIs.
"""

import io
import math
import random
import tarfile
from pathlib import Path
from typing import Any

import boto3

BUCKET = "asl-runner-examples"
PREFIX = "abalone"
GENERATED = "generated"
SCRIPTS = Path(__file__).resolve().parents[1] / "state_machines" / "abalone" / "scripts"


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Store data and scripts; answer with their places."""
    bucket = event.get("bucket") or BUCKET
    s3 = boto3.client("s3")
    data = event.get("data") or GENERATED
    found = {"bucket": bucket, "data": "" if data == GENERATED else data}
    if not found["data"].startswith("s3://"):
        given = Path(found["data"]).read_bytes() if found["data"] else as_csv(data_set(int(event.get("rows", 1500))))
        found["data"] = put(s3, bucket, "data/abalone.csv", given)
    for name in ("preprocess", "evaluate"):
        found[name] = put(s3, bucket, f"code/{name}.py", (SCRIPTS / f"{name}.py").read_bytes())
    found["inference"] = put(s3, bucket, "code/sourcedir.tar.gz", packed(SCRIPTS / "inference.py"))
    return found


def data_set(count: int, *, seed: int = 7) -> list[tuple[str, list[float], int]]:
    """Animals that grow as abalones do: sex, seven measurements and the number of rings."""
    chance = random.Random(seed)
    animals = []
    for _ in range(count):
        rings = min(29, max(1, round(chance.lognormvariate(2.2, 0.32))))
        length = 0.68 * (1 - math.exp(-0.24 * rings)) * chance.gauss(1, 0.07)
        diameter, height = 0.8 * length * chance.gauss(1, 0.03), 0.27 * length * chance.gauss(1, 0.08)
        whole = 4.6 * length**3 * chance.gauss(1, 0.06)
        shell = whole * (0.22 + 0.004 * rings) * chance.gauss(1, 0.05)
        shucked = (whole - shell) * 0.6 * chance.gauss(1, 0.05)
        viscera = (whole - shell) * 0.29 * chance.gauss(1, 0.06)
        sex = "I" if chance.random() < math.exp(-0.16 * rings) * 1.6 else chance.choice("MF")
        animals.append((sex, [length, diameter, height, whole, shucked, viscera, shell], rings))
    return animals


def as_csv(animals: list[tuple[str, list[float], int]]) -> bytes:
    """The animals as text, without a header."""
    lines = [
        ",".join([sex, *(f"{max(0.001, value):.4f}" for value in sizes), str(rings)]) for sex, sizes, rings in animals
    ]
    return ("\n".join(lines) + "\n").encode()


def packed(*files: Path) -> bytes:
    """A `.tar.gz` of the files, side by side."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for file in files:
            tar.add(file, arcname=file.name)
    return archive.getvalue()


def put(s3: Any, bucket: str, key: str, data: bytes) -> str:
    """Store an object and give its URI; the bucket is created only when it turns out to be missing."""
    place = {"Bucket": bucket, "Key": f"{PREFIX}/{key}"}
    try:
        s3.put_object(**place, Body=data)
    except s3.exceptions.NoSuchBucket:
        region = s3.meta.region_name
        elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **elsewhere)
        s3.put_object(**place, Body=data)
    return f"s3://{bucket}/{place['Key']}"
