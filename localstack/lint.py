#!/usr/bin/env python3
"""Checks template.yaml: cfn-lint on the template as written and on what the SAM transform makes of it, then our own
rules on the latter. The raw template hides mistakes, because cfn-lint knows little of SAM's own resource types.

Prints every finding; exit code 1 when there is one.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The translator asks for a region when it is loaded and calls nobody.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402

import yaml  # noqa: E402
from deploy import TemplateLoader  # noqa: E402

TEMPLATE = Path("template.yaml")
DOCUMENT = Path("docs/openapi.json")
CODE_URI = re.compile(r"^( *CodeUri: ).*$", re.MULTILINE)
# W2001: a parameter is unused after the transform has put its value in place.
# W1028: the transform wraps the paths of a function with a condition twice in that condition.
# W3002: a local CodeUri is what `sam deploy` and localstack/deploy.py replace.
LEFT_OUT = {"raw": ["W3002"], "translated": ["W2001", "W1028"]}
SIX = 6


def translated(text, parameters):
    """The template that CloudFormation sees, as a dictionary."""
    template = yaml.load(CODE_URI.sub(r"\g<1>s3://bucket/key.zip", text), Loader=TemplateLoader)
    return Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, parameters)


def cfn_lint(path, left_out):
    """cfn-lint's findings, as text."""
    program = str(Path(sys.executable).with_name("cfn-lint"))
    command = [sys.executable, program, "--regions", "us-east-1", "--format", "parseable", "-t", str(path)]
    for rule in left_out:
        command += ["--ignore-checks", rule]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = (done.stdout + done.stderr).strip()
    if done.returncode != 0 and not text:
        text = f"cfn-lint ended with exit code {done.returncode}"
    return text.splitlines()


def for_checkov(template, exceptions):
    """Writes what `cargo xtask lint` has checkov read next: the translated template, and which rules it leaves."""
    folder = Path(".filas") / "checkov"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.json").write_text(json.dumps(template, indent=1), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump({"skip-check": sorted(exceptions)}), encoding="utf-8")


class Rules:
    """Our own rules, on the translated template with its parameters' defaults."""

    def __init__(self, template, parameters):
        self.resources = template["Resources"]
        self.parameters = parameters
        self.findings = []

    def run(self):
        """All rules; the findings."""
        mappings = self.of_type("AWS::Lambda::EventSourceMapping")
        self.expect(len(mappings) >= 4, "Resources", "fewer event source mappings than queues")
        for name, mapping in mappings.items():
            self.mapping(name, mapping)
        for name, queue in self.of_type("AWS::SQS::Queue").items():
            self.queue(name, queue)
        for name, role in self.of_type("AWS::IAM::Role").items():
            self.role(name, role)
        for name, function in self.of_type("AWS::Lambda::Function").items():
            self.function(name, function)
        for name, group in self.of_type("AWS::Logs::LogGroup").items():
            self.expect("RetentionInDays" in group, name, "logs are kept for ever")
        for name, alarm in self.of_type("AWS::CloudWatch::Alarm").items():
            self.expect(alarm.get("AlarmActions") == [{"Ref": "AlarmTopic"}], name, "tells nobody: set AlarmActions")
        self.buckets()
        self.literal_caps()
        for api in self.of_type("AWS::ApiGateway::RestApi").values():
            self.routes(api["Body"]["paths"])
        return self.findings

    def expect(self, held, name, otherwise):
        """Notes a finding unless `held`."""
        if not held:
            self.findings.append(f"{TEMPLATE}: {name}: {otherwise}")

    def of_type(self, kind):
        """Properties of the resources of a type, by name."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def value(self, value):
        """A value with references to parameters replaced by their defaults."""
        if isinstance(value, dict) and set(value) == {"Ref"}:
            return self.parameters.get(value["Ref"], value["Ref"])
        return value

    def mapping(self, name, mapping):
        """Partial failures, a cap, and six times the timeout."""
        self.expect(
            mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"],
            name,
            "one bad message would fail its whole batch: set FunctionResponseTypes",
        )
        function = self.resources[mapping["FunctionName"]["Ref"]]["Properties"]
        queue_name = mapping["EventSourceArn"]["Fn::GetAtt"][0]
        if self.resources[queue_name]["Type"] == "AWS::DynamoDB::Table":
            # A stream has no visibility timeout; its position stays where it is until the function has succeeded.
            return
        queue = self.resources[queue_name]["Properties"]
        visibility = int(self.value(queue.get("VisibilityTimeout", 30)))
        timeout = int(self.value(function.get("Timeout", 3)))
        self.expect(
            visibility >= SIX * timeout,
            queue_name,
            f"visibility timeout {visibility} s is less than {SIX} times the {timeout} s of its function",
        )

    def queue(self, name, queue):
        """A dead-letter queue with enough deliveries before it; encryption."""
        self.expect(queue.get("SqsManagedSseEnabled") is True, name, "is not encrypted")
        if name.endswith("DeadLetterQueue"):
            fortnight = 14 * 24 * 3600
            self.expect(queue.get("MessageRetentionPeriod") == fortnight, name, "does not keep messages for 14 days")
            return
        policy = queue.get("RedrivePolicy")
        self.expect(policy is not None, name, "has no dead-letter queue")
        if policy:
            received = int(self.value(policy["maxReceiveCount"]))
            self.expect(received >= 5, name, f"gives up after {received} deliveries by default; at least 5")

    def role(self, name, role):
        """No wildcard actions, no wildcard resources, no managed policies."""
        self.expect(not role.get("ManagedPolicyArns"), name, "takes a managed policy, which opens more than it needs")
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                wide = [action for action in actions if "*" in action]
                self.expect(not wide, name, f"statement {statement.get('Sid')} allows {', '.join(wide)}")
                self.expect(statement["Resource"] != "*", name, f"statement {statement.get('Sid')} is for every resource")

    def function(self, name, function):
        """A log group of its own, so that retention holds; a role of its own."""
        group = function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref")
        self.expect(group in self.resources, name, "writes to a log group that the template does not keep in bounds")
        role = function["Role"]
        own = {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        self.expect(role == own, name, f"has the role {json.dumps(role)} instead of its own")

    def buckets(self):
        """Encrypted, private, by TLS only."""
        policies = json.dumps(list(self.of_type("AWS::S3::BucketPolicy").values()))
        for name, bucket in self.of_type("AWS::S3::Bucket").items():
            block = bucket.get("PublicAccessBlockConfiguration", {})
            self.expect(len(block) == 4 and all(block.values()), name, "may become public")
            self.expect("BucketEncryption" in bucket, name, "is not encrypted")
            rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
            prefixes = {rule.get("Prefix") for rule in rules if "ExpirationInDays" in rule}
            self.expect({"uploads/", "rows/", "results/"} <= prefixes, name, "keeps some files for ever")
            self.expect("aws:SecureTransport" in policies, name, "answers without TLS")

    def routes(self, paths):
        """Every call that is routed is in the OpenAPI document, and the other way round; each path has a preflight."""
        # A function with a condition has its paths in that condition.
        paths = {path: methods.get("Fn::If", [None, methods])[1] for path, methods in paths.items()}
        routed = {(path, method) for path, methods in paths.items() for method in methods}
        document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
        described = {(path, method) for path, methods in document["paths"].items() for method in methods}
        for path, method in sorted(described - routed):
            # A fixed name in the place of a parameter goes the parameter's way.
            ways = [re.sub(r"\{[^/]*\}", "[^/{]+", way) for way, verb in routed if verb == method]
            leads = any(re.fullmatch(way, path) for way in ways)
            self.expect(leads, "Api", f"{method} {path} is in {DOCUMENT} and leads nowhere")
        # The files of the dashboard are no calls of the API; a browser asks for them without a preflight.
        routed = {(path, method) for path, method in routed if not path.startswith("/app")}
        for path, method in sorted(routed - described):
            self.expect(method == "options", "Api", f"{method} {path} is not in {DOCUMENT}")
        for path in sorted({path for path, _ in routed}):
            self.expect((path, "options") in routed, "Api", f"{path} has no preflight: route options")

    def literal_caps(self):
        """MiniStack stops a mapping whose cap is not a number in the text itself."""
        for name, mapping in self.of_type("AWS::Lambda::EventSourceMapping").items():
            if mapping["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn":
                # One call for each shard at a time.
                continue
            cap = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            self.expect(isinstance(cap, int), name, f"its MaximumConcurrency is {json.dumps(cap)} and not a number")


def main():
    """Exit code 0 when there is nothing to say."""
    # The translator warns of a feature list that only AWS has.
    logging.disable(logging.WARNING)
    text = TEMPLATE.read_text(encoding="utf-8")
    declared = yaml.load(text, Loader=TemplateLoader)["Parameters"]
    parameters = {name: str(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
    findings = cfn_lint(TEMPLATE, LEFT_OUT["raw"])
    undescribed = [name for name, parameter in declared.items() if not parameter.get("Description")]
    findings += [f"{TEMPLATE}: parameter {name} has no Description" for name in undescribed]
    template = translated(text, parameters)
    for_checkov(template, yaml.load(text, Loader=TemplateLoader)["Metadata"]["Filas::Exceptions"])
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(template, file, indent=1)
        file.flush()
        findings += cfn_lint(file.name, LEFT_OUT["translated"])
    findings += Rules(template, parameters).run()
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
