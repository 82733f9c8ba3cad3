"""AWS::S3::Bucket: a bucket of the workspace. What is said of it beside its name and tags changes nothing here."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from asl_runner.endpoint.cloudformation.kinds.base import Properties, Resource, Site


class Bucket:
    """AWS::S3::Bucket."""

    replaced_by = frozenset({"BucketName"})
    name_property = "BucketName"

    def create(self, site: Site, properties: Properties) -> Resource:
        """CreateBucket; one whose files an earlier server has left is taken over."""
        client = site.client("s3")
        name = properties.get("BucketName") or site.name(63).lower()
        found = _exists(client, name) and not site.stacks.holds(name)
        if not found:
            placed = (
                {} if site.home == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": site.home}}
            )
            client.create_bucket(Bucket=name, **placed)
        return self._held(client, site, name, properties, found=found)

    def update(self, site: Site, old: Resource, properties: Properties) -> Resource:
        """Its tags."""
        return self._held(site.client("s3"), site, old.physical_resource_id, properties)

    def delete(self, site: Site, resource: Resource) -> None:
        """DeleteBucket, which S3 refuses while there are objects."""
        try:
            site.client("s3").delete_bucket(Bucket=resource.physical_resource_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def _held(self, client: Any, site: Site, name: str, properties: Properties, **members: Any) -> Resource:
        # S3 takes no tags that begin with "aws:" from anybody.
        tags = [{"Key": key, "Value": value} for key, value in site.own_tags(properties).items()]
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        attributes = {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{site.home}.amazonaws.com",
            "DualStackDomainName": f"{name}.s3.dualstack.{site.home}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{site.home}.amazonaws.com",
        }
        return site.resource(name, properties, attributes=attributes, **members)


def _exists(client: Any, name: str) -> bool:
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        return False
    return True
