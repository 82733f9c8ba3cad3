"""Records: atomic, shared by processes, and honest about jobs whose process is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from job_requests import BUCKET, ended, seed_buckets, training

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.sagemaker.records import Record, Records, write_atomically
from asl_runner.storage.buckets import Buckets

CRASH = """
import os, sys
from pathlib import Path
from job_requests import seed_buckets, tuning, until
from asl_runner.sagemaker.client import LocalSageMaker
root = Path(sys.argv[1])
client = LocalSageMaker(root / "jobs", seed_buckets(root / "s3"), parallelism=2)
client.create_hyper_parameter_tuning_job(**tuning("lost", static={"num_round": "10000000"}))
running = lambda: client.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
until(lambda: [job["SecondaryStatus"] for job in running()] == ["Training", "Training"])
os._exit(1)
"""


def test_a_record_is_read_back(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.create(Record(kind="model", name="m", document={"A": 1}, tags={"k": "v"}))
    records.update("model", "m", lambda document: {**document, "B": 2})
    other = Records(tmp_path)
    found = other.read("model", "m")
    assert found is not None
    assert (found.document, found.tags) == ({"A": 1, "B": 2}, {"k": "v"})
    with pytest.raises(FileExistsError):
        other.create(Record(kind="model", name="m", document={}))
    assert [one.name for one in other.all("model")] == ["m"]
    assert other.delete("model", "m")
    assert not other.delete("model", "m")
    assert not list((tmp_path / "model").iterdir())


def test_jobs_whose_process_is_gone_have_failed(tmp_path: Path) -> None:
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], cwd=Path(__file__).parent, check=False)
    assert crashed.returncode == 1
    client = LocalSageMaker(tmp_path / "jobs", Buckets(tmp_path / "s3"))
    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="lost")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: the local process that ran this job ended")
    assert (job["TrainingJobStatusCounters"]["InProgress"], job["ObjectiveStatusCounters"]["Pending"]) == (0, 0)
    assert (job["TrainingJobStatusCounters"]["NonRetryableError"], job["ObjectiveStatusCounters"]["Failed"]) == (2, 2)
    trials = client.list_training_jobs()["TrainingJobSummaries"]
    assert len(trials) == 2
    for summary in trials:
        trial = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
        assert (trial["TrainingJobStatus"], trial["SecondaryStatus"]) == ("Failed", "Failed")
        assert [one["Status"] for one in trial["SecondaryStatusTransitions"]][-2:] == ["Training", "Failed"]
        assert all("EndTime" in one for one in trial["SecondaryStatusTransitions"])
        assert trial["LastModifiedTime"] == trial["TrainingEndTime"]
    client.close()


def test_a_record_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError, match="cannot write"):
        write_atomically(tmp_path / "file" / "record.json", b"{}")


def test_jobs_survive_the_client(tmp_path: Path) -> None:
    buckets = seed_buckets(tmp_path / "s3")
    first = LocalSageMaker(tmp_path / "jobs", buckets)
    first.create_training_job(**training("kept"))
    before = ended(first, "TrainingJob", "kept")
    first.close()
    second = LocalSageMaker(tmp_path / "jobs", buckets, region="us-east-1")
    after = second.describe_training_job(TrainingJobName="kept")
    assert {**after, "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
    assert after["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{BUCKET}/models/kept/")
    second.close()


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file")
    client = LocalSageMaker(tmp_path / "jobs", seed_buckets(tmp_path / "s3"))
    with pytest.raises(WorkspaceError):
        client.create_training_job(**training("none"))
