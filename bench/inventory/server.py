"""AWS on loopback for the benchmark of `palisade inventory export`: an organization with many roles and buckets.

Serves AWS Organizations, AWS Config aggregator queries and account regions in the shapes of their API references, from rows that
are made before the clock starts. Prints the port.

    python3 bench/inventory/server.py --roles 100000 --buckets 50000 --accounts 500 [--throttle 20]

`--throttle N` refuses every request beyond N that are under way at the same time, as AWS does.
"""

import argparse
import collections
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REGIONS = ["eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
ORGANIZATION, MANAGEMENT = "o-exampleorgid", "100000000000"


def account(number):
    return str(100_000_000_000 + number)


def role(number, accounts):
    owner = account(number % accounts)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account((number + 1) % accounts)}:role/deploy"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}},
            },
        ],
    }
    name = f"service-{number:06}"
    tags = [{"key": key, "value": f"{key}-{number % 97}", "tag": f"{key}={key}-{number % 97}"} for key in ("owner", "stage", "cost")]
    return owner, "global", {
        "accountId": owner,
        "awsRegion": "global",
        "resourceType": "AWS::IAM::Role",
        "resourceId": f"AROA{number:017}",
        "resourceName": name,
        "arn": f"arn:aws:iam::{owner}:role/application/{name}",
        "configurationItemCaptureTime": "2026-11-02T00:00:00.000Z",
        "configuration": {"roleId": f"AROA{number:017}", "assumeRolePolicyDocument": json.dumps(trust), "tags": []},
        "tags": tags,
    }


def bucket(number, accounts):
    owner, region, name = account(number * 7 % accounts), REGIONS[number % len(REGIONS)], f"data-{number:06}-example"
    return owner, region, {
        "accountId": owner,
        "awsRegion": region,
        "resourceType": "AWS::S3::Bucket",
        "resourceId": name,
        "resourceName": name,
        "arn": f"arn:aws:s3:::{name}",
        "configurationItemCaptureTime": "2026-11-02T00:00:00.000Z",
        "tags": [{"key": "owner", "value": f"team-{number % 97}", "tag": f"owner=team-{number % 97}"}],
    }


class World:
    """Rows as JSON text by type, account and region."""

    def __init__(self, arguments):
        self.accounts = arguments.accounts
        self.rows = collections.defaultdict(list)
        for number in range(arguments.roles):
            self.add("AWS::IAM::Role", *role(number, arguments.accounts))
        for number in range(arguments.buckets):
            self.add("AWS::S3::Bucket", *bucket(number, arguments.accounts))
        self.lists, self.lock = {}, threading.Lock()

    def add(self, kind, owner, region, row):
        self.rows[kind, owner, region].append(json.dumps(json.dumps(row)))

    def select(self, expression):
        with self.lock:
            if expression not in self.lists:
                kind = re.search(r"resourceType = '([^']+)'", expression)[1]
                owners = set(re.findall(r"'(\d{12})'", expression))
                region = re.search(r"awsRegion = '([^']+)'", expression)
                self.lists[expression] = [
                    row
                    for (of_kind, owner, of_region), rows in sorted(self.rows.items())
                    if of_kind == kind and (not owners or owner in owners) and (not region or of_region == region[1])
                    for row in rows
                ]
            return self.lists[expression]

    def counts(self, filters, by_region):
        counts = collections.Counter()
        for (kind, owner, region), rows in self.rows.items():
            if filters.get("ResourceType", kind) == kind and filters.get("AccountId", owner) == owner:
                counts[region if by_region else owner] += len(rows)
        return counts


def page(rows, token, size):
    start = int(token or 0)
    return rows[start : start + size], str(start + size) if start + size < len(rows) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        operation = self.headers.get("x-amz-target", self.path.strip("/")).rsplit(".")[-1]
        server = self.server
        with server.lock:
            server.running += 1
            refuse = server.throttle and server.running > server.throttle
            server.asked[operation, "refused" if refuse else "answered"] += 1
        try:
            status, answer = (400, '{"__type": "ThrottlingException", "message": "Rate exceeded"}') if refuse else (200, self.answer(operation, body))
            answer = answer.encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()
        finally:
            with server.lock:
                server.running -= 1

    def answer(self, operation, body):
        world, token = self.server.world, body.get("NextToken")
        if operation == "SelectAggregateResourceConfig":
            rows, following = page(world.select(body["Expression"]), token, 100)
            tail = f', "NextToken": "{following}"' if following else ""
            return f'{{"Results": [{",".join(rows)}]{tail}}}'
        return json.dumps(getattr(self, operation, lambda *_: {})(world, body, token))

    def ListAccounts(self, world, _, token):
        rows, following = page(range(world.accounts), token, 20)
        accounts = [
            {
                "Id": account(number),
                "Arn": f"arn:aws:organizations::{MANAGEMENT}:account/{ORGANIZATION}/{account(number)}",
                "Name": f"account-{number}",
                "State": "ACTIVE",
                "Paths": [f"{ORGANIZATION}/r-ab12/{account(number)}/"],
            }
            for number in rows
        ]
        return {"Accounts": accounts, "NextToken": following}

    def DescribeOrganization(self, *_):
        return {"Organization": {"Id": ORGANIZATION, "MasterAccountId": MANAGEMENT}}

    def ListRoots(self, *_):
        return {"Roots": [{"Id": "r-ab12", "Name": "Root"}]}

    def listRegions(self, *_):
        return {"Regions": [{"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for name in REGIONS]}

    def DescribeConfigurationAggregators(self, *_):
        source = {"RoleArn": "arn:aws:iam::100000000000:role/aggregate", "AllAwsRegions": True}
        return {"ConfigurationAggregators": [{"ConfigurationAggregatorName": "organization", "OrganizationAggregationSource": source}]}

    def GetAggregateDiscoveredResourceCounts(self, world, body, token):
        counts = world.counts(body.get("Filters", {}), body.get("GroupByKey") == "AWS_REGION")
        rows, following = page(sorted(counts.items()), token, 100)
        groups = [{"GroupName": name, "ResourceCount": count} for name, count in rows]
        return {"TotalDiscoveredResources": sum(counts.values()), "GroupedResourceCounts": groups, "NextToken": following}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roles", type=int, default=100_000)
    parser.add_argument("--buckets", type=int, default=50_000)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--throttle", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    server.world, server.lock, server.running = World(arguments), threading.Lock(), 0
    server.throttle, server.asked = arguments.throttle, collections.Counter()
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        for (operation, fate), count in sorted(server.asked.items()):
            print(f"{operation} {fate}: {count}", flush=True)


if __name__ == "__main__":
    main()
