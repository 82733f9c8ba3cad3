"""The inference program over HTTP, with real models."""

from __future__ import annotations

import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from xgboost_programs import CURRENT, classes, dense_record, run_training, serving, table

from asl_runner.sagemaker.containers.inference import InferenceClient

CSV = "text/csv"


def rows_of(csv: str) -> bytes:
    """The features of a table, without its labels."""
    return "\n".join(line.partition(",")[2] for line in csv.split()).encode()


def model_of(root: Path, csv: str, **hyperparameters: str) -> bytes:
    done = run_training(root, {"num_round": "3", **hyperparameters}, {"train": {"t.csv": csv}})
    assert done.status.code == 0, done.lines
    return (done.tree.model / "xgboost-model").read_bytes()


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return model_of(tmp_path_factory.mktemp("regression"), table())


@pytest.fixture(scope="module")
def multiclass(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("multiclass")
    return model_of(root, classes(3), objective="multi:softprob", num_class="3")


def test_the_contract_in_real_time(tmp_path: Path, regression: bytes) -> None:
    with serving(tmp_path, regression) as (port, _), InferenceClient(port) as client:
        assert client.execution_parameters() == {
            "MaxConcurrentTransforms": 2,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": 6,
        }
        answer = client.invoke(b"0.1,0.2,0.3\n0.4,,0.6\n", CSV)
        assert (answer.status, answer.content_type) == (200, CSV)
        first, second = map(float, answer.body.split(b"\n"))
        assert client.invoke(b"0.1,0.2,0.3").body.decode() == str(first)
        assert json.loads(client.invoke(b"0.1,0.2,0.3", CSV, "application/json").body) == {
            "predictions": [{"score": first}]
        }
        lines = client.invoke(b"0.1,0.2,0.3\n0.4,,0.6\n", CSV, "application/jsonlines").body.splitlines()
        assert [json.loads(line)["score"] for line in lines] == [first, second]
        sparse = client.invoke(b"0 0:0.1 1:0.2 2:0.3\n", "text/libsvm")
        assert float(sparse.body) == first
        record = client.invoke(dense_record([0.1, 0.2, 0.3], None), "application/x-recordio-protobuf")
        assert float(record.body) == first
        written = client.invoke(b"0.1,0.2,0.3", CSV, "application/x-recordio-protobuf").body
        assert struct.unpack("<f", written[8 : 8 + struct.unpack_from("<I", written, 4)[0]][-4:])[0] == first


@pytest.mark.parametrize(
    "body, content_type, accept, status, message",
    [
        (b"", CSV, None, 204, ""),
        (b"a,b,c\n", CSV, None, 415, "Loading csv data failed with Exception, please ensure data is in csv format:"),
        (b"1 a:b\n", "text/libsvm", None, 415, "please ensure data is in libsvm format:"),
        (b"junk", "application/x-recordio-protobuf", None, 415, "please ensure data is in recordio-protobuf format:"),
        (b"{}", "application/json", None, 415, "Content-type application/json not supported."),
        (
            b"1,2,3,4,5\n",
            CSV,
            None,
            400,
            "Unable to evaluate payload provided: Feature size of csv inference data 5 is not consistent with "
            "feature size of trained model 3.",
        ),
        (b"1 9:1\n", "text/libsvm", None, 400, "Feature size of libsvm inference data 10 is larger than"),
        (b"1,2,3\n", CSV, "image/png", 406, "Accept type image/png is not supported."),
    ],
)
def test_refusals(refusing: int, body: bytes, content_type: str, accept: str | None, status: int, message: str) -> None:
    with InferenceClient(refusing) as client:
        answer = client.invoke(body, content_type, accept)
        assert answer.status == status
        assert message in answer.body.decode()
        assert client.invoke(b"1,2,3\n", CSV).ok


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, regression: bytes) -> object:
    with serving(tmp_path_factory.mktemp("serving"), regression) as (port, _):
        yield port


def test_large_and_chunked_bodies(refusing: int) -> None:
    with InferenceClient(refusing) as client:
        assert client.invoke(b"1,2,3\n" * (1 << 20) + b"1,2,3\n", CSV).status == 413
        assert client.invoke(b"1,2,3\n" * 50_000, CSV).body.count(b"\n") == 49_999
    request = b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", refusing)) as plain:
        plain.sendall(request + b"4\r\n1,2,\r\n2\r\n3\n\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: plain.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def test_batch_output(tmp_path: Path, regression: bytes, multiclass: bytes) -> None:
    batch = {"SAGEMAKER_BATCH": "true"}
    with serving(tmp_path / "a", regression, batch) as (port, _), InferenceClient(port) as client:
        body = client.invoke(rows_of(table(5)), CSV, CSV).body.decode()
        assert body.endswith("\n")
        numbers = body.split()
        assert len(numbers) == 5
        # The shortest text of the float32 as a double, as the container prints it.
        assert all(str(struct.unpack("<f", struct.pack("<f", float(text)))[0]) == text for text in numbers)
    with serving(tmp_path / "b", multiclass, batch) as (port, _), InferenceClient(port) as client:
        lines = client.invoke(rows_of(classes(3, 4)), CSV).body.decode().splitlines()
        assert [len(json.loads(line)) for line in lines] == [3, 3, 3, 3]
        assert sum(json.loads(lines[0])) == pytest.approx(1)


def test_selected_output(tmp_path: Path, multiclass: bytes) -> None:
    selected = {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label, probabilities,labels"}
    rows = rows_of(classes(3, 2))
    with serving(tmp_path, multiclass, selected) as (port, _), InferenceClient(port) as client:
        found = json.loads(client.invoke(rows, CSV, "application/json").body)["predictions"]
        assert [set(one) for one in found] == [{"predicted_label", "probabilities", "labels"}] * 2
        assert found[0]["labels"] == [0, 1, 2]
        assert max(found[0]["probabilities"]) == found[0]["probabilities"][found[0]["predicted_label"]]
        line = client.invoke(rows, CSV).body.decode().splitlines()[0]
        assert line.startswith(f'{found[0]["predicted_label"]},"[')


def test_an_ensemble_is_averaged(tmp_path: Path, regression: bytes) -> None:
    other = model_of(tmp_path / "other", table(seed=8), max_depth="1")
    results = []
    for name, models in {"one": [regression], "other": [other], "both": [regression, other]}.items():
        with serving(tmp_path / name, models) as (port, _), InferenceClient(port) as client:
            results.append(float(client.invoke(b"0.1,0.2,0.3", CSV).body))
    assert results[2] == pytest.approx((results[0] + results[1]) / 2)


def test_models_that_cannot_be_loaded(tmp_path: Path) -> None:
    for name, content, reason in (("broken", b"no model", ""), ("pickle", b"\x80\x04", "is a Python pickle")):
        with serving(tmp_path / name, content) as (port, _), InferenceClient(port) as client:
            answer = client.invoke(b"1,2,3", CSV)
            assert answer.status == 500
            assert answer.body.decode().startswith("Unable to load model: ")
            assert reason in answer.body.decode()


def test_many_at_once(tmp_path: Path, regression: bytes) -> None:
    with serving(tmp_path, regression) as (port, container):
        with ThreadPoolExecutor(4) as pool:

            def ask(number: int) -> int:
                with InferenceClient(port) as client:
                    return client.invoke(f"{number},0.2,0.3\n".encode() * 50, CSV).body.count(b"\n")

            assert list(pool.map(ask, range(20))) == [49] * 20
        status = container.stop(10)
        assert (status.code, status.stopped) == (0, True)


def test_gblinear_and_dart(tmp_path: Path) -> None:
    for booster in ("gblinear", "dart"):
        model = model_of(tmp_path / booster, table(), booster=booster)
        with serving(tmp_path / f"{booster}-serve", model, image=CURRENT) as (port, _), InferenceClient(port) as client:
            assert float(client.invoke(b"0.1,0.2,0.3", CSV).body) > 0
