"""The model registry: groups, versions, approval, by name and by ARN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SPECIFICATION = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LocalSageMaker]:
    made = LocalSageMaker(tmp_path / "jobs", Buckets(tmp_path / "s3"))
    yield made
    made.close()


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        call()
    return caught.value.code, caught.value.message


def register(client: LocalSageMaker, group: str = "rings", **members: Any) -> str:
    made = client.create_model_package(ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, **members)
    return str(made["ModelPackageArn"])


def test_versions_count_up_in_their_group(client: LocalSageMaker) -> None:
    group = client.create_model_package_group(ModelPackageGroupName="rings", ModelPackageGroupDescription="ages")
    assert group["ModelPackageGroupArn"] == f"{ARN}:model-package-group/rings"
    client.create_model_package_group(ModelPackageGroupName="rings-2")
    assert register(client) == f"{ARN}:model-package/rings/1"
    assert (
        register(client, group["ModelPackageGroupArn"], ModelApprovalStatus="Approved")
        == f"{ARN}:model-package/rings/2"
    )
    assert register(client, "rings-2") == f"{ARN}:model-package/rings-2/1"
    described = client.describe_model_package(ModelPackageName=f"{ARN}:model-package/rings/2")
    assert described["ModelPackageVersion"] == 2
    assert described["ModelPackageGroupName"] == "rings"
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ModelPackageStatus"] == "Completed"
    assert described["InferenceSpecification"] == SPECIFICATION

    assert refusal(lambda: client.create_model_package_group(ModelPackageGroupName="rings"))[0] == "ValidationException"
    assert refusal(lambda: register(client, "nobody"))[0] == "ValidationException"
    assert (
        refusal(lambda: client.create_model_package(InferenceSpecification=SPECIFICATION))[0] == "ValidationException"
    )


def test_approval_changes_and_lists_are_filtered(client: LocalSageMaker) -> None:
    client.create_model_package_group(ModelPackageGroupName="rings")
    first, second = register(client), register(client)
    client.create_model_package(ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    update = {"CustomerMetadataProperties": {"a": "1", "b": "2"}, "ApprovalDescription": "good"}
    client.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Approved", **update)
    client.update_model_package(ModelPackageArn=first, CustomerMetadataPropertiesToRemove=["a"])
    described = client.describe_model_package(ModelPackageName=first)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "good")
    assert described["CustomerMetadataProperties"] == {"b": "2"}

    def listed(**request: Any) -> list[str]:
        return [one["ModelPackageArn"] for one in client.list_model_packages(**request)["ModelPackageSummaryList"]]

    assert listed(ModelPackageGroupName="rings") == [first, second]
    assert listed(ModelPackageGroupName="rings", ModelApprovalStatus="Approved") == [first]
    assert listed() == [f"{ARN}:model-package/alone"]
    assert len(listed(ModelPackageType="Both")) == 3
    groups = client.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [one["ModelPackageGroupName"] for one in groups] == ["rings"]


def test_deleting(client: LocalSageMaker) -> None:
    client.create_model_package_group(ModelPackageGroupName="rings")
    first = register(client)
    assert refusal(lambda: client.delete_model_package_group(ModelPackageGroupName="rings"))[0] == "ConflictException"
    client.delete_model_package(ModelPackageName=first)
    assert refusal(lambda: client.describe_model_package(ModelPackageName=first))[0] == "ValidationException"
    client.delete_model_package_group(ModelPackageGroupName="rings")
    missing = refusal(lambda: client.describe_model_package_group(ModelPackageGroupName="rings"))
    assert missing == ("ValidationException", f"ModelPackageGroup {ARN}:model-package-group/rings does not exist.")


@pytest.mark.parametrize("name", ["..", "../rings", "rings/..", ".", ""])
def test_no_arn_leads_out_of_the_registry(client: LocalSageMaker, name: str) -> None:
    client.create_model_package_group(ModelPackageGroupName="rings")
    register(client)
    arn = f"{ARN}:model-package/{name}"
    assert refusal(lambda: client.describe_model_package(ModelPackageName=arn))[0] == "ValidationException"
    assert refusal(lambda: client.list_tags(ResourceArn=arn))[0] == "ValidationException"


def test_tags_of_a_version(client: LocalSageMaker) -> None:
    client.create_model_package_group(ModelPackageGroupName="rings")
    arn = register(client)
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
