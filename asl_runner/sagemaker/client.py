"""SageMaker in this process, with boto3's methods, shapes and errors.

    client = LocalSageMaker(jobs_directory, buckets)
    client.create_training_job(TrainingJobName="first", ...)
    client.describe_training_job(TrainingJobName="first")["TrainingJobStatus"]
    client.close()

Methods take keyword arguments, answer at once, and may be called from any thread; jobs run in threads and child
processes of this process until `close`.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.sagemaker import kinds, listing, rules, trials
from asl_runner.sagemaker.containers.images import ImageSetting, Use
from asl_runner.sagemaker.containers.place import ProcessPlace
from asl_runner.sagemaker.endpoints import Endpoints
from asl_runner.sagemaker.jobs import model, processing, processing_request, training, transform, tuning, tuning_request
from asl_runner.sagemaker.jobs.base import Site
from asl_runner.sagemaker.jobs.slots import Slots
from asl_runner.sagemaker.progress import JobProgress
from asl_runner.sagemaker.records import Records
from asl_runner.sagemaker.registry import Registry
from asl_runner.sagemaker.service import Response, Service, answer
from asl_runner.storage.buckets import Buckets

DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "123456789012"


class LocalSageMaker:
    """The SageMaker API over local jobs.

    `root` is the jobs directory; `buckets` holds the objects. `images` says what stands for an image URI beside the
    built-in ones. `parallelism` is how many containers run at once (default: the machine's cores). `environment` gives
    the variables of containers that run a user's code, as a mapping or a function called when the first one starts.
    `reuse_names` lets the name of an ended job be used again, which the service does not.

    Every method raises `ServiceError` (botocore's `ClientError` in form) for a request the API would refuse, and
    `WorkspaceError` when the jobs directory cannot be written.
    """

    def __init__(
        self,
        root: Path,
        buckets: Buckets,
        *,
        region: str = DEFAULT_REGION,
        account: str = DEFAULT_ACCOUNT,
        images: Sequence[ImageSetting] = (),
        parallelism: int | None = None,
        environment: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        reuse_names: bool = False,
    ) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._images = images
        self._site = Site(
            records=Records(root),
            buckets=buckets,
            slots=Slots(parallelism or cores, cores),
            region=region,
            account=account,
            place=ProcessPlace(images),
            environment=environment if callable(environment) else lambda: environment or {},
            closing=threading.Event(),
        )
        self._service = Service(self._site, reuse_names=reuse_names)
        self._sites = {self._site.place.name: self._site}
        """By the names of their places; shared with the clients of `in_docker`."""
        self._making = threading.Lock()
        self._endpoints = Endpoints(self._service, self._site, self._site_at)
        self._registry = Registry(self._service, self._site)

    def close(self) -> None:
        """Stops every job of this process and waits for their end; children are gone, statuses say `Stopped`."""
        self._service.close()
        for site in self._sites.values():
            site.place.close()

    def progress(self, job_name: str, kind: str | None = None) -> JobProgress | None:
        """A cheap snapshot of a job this process runs or ran, for showing; None for a name it knows nothing of.

        Jobs of different kinds may share a name: `kind` is `training`, `tuning`, `transform` or
        `processing`; without it, the newest.
        """
        return self._service.progress(job_name, kind)

    def prepare(self, image: str) -> None:
        """Begins to load what an image stands for, so that its first job starts at once; returns at once."""
        self._site.place.prepare(image)

    def in_docker(self, network: str = "bridge") -> LocalSageMaker:
        """The same SageMaker, whose jobs run in Docker if they are created through the client returned here.

        `network` is the network of Docker their containers join. The engine is sought by the first job.
        """
        from asl_runner.sagemaker.containers.docker.place import DOCKER

        other = copy.copy(self)
        other._site = self._site_at(f"{DOCKER}{network}")
        other._endpoints = Endpoints(self._service, other._site, self._site_at)
        return other

    def _site_at(self, name: str) -> Site:
        """The site whose place is called `name`; made when first wanted."""
        with self._making:
            if name not in self._sites:
                from asl_runner.sagemaker.containers.docker.place import DOCKER, DockerPlace

                place = DockerPlace(self._images, self._site.records, network=name.removeprefix(DOCKER))
                self._sites[name] = msgspec.structs.replace(self._site, place=place)
            return self._sites[name]

    def problem(self, image: str, use: Use = "algorithm") -> str | None:
        """Why an image could not be run where this client's jobs run; None if nothing is known against it."""
        return self._site.place.problem(image, use)

    # training jobs

    def create_training_job(self, **request: Any) -> Response:
        """`CreateTrainingJob`: starts the job, answers its ARN."""
        operation = "CreateTrainingJob"
        wire = self._service.request(operation, request)
        rules.check_training(wire, self._site.buckets, self._site.region)
        record = self._service.create(kinds.TRAINING, wire, training.new_document)
        self._service.launch(training.TrainingJob(self._site, record.name))
        return answer(operation, record.document)

    def describe_training_job(self, **request: Any) -> Response:
        """`DescribeTrainingJob`."""
        return self._service.describe(kinds.TRAINING, request)

    def list_training_jobs(self, **request: Any) -> Response:
        """`ListTrainingJobs`."""
        return self._service.list_all(kinds.TRAINING, "ListTrainingJobs", request)

    def stop_training_job(self, **request: Any) -> Response:
        """`StopTrainingJob`: asks the job to stop, answers at once."""
        return self._service.stop(kinds.TRAINING, request)

    # tuning jobs

    def create_hyper_parameter_tuning_job(self, **request: Any) -> Response:
        """`CreateHyperParameterTuningJob`: starts the job, answers its ARN."""
        operation = "CreateHyperParameterTuningJob"
        wire = self._service.request(operation, request)
        find = partial(self._service.record, kinds.TUNING, operation=operation)
        tuning_request.check(wire, self._site.buckets, self._site.region, lambda name: find(name).document)
        record = self._service.create(kinds.TUNING, wire, tuning_request.new_document)
        self._service.launch(tuning.TuningJob(self._site, record.name))
        return answer(operation, record.document)

    def describe_hyper_parameter_tuning_job(self, **request: Any) -> Response:
        """`DescribeHyperParameterTuningJob`."""
        return self._service.describe(kinds.TUNING, request)

    def list_hyper_parameter_tuning_jobs(self, **request: Any) -> Response:
        """`ListHyperParameterTuningJobs`."""
        return self._service.list_all(kinds.TUNING, "ListHyperParameterTuningJobs", request)

    def stop_hyper_parameter_tuning_job(self, **request: Any) -> Response:
        """`StopHyperParameterTuningJob`: asks the job and its trials to stop, answers at once."""
        return self._service.stop(kinds.TUNING, request)

    def list_training_jobs_for_hyper_parameter_tuning_job(self, **request: Any) -> Response:
        """`ListTrainingJobsForHyperParameterTuningJob`."""
        operation = "ListTrainingJobsForHyperParameterTuningJob"
        wire = self._service.request(operation, request)
        document = self._service.record(kinds.TUNING, wire[kinds.TUNING.name], operation).document
        summaries = [trials.summary(trial, document) for trial in self._service.trials_of(document)]
        items, token = listing.page(trials.sort_summaries(summaries, wire), wire)
        return answer(operation, {"TrainingJobSummaries": items, "NextToken": token})

    # transform jobs

    def create_transform_job(self, **request: Any) -> Response:
        """`CreateTransformJob`: starts the job, answers its ARN."""
        operation = "CreateTransformJob"
        wire = self._service.request(operation, request)
        rules.check_transform(wire)
        self._service.record(kinds.MODEL, wire["ModelName"], operation)
        record = self._service.create(kinds.TRANSFORM, wire, transform.new_document)
        self._service.launch(transform.TransformJob(self._site, record.name))
        return answer(operation, record.document)

    def describe_transform_job(self, **request: Any) -> Response:
        """`DescribeTransformJob`."""
        return self._service.describe(kinds.TRANSFORM, request)

    def list_transform_jobs(self, **request: Any) -> Response:
        """`ListTransformJobs`."""
        return self._service.list_all(kinds.TRANSFORM, "ListTransformJobs", request)

    def stop_transform_job(self, **request: Any) -> Response:
        """`StopTransformJob`: asks the job to stop, answers at once."""
        return self._service.stop(kinds.TRANSFORM, request)

    # processing jobs

    def create_processing_job(self, **request: Any) -> Response:
        """`CreateProcessingJob`: starts the job, answers its ARN."""
        operation = "CreateProcessingJob"
        wire = self._service.request(operation, request)
        processing_request.check(wire)
        record = self._service.create(kinds.PROCESSING, wire, processing_request.new_document)
        self._service.launch(processing.ProcessingJob(self._site, record.name))
        return answer(operation, record.document)

    def describe_processing_job(self, **request: Any) -> Response:
        """`DescribeProcessingJob`."""
        return self._service.describe(kinds.PROCESSING, request)

    def list_processing_jobs(self, **request: Any) -> Response:
        """`ListProcessingJobs`."""
        return self._service.list_all(kinds.PROCESSING, "ListProcessingJobs", request)

    def stop_processing_job(self, **request: Any) -> Response:
        """`StopProcessingJob`: asks the job to stop, answers at once."""
        return self._service.stop(kinds.PROCESSING, request)

    # models

    def create_model(self, **request: Any) -> Response:
        """`CreateModel`."""
        operation = "CreateModel"
        wire = self._service.request(operation, request)
        rules.check_model(wire)
        for package in model.packages(wire):
            self._registry.describe({"ModelPackageName": package})
        return answer(operation, self._service.create(kinds.MODEL, wire, model.new_document, runs=False).document)

    def describe_model(self, **request: Any) -> Response:
        """`DescribeModel`."""
        return self._service.describe(kinds.MODEL, request)

    def list_models(self, **request: Any) -> Response:
        """`ListModels`."""
        return self._service.list_all(kinds.MODEL, "ListModels", request)

    def delete_model(self, **request: Any) -> Response:
        """`DeleteModel`: frees the name."""
        return self._service.delete(kinds.MODEL, request)

    # the registry of models

    def create_model_package_group(self, **request: Any) -> Response:
        """`CreateModelPackageGroup`."""
        return self._registry.create_group(request)

    def describe_model_package_group(self, **request: Any) -> Response:
        """`DescribeModelPackageGroup`."""
        return self._registry.describe_group(request)

    def list_model_package_groups(self, **request: Any) -> Response:
        """`ListModelPackageGroups`."""
        return self._service.list_all(kinds.PACKAGE_GROUP, "ListModelPackageGroups", request)

    def delete_model_package_group(self, **request: Any) -> Response:
        """`DeleteModelPackageGroup`: an empty one."""
        return self._registry.delete_group(request)

    def create_model_package(self, **request: Any) -> Response:
        """`CreateModelPackage`: the next version of its group."""
        return self._registry.create(request)

    def describe_model_package(self, **request: Any) -> Response:
        """`DescribeModelPackage`."""
        return self._registry.describe(request)

    def list_model_packages(self, **request: Any) -> Response:
        """`ListModelPackages`."""
        return self._registry.list_packages(request)

    def update_model_package(self, **request: Any) -> Response:
        """`UpdateModelPackage`: approves or rejects it."""
        return self._registry.update(request)

    def delete_model_package(self, **request: Any) -> Response:
        """`DeleteModelPackage`."""
        return self._registry.delete(request)

    # endpoints

    def create_endpoint_config(self, **request: Any) -> Response:
        """`CreateEndpointConfig`."""
        return self._endpoints.create_config(request)

    def describe_endpoint_config(self, **request: Any) -> Response:
        """`DescribeEndpointConfig`."""
        return self._service.describe(kinds.ENDPOINT_CONFIG, request)

    def list_endpoint_configs(self, **request: Any) -> Response:
        """`ListEndpointConfigs`."""
        return self._service.list_all(kinds.ENDPOINT_CONFIG, "ListEndpointConfigs", request)

    def delete_endpoint_config(self, **request: Any) -> Response:
        """`DeleteEndpointConfig`: frees the name."""
        return self._service.delete(kinds.ENDPOINT_CONFIG, request)

    def create_endpoint(self, **request: Any) -> Response:
        """`CreateEndpoint`: starts the containers, answers the ARN."""
        return self._endpoints.create(request)

    def update_endpoint(self, **request: Any) -> Response:
        """`UpdateEndpoint`: another configuration takes the place of the one there."""
        return self._endpoints.update(request)

    def update_endpoint_weights_and_capacities(self, **request: Any) -> Response:
        """`UpdateEndpointWeightsAndCapacities`."""
        return self._endpoints.update_weights(request)

    def describe_endpoint(self, **request: Any) -> Response:
        """`DescribeEndpoint`."""
        return self._service.describe(kinds.ENDPOINT, request)

    def list_endpoints(self, **request: Any) -> Response:
        """`ListEndpoints`."""
        return self._service.list_all(kinds.ENDPOINT, "ListEndpoints", request)

    def delete_endpoint(self, **request: Any) -> Response:
        """`DeleteEndpoint`: ends the containers and frees the name."""
        return self._endpoints.delete(request)

    def invoke_endpoint(self, **request: Any) -> Response:
        """`InvokeEndpoint` of SageMaker Runtime; `Body` is bytes, in and out."""
        return self._endpoints.invoke(request)

    # tags

    def add_tags(self, **request: Any) -> Response:
        """`AddTags`."""
        operation = "AddTags"
        wire = self._service.request(operation, request)
        kind, record = self._service.tagged(wire["ResourceArn"], operation)
        tags = {tag["Key"]: tag["Value"] for tag in wire["Tags"]}
        updated = self._site.records.tag(kind.directory, record.name, tags)
        return answer(operation, {"Tags": _tag_list(updated.tags)})

    def delete_tags(self, **request: Any) -> Response:
        """`DeleteTags`."""
        operation = "DeleteTags"
        wire = self._service.request(operation, request)
        kind, record = self._service.tagged(wire["ResourceArn"], operation)
        self._site.records.untag(kind.directory, record.name, wire["TagKeys"])
        return answer(operation, {})

    def list_tags(self, **request: Any) -> Response:
        """`ListTags`."""
        operation = "ListTags"
        wire = self._service.request(operation, request)
        _, record = self._service.tagged(wire["ResourceArn"], operation)
        return answer(operation, {"Tags": _tag_list(record.tags)})


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
