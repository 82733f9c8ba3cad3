"""`eks:call` and `eks:runJob` against a server of this machine that plays the Kubernetes API, over TLS."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asl_runner.interpreter.ports import GoingOn, TaskCall, TaskFailed
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.kubernetes_api import AUTHORITY_VARIABLE, ENDPOINT_VARIABLE, TOKEN_VARIABLE
from asl_runner.resources.optimized_tasks import OptimizedTasks

Make = Callable[..., TaskCall]

JOBS = "/apis/batch/v1/namespaces/work/jobs"
PODS = "/api/v1/namespaces/work/pods"


class Kubernetes(BaseHTTPRequestHandler):
    """Keeps jobs; the image of a job's container says how it ends. Every job is looked at twice before that."""

    jobs: ClassVar[dict[str, dict[str, Any]]] = {}
    looks: ClassVar[dict[str, int]] = {}
    requests: ClassVar[list[dict[str, Any]]] = []

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""

    def answer(self) -> None:
        place = urlsplit(self.path)
        query = parse_qs(place.query)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(content) if content else None
        seen = {"method": self.command, "path": place.path, "query": query, "body": body}
        self.requests.append({**seen, "token": self.headers["Authorization"], "type": self.headers["Content-Type"]})
        status, answer = self.found(place.path, query, body)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def found(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        name = path.rpartition("/")[2]
        if path == JOBS and self.command == "POST":
            name = body["metadata"]["name"]
            if name in self.jobs:
                return 409, {"kind": "Status", "status": "Failure", "reason": "AlreadyExists", "code": 409}
            self.jobs[name] = {**body, "status": {}}
            return 201, self.jobs[name]
        if path == PODS:
            job = query["labelSelector"][0].removeprefix("job-name=")
            containers = self.jobs[job]["spec"]["template"]["spec"]["containers"]
            return 200, {
                "kind": "PodList",
                "items": [{"metadata": {"name": f"{job}-x"}, "spec": {"containers": containers}}],
            }
        if path.startswith(PODS) and name == "log":
            texts = {"main": '{ "pi": 3.14 }\n', "side": "plain\n"}
            container = query["container"][0]
            return (200, texts[container]) if container in texts else (400, {"reason": "BadRequest"})
        if name in self.jobs and self.command == "DELETE":
            del self.jobs[name]
            return 200, {"kind": "Status", "status": "Success"}
        if name in self.jobs:
            self.looks[name] = self.looks.get(name, 0) + 1
            image = self.jobs[name]["spec"]["template"]["spec"]["containers"][0]["image"]
            if self.looks[name] == 1:
                return 429, {"reason": "TooManyRequests"}
            if self.looks[name] > 2 and image in ("Complete", "Failed"):
                self.jobs[name]["status"] = {"conditions": [{"type": image, "status": "True"}]}
            return 200, self.jobs[name]
        return 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A certificate for this machine, with its key in a file, and as DescribeCluster gives it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem)
    return path, base64.b64encode(pem).decode()


@pytest.fixture(scope="module")
def cluster(authority: tuple[Path, str]) -> Iterator[dict[str, Any]]:
    """The parameters that name the cluster."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority[0])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"https://127.0.0.1:{server.server_port}"
    yield {"ClusterName": "c", "Endpoint": endpoint, "CertificateAuthority": authority[1]}
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def tasks(clients: AwsClients) -> OptimizedTasks:
    return OptimizedTasks(clients, poll_seconds=(0.001, 0.01))


def job(name: str, image: str, *containers: str) -> dict[str, Any]:
    listed = [{"name": each, "image": image} for each in containers or ("main",)]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {"containers": listed, "restartPolicy": "Never"}}},
    }


async def failure(tasks: OptimizedTasks, call: TaskCall) -> TaskFailed:
    with pytest.raises(TaskFailed) as failed:
        await tasks(call)
    return failed.value


async def test_a_call_of_the_kubernetes_api(
    tasks: OptimizedTasks, task: Make, cluster: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    Kubernetes.jobs["there"] = job("there", "Complete")
    parameters = {**cluster, "Method": "DELETE", "Path": f"{JOBS}/there"}
    result = await tasks(task("eks:call", {**parameters, "QueryParameters": {"propagationPolicy": ["Foreground"]}}))
    assert list(result) == ["Headers", "ResponseBody", "StatusCode", "StatusText"]
    assert result["ResponseBody"] == {"kind": "Status", "status": "Success"}
    assert (result["StatusCode"], result["StatusText"]) == (200, "OK")
    assert result["Headers"]["Content-Type"] == ["application/json"]
    sent = Kubernetes.requests[-1]
    assert sent["token"] == "Bearer secret"
    assert sent["query"] == {"propagationPolicy": ["Foreground"]}
    failed = await failure(tasks, task("eks:call", parameters))
    assert failed.error == "EKS.404"
    assert json.loads(failed.cause or "")["reason"] == "NotFound"


async def test_a_job_is_only_started(tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]) -> None:
    parameters = {**cluster, "Namespace": "work", "Job": json.dumps(job("started", "Complete"))}
    result = await tasks(task("eks:runJob", parameters))
    assert result["StatusCode"] == 201
    assert result["ResponseBody"]["metadata"] == {"name": "started"}
    assert Kubernetes.requests[-1]["body"] == job("started", "Complete")
    assert (await failure(tasks, task("eks:runJob", parameters))).error == "EKS.409"


async def test_a_job_is_awaited_and_its_logs_are_read(
    tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]
) -> None:
    submitted: list[Any] = []
    parameters = {
        **cluster,
        "Namespace": "work",
        "Job": job("awaited", "Complete", "main", "side", "lost"),
        "LogOptions": {"RetrieveLogs": True, "LogParameters": {"tailLines": ["6"]}},
    }
    result = await tasks(task("eks:runJob.sync", parameters, submitted=submitted.append))
    assert submitted[0]["StatusCode"] == 201
    assert result["status"]["conditions"] == [{"type": "Complete", "status": "True"}]
    assert result["logs"]["pods"]["awaited-x"]["containers"] == {
        "main": {"log": {"pi": 3.14}},
        "side": {"log": "plain\n"},
        "lost": {"error": "EKS.400", "cause": '{"reason": "BadRequest"}'},
    }
    assert Kubernetes.requests[-1]["query"] == {"container": ["lost"], "tailLines": ["6"]}


async def test_logs_may_stay_text(tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]) -> None:
    options = {"RetrieveLogs": True, "RawLogs": True}
    parameters = {**cluster, "Namespace": "work", "Job": job("raw", "Complete"), "LogOptions": options}
    result = await tasks(task("eks:runJob.sync", parameters))
    assert result["logs"]["pods"]["raw-x"]["containers"] == {"main": {"log": '{ "pi": 3.14 }\n'}}


async def test_a_job_that_fails_is_the_cause(tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]) -> None:
    parameters = {**cluster, "Namespace": "work", "Job": job("failing", "Failed")}
    failed = await failure(tasks, task("eks:runJob.sync", parameters))
    assert failed.error == "States.TaskFailed"
    cause = json.loads(failed.cause or "")
    assert cause["status"] == {"conditions": [{"type": "Failed", "status": "True"}]}
    assert "logs" not in cause


async def test_a_job_whose_process_died_is_waited_for(
    tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]
) -> None:
    drawn = job("kept-x7k2p", "Complete")
    Kubernetes.jobs["kept-x7k2p"] = drawn
    answer = {"ResponseBody": drawn, "StatusCode": 201}
    asked = {**job("", "Complete"), "metadata": {"generateName": "kept-"}}
    call = task(
        "eks:runJob.sync",
        {**cluster, "Namespace": "work", "Job": asked},
        going_on=GoingOn(submitted=answer, scheduled=0.0),
    )
    Kubernetes.requests.clear()
    result = await tasks(call)
    assert result["metadata"] == {"name": "kept-x7k2p"}
    assert {(seen["method"], seen["path"]) for seen in Kubernetes.requests} == {("GET", f"{JOBS}/kept-x7k2p")}


async def test_a_task_cut_off_deletes_its_job(tasks: OptimizedTasks, task: Make, cluster: dict[str, Any]) -> None:
    started = asyncio.Event()
    parameters = {**cluster, "Namespace": "work", "Job": job("endless", "never")}
    call = task("eks:runJob.sync", parameters, submitted=lambda output: started.set())
    running = asyncio.create_task(tasks(call))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "endless" not in Kubernetes.jobs
    assert Kubernetes.requests[-1]["query"] == {"propagationPolicy": ["Foreground"]}


@pytest.mark.parametrize(
    "resource, changed, problem",
    [
        ("call", {"Method": "OPTIONS", "Path": "/"}, "The value of the field 'Method' has an invalid format"),
        ("call", {"Method": "GET"}, "The field 'Path' is required but was missing"),
        (
            "call",
            {"Method": "GET", "Path": "/", "QueryParameters": {"a": "b"}},
            "The value of the field 'QueryParameters' has an invalid format",
        ),
        ("call", {"Method": "GET", "Path": "/", "Job": {}}, 'The field "Job" is not supported by Step Functions'),
        ("call", {"Method": "GET", "Path": "/", "Endpoint": None}, "The field 'Endpoint' is required but was missing"),
        (
            "call",
            {"Method": "GET", "Path": "/", "CertificateAuthority": "ANPAJ2UCCR6DPCEXAMPLE"},
            "The value of the field 'CertificateAuthority' has an invalid format",
        ),
        ("runJob", {"Job": "no JSON"}, "The value of the field 'Job' has an invalid format"),
        (
            "runJob",
            {"Job": {}, "LogOptions": {"RetrieveLogs": "yes"}},
            "The value of the field 'RetrieveLogs' has an invalid format",
        ),
    ],
)
async def test_parameters_that_are_refused(
    tasks: OptimizedTasks, task: Make, cluster: dict[str, Any], resource: str, changed: dict[str, Any], problem: str
) -> None:
    failed = await failure(tasks, task(f"eks:{resource}", {**cluster, **changed}))
    assert failed.error == "States.Runtime"
    assert (failed.cause or "").endswith(f"could not be used to start the Task: [{problem}]")


async def test_another_cluster_stands_in_for_one_elsewhere(
    tasks: OptimizedTasks,
    task: Make,
    cluster: dict[str, Any],
    authority: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Kubernetes.jobs["stand-in"] = job("stand-in", "Complete")
    file = tmp_path / "authority.pem"
    elsewhere = {**cluster, "Endpoint": "https://x.yl4.us-east-1.eks.amazonaws.com", "CertificateAuthority": "theirs"}
    call = task("eks:call", {**elsewhere, "Method": "GET", "Path": f"{JOBS}/stand-in"})
    monkeypatch.setenv(ENDPOINT_VARIABLE, cluster["Endpoint"])
    monkeypatch.setenv(AUTHORITY_VARIABLE, str(file))
    assert "cannot be read" in ((await failure(tasks, call)).cause or "")
    file.write_bytes(base64.b64decode(authority[1]))
    assert (await failure(tasks, call)).error == "EKS.429"
    assert (await tasks(call))["ResponseBody"]["metadata"] == {"name": "stand-in"}


async def test_clusters_that_are_elsewhere_or_not_who_they_say(
    tasks: OptimizedTasks, task: Make, cluster: dict[str, Any], authority: tuple[Path, str]
) -> None:
    get = {**cluster, "Method": "GET", "Path": "/"}
    failed = await failure(tasks, task("eks:call", {**get, "Endpoint": "https://x.yl4.us-east-1.eks.amazonaws.com"}))
    assert failed.error == "EKS.SdkClientException"
    assert "is not on this machine" in (failed.cause or "")
    assert ENDPOINT_VARIABLE in (failed.cause or "")
    other = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n").decode()
    failed = await failure(tasks, task("eks:call", {**get, "CertificateAuthority": other}))
    assert failed.error == "EKS.SdkClientException"
    place = cluster["Endpoint"].replace("127.0.0.1", "localhost")
    failed = await failure(tasks, task("eks:call", {**get, "Endpoint": place}))
    assert "CERTIFICATE_VERIFY_FAILED" in (failed.cause or "")
