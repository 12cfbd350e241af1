#!/usr/bin/env python3
"""Puts back what a table lost: copies items of a restored table into the one that is in use.

`--from` is a table that was made from a backup or a moment (`aws dynamodb restore-table-to-point-in-time`), `--into` the
stack's. Items that are still there are left as they are, because they are newer, unless `--replace` is given. `--task ID`,
which may be given more than once, copies a task with its batches and nothing else. What is being done goes to standard
error; the last line on standard output is one JSON object: {"seen", "copied", "kept"}. Exit code 1 and a sentence on
standard error say why it did not work; calling it again goes on, since what was copied is then there.
"""

import argparse
import json
import os
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TELL_EVERY_SECONDS = 1.0


def arguments():
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", required=True, metavar="TABLE", help="the restored table")
    parser.add_argument("--into", dest="target", required=True, metavar="TABLE", help="the stack's table")
    parser.add_argument("--task", action="append", default=[], metavar="ID", help="only this task; may be repeated")
    parser.add_argument("--replace", action="store_true", help="also items that are there")
    return parser.parse_args()


def pages(client, asked):
    """The pages of items that are to be copied."""
    if not asked.task:
        return client.get_paginator("scan").paginate(TableName=asked.source, ConsistentRead=True)
    paginator = client.get_paginator("query")
    return (
        page
        for task in asked.task
        for page in paginator.paginate(
            TableName=asked.source,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"TASK#{task}"}},
        )
    )


def put(client, asked, item):
    """Copies an item and says whether it was missing, or is to be replaced."""
    condition = {} if asked.replace else {"ConditionExpression": "attribute_not_exists(pk)"}
    try:
        client.put_item(TableName=asked.target, Item=item, **condition)
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def restore(client, asked):
    """Copies everything that is asked for; the counts."""
    counts = {"seen": 0, "copied": 0, "kept": 0}
    told = time.monotonic()
    for page in pages(client, asked):
        # Batches before their task, which sorts behind them: a task whose batches are missing would look unclaimed.
        for item in sorted(page["Items"], key=lambda item: (item["pk"]["S"], item["sk"]["S"])):
            counts["seen"] += 1
            counts["copied" if put(client, asked, item) else "kept"] += 1
            if time.monotonic() - told > TELL_EVERY_SECONDS:
                told = time.monotonic()
                print(f"restore: {counts['seen']} items seen, {counts['copied']} copied", file=sys.stderr, flush=True)
    return counts


def main():
    """Runs it; the exit code."""
    asked = arguments()
    # An empty value would be taken for an address.
    if not os.environ.get("AWS_ENDPOINT_URL"):
        os.environ.pop("AWS_ENDPOINT_URL", None)
    try:
        counts = restore(boto3.client("dynamodb", config=Config(retries={"mode": "adaptive"})), asked)
    except (BotoCoreError, ClientError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
