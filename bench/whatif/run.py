#!/usr/bin/env python3
"""From json.gz to the impact of a service control policy: Palisade beside npkt and sibyl-aws, in one run on the same files.

    python3 -m venv peers && peers/bin/pip install npkt==1.0.1 sibyl-aws==0.3.3
    python3 bench/whatif/run.py --palisade target/release/palisade --peers peers --work /tmp/bench-whatif [--events 100000]

Makes a sample organization of that size in the work folder if it is not there, and prints a table."""

import argparse
import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from measuring import Failed, Series, load, run_once  # noqa: E402

# With the organization's own id most calls go on as before, as a policy should; with another's nearly every call is denied.
ORGANIZATIONS = {"most calls go on": "o-palisade01", "nearly every call is denied": "o-example12345"}
POLICY = """{
  "Version": "2012-10-17",
  "Statement": [{
    "Sid": "ResourcePerimeter", "Effect": "Deny", "Action": ["s3:*", "sqs:*", "kms:*", "secretsmanager:*", "sts:AssumeRole"],
    "Resource": "*",
    "Condition": {
      "StringNotEqualsIfExists": {"aws:ResourceOrgID": "ORGANIZATION", "aws:PrincipalTag/exempt": "true"},
      "BoolIfExists": {"aws:ViaAWSService": "false"}
    }
  }]
}
"""


def holds_records(path):
    try:
        with gzip.open(path) as file:
            return isinstance(json.load(file).get("Records"), list)
    except (OSError, ValueError, AttributeError, EOFError):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--palisade", required=True)
    parser.add_argument("--peers", required=True, help="virtual environment of the peers")
    parser.add_argument("--work", required=True)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    own = parser.parse_args()
    work = Path(own.work)
    sample = work / f"sample-{own.events}"
    if not sample.exists():
        run_once([own.palisade, "-q", "sample", "generate", "--output", str(sample), "--events", str(own.events)])
    bin_folder = Path(own.peers).resolve() / "bin"
    flat = work / f"flat-{own.events}"
    if not flat.exists():
        # npkt reads one folder, not the tree of a trail, and ends at a file that holds no records, such as a digest.
        flat.mkdir()
        for path in (sample / "trail").rglob("*.json.gz"):
            if holds_records(path):
                (flat / path.name).symlink_to(path.resolve())
    output = str(work / "whatif")
    store = str(work / f"store-{own.events}")
    try:
        run_once([own.palisade, "-qq", "collect", "--events", str(sample / "trail"), "--output", store])
    except Failed as failed:
        print(f"collect: {failed}")
    for title, organization in ORGANIZATIONS.items():
        policy = work / "policy.json"
        policy.write_text(POLICY.replace("ORGANIZATION", organization))
        whatif = [own.palisade, "-qq", "whatif", "--policy", str(policy), "--attach", "root", "--inventory",
                  str(sample / "inventory"), "--format", "json", "--output", output]
        commands = {
            "palisade whatif, from json.gz": whatif + ["--events", str(sample / "trail")],
            "palisade whatif, from a collected store": whatif + ["--events", store],
            # Its exit code tells the share of denied calls: up to 2.
            "npkt simulate": ["sh", "-c", '"$@"; [ $? -le 2 ]', "sh", str(bin_folder / "npkt"), "simulate", str(policy), "--logs", str(flat), "--no-details", "--days", "9000"],
            "sibyl-aws, its engine": [str(bin_folder / "python"), str(Path(__file__).parent / "sibyl_offline.py"), str(policy),
                                      str(sample / "trail")],
        }
        print(f"\n{own.events:,} events, {title}; {own.rounds} rounds, median; load average {load():.2f}\n\n"
              "| | seconds | events a second | memory MiB | times Palisade |\n|---|---:|---:|---:|---:|")
        first = None
        for name, command in commands.items():
            series = Series(name, command)
            for _ in range(own.rounds):
                try:
                    series.runs.append(run_once(command))
                except Failed as failed:
                    series.error = str(failed)
                    break
            if series.runs:
                first = first or series.median
                rate = own.events / series.median
                print(f"| {name} | {series.median:.2f} | {rate:,.0f} | {series.memory / 2**20:,.0f} | {series.median / first:.1f} |", flush=True)
            else:
                print(f"| {name} | failed: {series.error} | | | |", flush=True)


if __name__ == "__main__":
    main()
