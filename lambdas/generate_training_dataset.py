"""Seeds a bucket with a data set for a regression: `csv/train.csv`, `csv/validation.csv` and `csv/test.csv`.

No file has a header; the label is the first column, and the test file has no label. The data are Friedman's first
benchmark (five features that matter, three that do not, and noise) and the same on every run.

Event, all optional: {"bucket": ..., "rows": 1000, "jobName": ..., "seed": 1}. Without a bucket the environment variable
S3_BUCKET_NAME names it; a bucket that does not exist is created.
"""

import csv
import io
import math
import os
import random
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

import boto3

FEATURES = 8
NOISE = 1.0
PARTS = (("train", 0.7), ("validation", 0.15), ("test", 0.15))
MAX_NAME = 32
"""SageMaker's limit on the name of a tuning job."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Write the three files and answer with their URIs and a job name no other run has."""
    bucket = event.get("bucket") or os.environ["S3_BUCKET_NAME"]
    rows = data_set(int(event.get("rows", 1000)), seed=int(event.get("seed", 1)))
    s3 = boto3.client("s3")
    body = {"jobName": job_name(event.get("jobName", "tune")), "bucket": bucket}
    start = 0
    for part, share in PARTS:
        stop = len(rows) if part == "test" else start + round(share * len(rows))
        chosen = [row[1:] for row in rows[start:stop]] if part == "test" else rows[start:stop]
        put(s3, bucket, f"csv/{part}.csv", as_csv(chosen))
        body[part] = f"s3://{bucket}/csv/{part}.csv"
        start = stop
    body["models"] = f"s3://{bucket}/models"
    body["output"] = f"s3://{bucket}/output/{body['jobName']}"
    return {"statusCode": 200, "body": body}


def data_set(count: int, *, seed: int) -> list[list[float]]:
    """Rows of a label and its features, each feature between 0 and 1."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        x = [chance.random() for _ in range(FEATURES)]
        label = 10 * math.sin(math.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
        rows.append([label + chance.gauss(0, NOISE), *x])
    return rows


def as_csv(rows: Sequence[Sequence[float]]) -> bytes:
    """The rows as text, six digits after the point, without a header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[f"{value:.6f}" for value in row] for row in rows])
    return text.getvalue().encode()


def job_name(wanted: str) -> str:
    """A name that begins as wanted, is unique, and is allowed for every kind of SageMaker job."""
    unique = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    beginning = re.sub(r"[^a-zA-Z0-9]+", "-", wanted).strip("-")[: MAX_NAME - len(unique) - 1].strip("-")
    return f"{beginning}-{unique}" if beginning else unique


def put(s3: Any, bucket: str, key: str, data: bytes) -> None:
    """Store an object; the bucket is created only when it turns out to be missing, which needs a permission more."""
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/csv")
    except s3.exceptions.NoSuchBucket:
        region = s3.meta.region_name
        elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **elsewhere)
        s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/csv")
