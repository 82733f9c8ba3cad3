"""Readers of CSV, LIBSVM and RecordIO-protobuf, and the metrics the container computes itself."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xgboost_programs import dense_record

from asl_runner.sagemaker.algorithms.xgboost import data
from asl_runner.sagemaker.algorithms.xgboost.channels import validate_channels
from asl_runner.sagemaker.algorithms.xgboost.csv_format import parse_csv, read_csv, sniff_delimiter, with_missing
from asl_runner.sagemaker.algorithms.xgboost.data import data_files, file_format
from asl_runner.sagemaker.algorithms.xgboost.errors import UserError
from asl_runner.sagemaker.algorithms.xgboost.libsvm_format import parse_libsvm
from asl_runner.sagemaker.algorithms.xgboost.metrics import OWN_METRICS, own_metric
from asl_runner.sagemaker.algorithms.xgboost.recordio_format import frames, read_recordio, write_record

FLOATS = st.floats(-1e6, 1e6, width=32)


@pytest.mark.parametrize(
    "content_type, form",
    [
        (None, "libsvm"),
        ("text/csv", "csv"),
        ("CSV", "csv"),
        ("text/csv; label_size=1; charset=utf8", "csv"),
        ("text/x-libsvm ;charset=utf8", "libsvm"),
        ("application/x-parquet", "parquet"),
    ],
)
def test_content_types(content_type: str | None, form: str) -> None:
    assert file_format(content_type) == form


def test_content_types_that_are_refused() -> None:
    with pytest.raises(UserError, match="application/json is not an accepted ContentType: csv, libsvm, parquet"):
        file_format("application/json")
    with pytest.raises(UserError, match="Optional parameter label_size must be equal to 1"):
        file_format("text/csv;label_size=2")


def test_channels() -> None:
    validate_channels({"train": {}, "validation": {}})
    with pytest.raises(UserError, match=r"^Missing required channel: train$"):
        validate_channels({"validation": {}})
    with pytest.raises(UserError, match=r"^Extraneous channel found: test$"):
        validate_channels({"train": {}, "test": {}})
    with pytest.raises(UserError, match="Channel configuration for 'train' channel is not supported"):
        validate_channels({"train": {"TrainingInputMode": "Pipe"}})


def test_parquet_is_read_by_columns_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(data, "PARQUET_ROWS", 4)
    columns = {
        "label": np.arange(10, dtype=np.int64),
        "a": np.linspace(0, 1, 10),
        "b": pyarrow.array([None, *range(9)]),
        "c": pyarrow.array([True, False] * 5),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet", row_group_size=7)
    (read,) = data.read_tables(tmp_path, "parquet").values()
    assert read.labels.tolist() == list(range(10))
    assert read.features.dtype == np.float32
    assert read.features[:, 0] == pytest.approx(columns["a"])
    assert np.isnan(read.features[0, 1])
    assert read.features[1:, 1].tolist() == list(range(9))
    assert read.features[:, 2].tolist() == [1.0, 0.0] * 5


def test_which_files_are_data(tmp_path: Path) -> None:
    names = ["b.csv", "a/c.csv", ".hidden", "_SUCCESS", "x.cache.dtrain", "empty.csv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "empty.csv" else "1,2\n")
    assert data_files(tmp_path) == [tmp_path / "a/c.csv", tmp_path / "b.csv"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"1{delimiter}0.5{delimiter}2\n3{delimiter}4{delimiter}5.25\n")
    assert read_csv(path).tolist() == [[1, 0.5, 2], [3, 4, 5.25]]


def test_csv_in_all_its_forms(tmp_path: Path) -> None:
    for name, content in {
        "windows.csv": b"1,2\r\n3,4\r\n",
        "mark.csv": b"\xef\xbb\xbf1,2\n3,4\n",
        "quoted.csv": b'"1","2"\n"3","4"\n',
        "blank.csv": b"1,2\n\n3,4",
        "packed.csv.gz": gzip.compress(b"1,2\n3,4\n"),
        "spaced.csv": b" 1, 2\n 3, 4\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert read_csv(tmp_path / name).tolist() == [[1, 2], [3, 4]], name


def test_empty_cells_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("1,,3\n,2,\n,,\n4, ,6\n")
    nan = np.nan
    np.testing.assert_array_equal(read_csv(path), [[1, nan, 3], [nan, 2, nan], [nan, nan, nan], [4, nan, 6]])


def test_text_in_csv_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("15,M,0.4\n")
    with pytest.raises(ValueError, match="could not convert string 'M' to float32 at row 0, column 2"):
        read_csv(path)
    path.write_text("1,2,3\n1,2\n")
    with pytest.raises(ValueError, match=r"the number of columns changed from 3 to 2 at row 2$"):
        read_csv(path)
    with pytest.raises(UserError, match="Could not determine delimiter on line "):
        sniff_delimiter("\n")


@given(st.lists(FLOATS, min_size=2, max_size=30), st.sampled_from(",;\t|"))
def test_the_delimiter_of_numbers_is_found(values: list[float], delimiter: str) -> None:
    assert sniff_delimiter(delimiter.join(map(repr, values)) + "\n") == delimiter


@given(st.lists(st.lists(st.one_of(st.none(), FLOATS), min_size=3, max_size=3), min_size=1, max_size=6))
def test_csv_round_trip(rows: list[list[float | None]]) -> None:
    lines = [",".join("" if cell is None else repr(cell) for cell in row) for row in rows]
    expected = np.array([[np.nan if cell is None else cell for cell in row] for row in rows], np.float32)
    np.testing.assert_array_equal(parse_csv(with_missing(lines, ","), ","), expected)


def test_libsvm() -> None:
    plain = parse_libsvm(["1 0:0.5 3:2", "", "-1"], "x")
    assert plain.features.toarray().tolist() == [[0.5, 0, 0, 2], [0, 0, 0, 0]]
    assert plain.weights is None
    weighted = parse_libsvm(["1:0.5 0:0.5 3:2", "0:2.5 1:1"], "x")
    assert weighted.features.toarray().tolist() == [[0.5, 0, 0, 2], [0, 1, 0, 0]]
    assert weighted.labels.tolist() == [1, 0]
    assert weighted.weights.tolist() == [0.5, 2.5]
    ranked = parse_libsvm(["1 qid:1 0:1", "0 qid:2 1:1"], "x")
    assert ranked.groups.tolist() == [1, 2]
    assert parse_libsvm(["0:1 2:3"], "x", labelled=False).features.toarray().tolist() == [[1, 0, 3]]


@pytest.mark.parametrize("line", ["a 1:2", "1 2", "1 x:2", "1 1:y", "1,2,3"])
def test_what_is_not_libsvm(line: str) -> None:
    with pytest.raises(UserError, match="of file 'd' is not 'LIBSVM' format"):
        parse_libsvm([line], "d")


def test_recordio() -> None:
    features, labels = read_recordio(dense_record([1, 2.5], 7) + dense_record([3, 4], 8))
    assert features.tolist() == [[1, 2.5], [3, 4]]
    assert labels.tolist() == [7, 8]
    assert read_recordio(dense_record([1], None))[1] is None


@pytest.mark.parametrize("data", [b"1,2,3\n4,5,6\n", b"\x0a\x23", dense_record([1, 2], 3)[:-4]])
def test_what_is_not_recordio(data: bytes) -> None:
    with pytest.raises(ValueError, match="record"):
        read_recordio(data)


@given(st.lists(FLOATS, min_size=1, max_size=300))
def test_written_records_are_framed_and_readable(values: list[float]) -> None:
    (payload,) = frames(write_record({"score": values}))
    assert payload.endswith(struct.pack(f"<{len(values)}f", *values))


class Labels:
    def __init__(self, labels: list[int]) -> None:
        self.labels = np.array(labels, dtype=np.float32)

    def get_label(self) -> object:
        return self.labels


@settings(deadline=None)
@given(st.data())
def test_own_metrics_agree_with_scikit_learn(data: st.DataObject) -> None:
    from sklearn import metrics

    count = data.draw(st.integers(2, 3))
    size = data.draw(st.integers(2, 20))
    labels = data.draw(st.lists(st.integers(0, count - 1), min_size=size, max_size=size))
    found = data.draw(st.lists(st.integers(0, count - 1), min_size=size, max_size=size))
    names = [name for name in OWN_METRICS if count == 2 or name not in ("precision", "recall", "f1_binary")]
    predictions = np.eye(count)[found] if count > 2 else np.array(found, dtype=float)
    objective = "multi:softprob" if count > 2 else "binary:logistic"
    names = [name for name in names if name not in ("mse", "r2")]
    ours = dict(own_metric(names, objective)(predictions, Labels(labels)))
    theirs = {
        "accuracy": metrics.accuracy_score(labels, found),
        "f1": metrics.f1_score(labels, found, average="macro", zero_division=0),
        "f1_macro": metrics.f1_score(labels, found, average="macro", zero_division=0),
        "f1_binary": metrics.f1_score(labels, found, zero_division=0) if count == 2 else 0,
        "precision": metrics.precision_score(labels, found, zero_division=0) if count == 2 else 0,
        "recall": metrics.recall_score(labels, found, zero_division=0) if count == 2 else 0,
        "precision_macro": metrics.precision_score(labels, found, average="macro", zero_division=0),
        "recall_macro": metrics.recall_score(labels, found, average="macro", zero_division=0),
        "precision_micro": metrics.precision_score(labels, found, average="micro", zero_division=0),
        "recall_micro": metrics.recall_score(labels, found, average="micro", zero_division=0),
        # The mean recall of the classes that are labelled.
        "balanced_accuracy": metrics.recall_score(
            labels, found, average="macro", labels=sorted(set(labels)), zero_division=0
        ),
    }
    assert ours == pytest.approx({name: theirs[name] for name in names})


def test_regression_metrics() -> None:
    from sklearn import metrics

    labels, predictions = [1, 2, 4], np.array([1.5, 2.0, 3.0])
    ours = dict(own_metric(["mse", "r2"], "reg:squarederror")(predictions, Labels(labels)))
    assert ours["mse"] == pytest.approx(metrics.mean_squared_error(labels, predictions))
    assert ours["r2"] == pytest.approx(metrics.r2_score(labels, predictions))
