"""sibyl-aws over exported CloudTrail: its own policy loader, aggregation and engine, fed from json.gz files instead of LookupEvents.

`python sibyl_offline.py POLICY FOLDER` with sibyl-aws 0.3.3 installed. Prints how many calls it takes for blocked."""

import gzip
import json
import sys
from pathlib import Path

from sibyl.discovery.cloudtrail import _events_to_discovered_actions
from sibyl.policy_loader import load_policy
from sibyl.simulator.engine import simulate_policy


def lookup_events(folder):
    for path in sorted(Path(folder).rglob("*.json.gz")):
        try:
            with gzip.open(path) as file:
                records = json.load(file).get("Records", [])
        except (OSError, ValueError, EOFError):
            continue
        for record in records:
            identity = record.get("userIdentity") or {}
            yield {
                "EventSource": record.get("eventSource", ""),
                "EventName": record.get("eventName", ""),
                "_principalArn": identity.get("arn", ""),
                "_principalType": identity.get("type", ""),
                "_region": record.get("awsRegion", ""),
                "Resources": [{"ResourceName": r.get("ARN", "")} for r in record.get("resources") or []],
            }


actions = _events_to_discovered_actions(lookup_events(sys.argv[2]), "111111111111")
blocked = simulate_policy(load_policy(sys.argv[1]), actions)
print(sum(block.event_count for block in blocked))
