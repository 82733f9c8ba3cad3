"""Names as Step Functions spells them: it calls AWS through the Java SDKs, whose names differ from the API models'.

Source: reference section 14; the naming rules of the AWS SDK for Java 2.x (`DefaultNamingStrategy`, `Utils`).
"""

from __future__ import annotations

import re
from functools import lru_cache

BOTOCORE_NAMES = {
    "applicationdiscoveryservice": "discovery",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costandusagereportservice": "cur",
    "costexplorer": "ce",
    "databasemigrationservice": "dms",
    "directoryservice": "ds",
    "directoryservicedata": "ds-data",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "elasticsearchservice": "es",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "iotjobsdataplane": "iot-jobs-data",
    "lexmodelbuildingservice": "lex-models",
    "lexmodelsv2": "lexv2-models",
    "lexruntimeservice": "lex-runtime",
    "lexruntimev2": "lexv2-runtime",
    "marketplaceentitlementservice": "marketplace-entitlement",
    "marketplacemetering": "meteringmarketplace",
    "migrationhub": "mgh",
    "serverlessapplicationrepository": "serverlessrepo",
    "sfn": "stepfunctions",
    "simpledb": "sdb",
}
"""Service of an `aws-sdk` resource to botocore's name, where that is more than a matter of hyphens."""

_EMITTED = {("AttributeValue", "NULL"): "Nul"}
"""Members the Java SDK renames by hand, by shape and member. Source: the SDK's customization.config of DynamoDB."""


def uncapitalized(name: str) -> str:
    """A member's name as the Java SDK 2 has it: `ETag` is `eTag`, `DBInstanceIdentifier` is `dbInstanceIdentifier`."""
    lowered = 1
    while lowered < len(name) and name[lowered].isupper() and not name[lowered + 1 : lowered + 2].islower():
        lowered += 1
    return name[:lowered].lower() + name[lowered:]


@lru_cache(maxsize=4096)
def sdk_member(shape: str, member: str) -> str:
    """A structure's member as `aws-sdk` tasks spell it: `DbInstanceIdentifier`, `Md5OfMessageBody`, `ETag`."""
    return _EMITTED.get((shape, member)) or capitalized(uncapitalized(member))


def capitalized(name: str) -> str:
    """The name with its first letter in upper case, which is all that optimized integrations change."""
    return name[:1].upper() + name[1:]


@lru_cache(maxsize=1024)
def pascal_case(text: str) -> str:
    """Every word of a name capitalised, the rest of it in lower case: `DynamoDB` is `DynamoDb`, `SFN` is `Sfn`."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", text)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return "".join(word.lower().capitalize() for word in text.split())


def exception_name(shape: str) -> str:
    """The Java exception of an error shape: `NoSuchBucket` is `NoSuchBucketException`."""
    return pascal_case(shape.removesuffix("Exception").removesuffix("Fault")) + "Exception"
