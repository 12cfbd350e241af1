#!/usr/bin/env python3
"""Deploys template.yaml by CloudFormation calls, to whatever AWS_ENDPOINT_URL names, or to AWS when it is not set.

The built functions (`--functions`, one folder with a `bootstrap` each) are zipped and put into a code bucket under the
hash of their bytes, so only what changed is sent. The stack is then created or updated by a change set. The last line
on standard output is one JSON object: {"stack", "changed", "api_url", "outputs"}. With `--delete` the stack is deleted
instead, with the files in its bucket: {"stack", "deleted"}. What is being done goes to standard error. Exit code 1 and a
sentence on standard error say why it did not work.
"""

import argparse
import hashlib
import io
import json
import os
import re
import sys
import time
import zipfile
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CODE_URI = re.compile(r"^(?P<indent> *CodeUri: )\.filas/functions/(?P<name>[a-z-]+)/?\s*$", re.MULTILINE)
# MiniStack asks for a permission of the batch call's own name. On AWS there is none: the single call's covers both (Amazon
# SQS and SNS API references, SendMessageBatch and PublishBatch).
SINGLE_CALL = r"(?P<call>sqs:SendMessage|sns:Publish)"
IN_A_LINE = re.compile(rf"(?<=\[){SINGLE_CALL}(?=[,\]])")
OF_ITS_OWN = re.compile(rf"^(?P<indent> *- ){SINGLE_CALL}$", re.MULTILINE)
LOCAL_PATH = "{endpoint}/restapis/{api}/{stage}/_user_request_"
POLL_SECONDS = 0.2


class DeployError(Exception):
    """A sentence for the person who deploys."""


def say(text):
    """Tells what is being done."""
    print(f"deploy: {text}", file=sys.stderr, flush=True)


class Cloud:
    """The clients, made once, with the endpoint that the environment names."""

    def __init__(self):
        self.endpoint = (os.environ.get("AWS_ENDPOINT_URL") or "").rstrip("/") or None
        # An empty value would be taken for an address.
        if not self.endpoint:
            os.environ.pop("AWS_ENDPOINT_URL", None)
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if self.endpoint:
            region = region or "us-east-1"
            os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
            os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
        if not region:
            raise DeployError("set AWS_REGION to the region to deploy to")
        self.region = region
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"max_attempts": 4, "mode": "standard"},
            s3={"addressing_style": "path"} if self.endpoint else {},
        )
        session = boto3.Session(region_name=region)

        def client(service):
            return session.client(service, config=config, endpoint_url=self.endpoint)

        self.s3, self.cloudformation, self.dynamodb = client("s3"), client("cloudformation"), client("dynamodb")
        self.account = client("sts").get_caller_identity()["Account"]


# ── Code ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def code_bucket(cloud):
    """The bucket for zips, one per account and region, made when it is not there."""
    name = f"filas-code-{cloud.account}-{cloud.region}"
    try:
        cloud.s3.head_bucket(Bucket=name)
        return name
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    place = {} if cloud.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    cloud.s3.create_bucket(Bucket=name, **place)
    cloud.s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )
    return name


def zipped(bootstrap, compression):
    """The bytes of a zip that holds the bootstrap alone; the same bootstrap always gives the same zip."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo("bootstrap", date_time=(2020, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.compress_type = compression
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, bootstrap)
    return buffer.getvalue()


def put_code(cloud, bucket, bootstrap_path):
    """Puts one function's zip unless it is there already; gives its address and whether it was sent."""
    name = bootstrap_path.parent.name
    try:
        bootstrap = bootstrap_path.read_bytes()
    except FileNotFoundError:
        raise DeployError(f"{bootstrap_path} is not there: run `cargo xtask build` first") from None
    key = f"functions/{name}/{hashlib.sha256(bootstrap).hexdigest()}.zip"
    uri = f"s3://{bucket}/{key}"
    try:
        cloud.s3.head_object(Bucket=bucket, Key=key)
        return uri, False
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    # A local cloud unpacks the zip on the same machine: compressing it would be time for nothing.
    compression = zipfile.ZIP_STORED if cloud.endpoint else zipfile.ZIP_DEFLATED
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=zipped(bootstrap, compression))
    return uri, True


def put_template(cloud, text):
    """Puts the template beside the code and gives its address: a call takes one of 50 KB in itself, and 1 MB by address."""
    bucket = code_bucket(cloud)
    body = text.encode("utf-8")
    key = f"templates/{hashlib.sha256(body).hexdigest()}.yaml"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=body)
    suffix = "amazonaws.com.cn" if cloud.region.startswith("cn-") else "amazonaws.com"
    root = f"{cloud.endpoint}/{bucket}" if cloud.endpoint else f"https://{bucket}.s3.{cloud.region}.{suffix}"
    return f"{root}/{key}"


def with_code(cloud, template, functions):
    """The template's text with every CodeUri pointing into the code bucket."""
    bucket = code_bucket(cloud)
    sent = []

    def replace(match):
        uri, new = put_code(cloud, bucket, functions / match["name"] / "bootstrap")
        if new:
            sent.append(match["name"])
        return match["indent"] + uri

    text, count = CODE_URI.subn(replace, template)
    if count == 0:
        raise DeployError("the template names no CodeUri under .filas/functions/")
    say(f"code: {count} functions, {', '.join(sent) + ' changed' if sent else 'none changed'}")
    return text


def with_batch_calls(template):
    """The template's text for an emulator that holds functions to their roles: who may send may send batches."""
    text = IN_A_LINE.sub(r"\g<call>, \g<call>Batch", template)
    return OF_ITS_OWN.sub(r"\g<indent>\g<call>\n\g<indent>\g<call>Batch", text)


# ── Stack ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def stack_of(cloud, name):
    """The stack's description, or None."""
    try:
        return cloud.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def change_set_type(stack, name):
    """CREATE or UPDATE; an error when the stack can take neither."""
    if stack is None or stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return "CREATE"
    status = stack["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        raise DeployError(f"stack {name} is {status}: another deployment is under way, try again when it is over")
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        raise DeployError(
            f"stack {name} is {status}, which nothing can update: delete the stack and deploy again"
            " (on the local cloud: `cargo xtask up --fresh`)"
        )
    return "UPDATE"


def parameter_list(template, given, stack, keep):
    """CloudFormation's list: what was given, and on `keep` what the stack has already for the rest."""
    declared = template.get("Parameters", {})
    for unknown in set(given) - set(declared):
        raise DeployError(f"the template has no parameter {unknown}; it has {', '.join(sorted(declared))}")
    present = {parameter["ParameterKey"] for parameter in (stack or {}).get("Parameters", [])}
    result = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    for key, description in declared.items():
        if key in given:
            continue
        if key in present and (keep or "Default" not in description):
            result.append({"ParameterKey": key, "UsePreviousValue": True})
        elif "Default" not in description:
            raise DeployError(f"parameter {key} has no default: give it with --parameter {key}=…")
    return result


def wait_for_change_set(cloud, name, change_set, deadline):
    """True when there is something to change."""
    while True:
        state = cloud.cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if state["Status"] == "CREATE_COMPLETE":
            return True
        if state["Status"] == "FAILED":
            reason = state.get("StatusReason", "no reason given")
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return False
            raise DeployError(f"the change set for stack {name} failed: {reason}")
        if time.monotonic() > deadline:
            raise DeployError(f"the change set for stack {name} is still {state['Status']} at the deadline")
        time.sleep(POLL_SECONDS)


def wait_for_stack(cloud, name, deadline):
    """The stack, once it is complete."""
    while True:
        stack = stack_of(cloud, name)
        status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return stack
        if not status.endswith("_IN_PROGRESS"):
            raise DeployError(f"stack {name} ended as {status}:\n{failures(cloud, name)}")
        if time.monotonic() > deadline:
            raise DeployError(f"stack {name} is still {status} at the deadline")
        time.sleep(POLL_SECONDS if cloud.endpoint else 5)


def failures(cloud, name):
    """What CloudFormation says about the resources that failed, oldest first."""
    events = cloud.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    lines = [
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return "\n".join(lines[-10:]) or "  no resource says why"


def deploy_stack(cloud, name, text, template, given, keep, deadline):
    """Creates or updates the stack; gives its description and whether anything changed."""
    stack = stack_of(cloud, name)
    kind = change_set_type(stack, name)
    change_set = f"filas-{time.time_ns()}"
    cloud.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=change_set,
        ChangeSetType=kind,
        TemplateURL=put_template(cloud, text),
        Parameters=parameter_list(template, given, stack, keep),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    if not wait_for_change_set(cloud, name, change_set, deadline):
        cloud.cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        return stack_of(cloud, name), False
    cloud.cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
    return wait_for_stack(cloud, name, deadline), True


def delete_stack(cloud, name, deadline):
    """Deletes the stack with the files in its bucket, which CloudFormation would refuse to."""
    stack = stack_of(cloud, name)
    if stack is None:
        return {"stack": name, "deleted": False}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if "BucketName" in outputs:
        empty_bucket(cloud, outputs["BucketName"])
    cloud.cloudformation.delete_stack(StackName=name)
    while (stack := stack_of(cloud, name)) and stack["StackStatus"] != "DELETE_COMPLETE":
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            raise DeployError(f"stack {name} ended as {stack['StackStatus']}:\n{failures(cloud, name)}")
        if time.monotonic() > deadline:
            raise DeployError(f"stack {name} is still {stack['StackStatus']} at the deadline")
        time.sleep(POLL_SECONDS if cloud.endpoint else 5)
    say(f"stack {name}: deleted")
    return {"stack": name, "deleted": True}


def empty_bucket(cloud, bucket):
    """Deletes every object."""
    for page in cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
        if keys:
            cloud.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


# ── What a local cloud leaves out ───────────────────────────────────────────────────────────────────────────────────


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref X` becomes {"Ref": "X"}."""


def _intrinsic(loader, suffix, node):
    kind = "Ref" if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {kind: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {kind: loader.construct_sequence(node, deep=True)}
    return {kind: loader.construct_mapping(node, deep=True)}


TemplateLoader.add_multi_constructor("!", _intrinsic)


def resolved(value, parameters):
    """A piece of the template with references to parameters replaced. Numbers come out as numbers."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            text = parameters[value["Ref"]]
            return int(text) if str(text).isdigit() else text
        return {key: resolved(item, parameters) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, parameters) for item in value]
    return value


def complete(cloud, template, stack, outputs):
    """Sets the table's TTL and the bucket's lifecycle rules where the template's own were passed over, and takes back the
    rule that the bucket is for TLS alone where there is no TLS.

    On AWS all are there already and nothing is called but the two questions.
    """
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}
    resources = template["Resources"]
    table = outputs["TableName"]
    ttl = cloud.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus", "DISABLED") == "DISABLED":
        wanted = resources["Table"]["Properties"]["TimeToLiveSpecification"]
        cloud.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)
        say("time to live: set by a call, the template's was passed over")

    bucket = outputs["BucketName"]
    if (cloud.endpoint or "").startswith("http://"):
        cloud.s3.delete_bucket_policy(Bucket=bucket)
    rules = lifecycle_rules(resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"], parameters)
    if not cloud.endpoint or lifecycle_days(current_rules(cloud, bucket)) == lifecycle_days(rules):
        return
    cloud.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    say("lifecycle: set by a call, the template's was passed over")


def lifecycle_rules(template_rules, parameters):
    """The template's rules in the words of the S3 API."""
    rules = []
    for rule in resolved(template_rules, parameters):
        api = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule["Prefix"]}}
        if "ExpirationInDays" in rule:
            api["Expiration"] = {"Days": rule["ExpirationInDays"]}
        if "AbortIncompleteMultipartUpload" in rule:
            api["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
        rules.append(api)
    return rules


def lifecycle_days(rules):
    """What is compared of two sets of rules."""
    return {rule.get("ID"): rule.get("Expiration", {}).get("Days") for rule in rules}


def current_rules(cloud, bucket):
    """The bucket's rules, none when it has no configuration."""
    try:
        return cloud.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise


# ── Command line ────────────────────────────────────────────────────────────────────────────────────────────────────


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, default=Path("template.yaml"))
    parser.add_argument("--functions", type=Path, default=Path(".filas/functions"))
    parser.add_argument("--stack", default="filas", help="name of the stack: lower case, at most 35 characters")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep-parameters", action="store_true", help="keep the stack's values of what is not given")
    parser.add_argument("--delete", action="store_true", help="delete the stack, and every file in its bucket")
    parser.add_argument("--deadline", type=float, default=900, help="seconds that the whole may take")
    return parser.parse_args()


def given_parameters(pairs):
    """NAME=VALUE pairs as a dictionary."""
    result = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise DeployError(f"--parameter {pair!r} is not NAME=VALUE")
        result[name] = value
    return result


def run(options):
    """Deploys and gives the line to print."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,34}", options.stack):
        raise DeployError(f"stack name {options.stack!r}: lower-case letters, digits and hyphens, at most 35, please")
    deadline = time.monotonic() + options.deadline
    if options.delete:
        return delete_stack(Cloud(), options.stack, deadline)
    source = options.template.read_text(encoding="utf-8")
    template = yaml.load(source, Loader=TemplateLoader)  # a SafeLoader: makes plain values only
    given = given_parameters(options.parameter)
    cloud = Cloud()
    text = with_code(cloud, with_batch_calls(source) if cloud.endpoint else source, options.functions)
    stack, changed = deploy_stack(cloud, options.stack, text, template, given, options.keep_parameters, deadline)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    complete(cloud, template, stack, outputs)
    api_url = outputs["ApiUrl"]
    if cloud.endpoint:
        api_url = LOCAL_PATH.format(endpoint=cloud.endpoint, api=outputs["ApiId"], stage=outputs["StageName"])
    say(f"stack {options.stack}: {stack['StackStatus'] if changed else 'no change'}")
    return {"stack": options.stack, "changed": changed, "api_url": api_url, "outputs": outputs}


def main():
    """Exit code 0, or 1 with the reason."""
    try:
        print(json.dumps(run(arguments())), flush=True)
    except DeployError as error:
        sys.exit(f"deploy: {error}")
    except (ClientError, BotoCoreError, OSError, yaml.YAMLError) as error:
        sys.exit(f"deploy: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
