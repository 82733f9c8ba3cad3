"""`jobs plot`: pictures of training and tuning jobs, and a word on what cannot be drawn."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from command_line import asl_runner, write
from test_cli_jobs import XGBOOST, job, training, tuning

SHAPES = {
    "squared": {"objective": "reg:squarederror"},
    "binary": {"objective": "binary:logistic"},
    "multi": {"objective": "multi:softprob", "num_class": "3"},
    "ranked": {"objective": "rank:pairwise"},
    "linear": {"objective": "reg:squarederror", "booster": "gblinear"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a training job of each shape, and `tune-1`, have run."""
    directory = tmp_path_factory.mktemp("plots")
    generator = random.Random(2)
    rows = [(generator.random(), generator.random()) for _ in range(90)]
    write(directory, ".asl-runner/s3/data/train.csv", "".join(f"{3 * x - y},{x},{y}\n" for x, y in rows))
    write(directory, ".asl-runner/s3/data/validation.csv", "".join(f"{3 * x - y},{x},{y}\n" for x, y in rows[:40]))
    write(directory, ".asl-runner/s3/classes/train.csv", "".join(f"{int(3 * x)},{x},{y}\n" for x, y in rows))
    write(directory, ".asl-runner/s3/halves/train.csv", "".join(f"{int(2 * x)},{x},{y}\n" for x, y in rows))
    branches = []
    for name, parameters in SHAPES.items():
        channels = ("train", "validation") if name in ("squared", "linear") else ("train",)
        request = training(XGBOOST, channels, TrainingJobName=name, HyperParameters={**parameters, "num_round": "3"})
        bucket = {"binary": "halves", "ranked": "halves", "multi": "classes"}.get(name, "data")
        for one in request["InputDataConfig"]:
            one["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{bucket}/{one['ChannelName']}.csv"
        branches.append({"StartAt": name, "States": {name: job("TrainingJob", request, End=True)}})
    together = {"Type": "Parallel", "Branches": branches, "Next": "Tune"}
    tune = job("HyperParameterTuningJob", tuning(), End=True)
    document = {"StartAt": "All", "States": {"All": together, "Tune": tune}}
    write(directory, "m.asl.json", document)
    ran = asl_runner(directory, "run", "-q", "m.asl.json")
    assert ran.returncode == 0, ran.stderr
    return directory


def plotted(project: Path, name: str) -> tuple[str, str]:
    """The SVG of a job, and what was said."""
    ran = asl_runner(project, "jobs", "plot", name, "-o", f"{name}.svg")
    assert ran.returncode == 0, ran.stderr
    return (project / f"{name}.svg").read_text(encoding="utf-8"), ran.stderr


def test_a_regression_shows_curves_importance_and_residuals(project: Path) -> None:
    svg, said = plotted(project, "squared")
    for text in ("rmse", "Feature importance", "Predicted against actual (validation)", "Residuals (validation)"):
        assert f">{text}<" in svg
    assert said == ""


@pytest.mark.parametrize("name", ["binary", "multi"])
def test_a_classification_shows_its_confusion(project: Path, name: str) -> None:
    svg, said = plotted(project, name)
    assert "Confusion (train), " in svg
    assert "Residuals" not in svg
    assert said == ""


def test_what_cannot_be_drawn_is_said(project: Path) -> None:
    svg, said = plotted(project, "ranked")
    assert "Feature importance" in svg
    assert "the objective rank:pairwise predicts neither numbers nor classes" in said
    svg, said = plotted(project, "linear")
    assert "Residuals" in svg
    assert said == "The model has no splits, so no feature has a gain.\n"


def test_a_tuning_job_shows_its_trials(project: Path) -> None:
    svg, _ = plotted(project, "tune-1")
    for text in ("validation:rmse by trial (minimize)", "best so far", "validation:rmse over max_depth"):
        assert f">{text}<" in svg


def test_png_without_a_place_for_caches(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", "/proc/none")
    ran = asl_runner(project, "jobs", "plot", "squared", "-o", "squared.png")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (project / "squared.png").read_bytes().startswith(b"\x89PNG")


def test_without_its_data_a_job_has_its_other_plots(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / ".asl-runner", tmp_path / ".asl-runner")
    (tmp_path / ".asl-runner" / "s3" / "data" / "validation.csv").unlink()
    svg, said = plotted(tmp_path, "squared")
    assert "Feature importance" in svg
    assert said == "Predictions are not shown: the data of the channel validation are gone.\n"
    shutil.rmtree(tmp_path / ".asl-runner" / "s3" / "data" / "models")
    svg, said = plotted(tmp_path, "squared")
    assert "Feature importance" not in svg
    assert said.startswith("The model cannot be read: s3://data/models/squared/output/model.tar.gz")


def test_refusals(project: Path, tmp_path: Path) -> None:
    told = asl_runner(project, "jobs", "plot", "squared", "-o", "squared.pdf")
    assert (told.returncode, told.stderr) == (
        2,
        "Error: squared.pdf does not say what to draw; expected FILE.svg or FILE.png.\n",
    )
    write(tmp_path, "matplotlib.py", "raise ImportError\n")
    there = ("--workspace", str(project / ".asl-runner"))
    lacking = asl_runner(tmp_path, "jobs", "plot", "squared", "-o", "squared.svg", *there)
    assert (lacking.returncode, lacking.stderr) == (
        2,
        "Error: Plots need matplotlib: pip install 'asl-runner[plots]'.\n",
    )
