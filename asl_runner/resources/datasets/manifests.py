"""Manifests: objects that name the objects whose rows are the items.

Source: developer guide, "ItemReader": the manifest of an S3 Inventory report lists CSV files and their columns, that
of an Athena UNLOAD query has the URI of one data file on each line.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.csv_items import plain_records, with_headers
from asl_runner.interpreter.errors import ITEM_READER_FAILED, Failure
from asl_runner.interpreter.json_items import Item, parsed
from asl_runner.resources.datasets.contents import Place, object_items, opened_text
from asl_runner.resources.datasets.objects import Objects

_LARGEST_MANIFEST = 8 << 20
"""Characters; an inventory's lists its files, some hundred characters each."""


def inventory_items(objects: Objects, manifest: Place, config: Mapping[str, Json]) -> Iterator[tuple[Place, Item]]:
    """The rows of all files of an S3 Inventory report. Raises `Failure` and `ObjectsRefused`."""
    with opened_text(objects, manifest) as text:
        document = parsed(text.read(_LARGEST_MANIFEST))
    try:
        given = config.get("CSVHeaderLocation") == "GIVEN"
        columns = [name.strip() for name in document["fileSchema"].split(",")]
        headers = list(config["CSVHeaders"]) if given else columns
        keys = [file["key"] for file in document["files"]]
        format = document["fileFormat"]
        bucket = document.get("destinationBucket", manifest.bucket).rpartition(":::")[2]
    except (AttributeError, KeyError, TypeError) as problem:
        cause = f"The dataset {manifest.source} is not the manifest of an S3 Inventory report."
        raise Failure(ITEM_READER_FAILED, cause) from problem
    if format != "CSV":
        cause = f"The S3 Inventory report {manifest.source} has the format {format}; only CSV can be read."
        raise Failure(ITEM_READER_FAILED, cause)
    for key in keys:
        place = Place(bucket, key, _owner(manifest))
        with opened_text(objects, place) as text:
            for row, size in with_headers(plain_records(text), headers):
                yield place, (None, row, size)


def athena_items(objects: Objects, manifest: Place, config: Mapping[str, Json]) -> Iterator[tuple[Place, Item]]:
    """The items of all data files of an Athena UNLOAD query. Raises `Failure` and `ObjectsRefused`."""
    with opened_text(objects, manifest) as text:
        listed = text.read(_LARGEST_MANIFEST)
    for (uri, *_), _ in plain_records(io.StringIO(listed)):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket or not key:
            cause = f"The manifest {manifest.source} names {uri!r}, which is not the URI of an object."
            raise Failure(ITEM_READER_FAILED, cause)
        place = Place(bucket, key, _owner(manifest))
        for item in object_items(objects, place, config):
            yield place, item


def _owner(manifest: Place) -> Mapping[str, Json]:
    """What holds of the objects a manifest names, too."""
    return {name: value for name, value in manifest.more.items() if name == "ExpectedBucketOwner"}
