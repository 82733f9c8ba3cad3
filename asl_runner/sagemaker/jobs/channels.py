"""The input channels of a training job, on one of its hosts: files below `input/data`, or pipes (reference 3.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import InputObject, find_objects, nothing_found, place, shard
from asl_runner.sagemaker.jobs.base import Site
from asl_runner.sagemaker.pipes import Pipe, Record, Stream, augmented_records, stream_of
from asl_runner.sagemaker.records import Document

AUGMENTED = "AugmentedManifestFile"


class Channel:
    """One channel of `InputDataConfig`: its data, found once for all hosts."""

    def __init__(self, site: Site, channel: Mapping[str, Any], document: Document) -> None:
        """Raises `JobFailed` when there are no data."""
        self.name: str = channel["ChannelName"]
        self.mode = str(channel.get("InputMode") or document["AlgorithmSpecification"].get("TrainingInputMode", "File"))
        self._channel = channel
        source = channel["DataSource"].get("S3DataSource", {})
        self._sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        augmented = source.get("S3DataType") == AUGMENTED
        found = find_objects(site.buckets, channel["DataSource"])
        if not found:
            raise JobFailed("ClientError", nothing_found(source["S3Uri"], site.region, document.get("RoleArn", "")))
        if augmented and self.mode != "Pipe":
            raise JobFailed("ClientError", f"Channel {self.name}: an augmented manifest needs the input mode Pipe.")
        self._objects: list[InputObject] = found
        self._records: list[Record] | None = None
        self._per_line = 1
        if augmented:
            names = source.get("AttributeNames") or ()
            self._per_line = max(1, len(names))
            self._records = augmented_records(site.buckets, found[0], names)

    def put(self, tree: Tree, index: int, count: int, *, link: bool) -> None:
        """The files of the host `index` of `count` into its tree; `link` shares them with the bucket."""
        if self.mode != "Pipe":
            place(self._share(index, count), tree.channel(self.name), link=link)

    def pipe(self, tree: Tree, index: int, count: int, failed: Callable[[str], object]) -> Pipe:
        """The pipes of a channel in Pipe mode, for the host `index` of `count`."""
        return Pipe(tree.channel(self.name), self._stream(index, count), failed)

    def _share(self, index: int, count: int) -> list[InputObject]:
        return shard(self._objects, index, count) if self._sharded else self._objects

    def _stream(self, index: int, count: int) -> Stream:
        if self._records is None:
            return stream_of(self._channel, [item.path for item in self._share(index, count)])
        lines = [self._records[at : at + self._per_line] for at in range(0, len(self._records), self._per_line)]
        mine = lines[index::count] if self._sharded else lines
        return stream_of(self._channel, [record for line in mine for record in line])
