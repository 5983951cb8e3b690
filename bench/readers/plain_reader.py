"""The question, answered with Python's standard library by two processes.

plain_reader.py FOLDER THREADS
"""

import csv
import gzip
import json
import multiprocessing
import sys
from collections import Counter
from pathlib import Path


def count(path):
    with gzip.open(path, "rb") as file:
        log = json.load(file)
    calls = Counter()
    for record in log.get("Records", ()):
        if record.get("eventSource") != "s3.amazonaws.com" or record.get("errorCode") is not None:
            continue
        identity = record.get("userIdentity") or {}
        if identity.get("type") == "AssumedRole":
            role = ((identity.get("sessionContext") or {}).get("sessionIssuer") or {}).get("arn")
        else:
            role = identity.get("arn")
        calls[role, record.get("eventName"), (record.get("requestParameters") or {}).get("bucketName")] += 1
    return calls


def main():
    folder, processes = Path(sys.argv[1]), int(sys.argv[2])
    files = [str(path) for path in folder.rglob("*.json.gz")]
    calls = Counter()
    with multiprocessing.Pool(processes) as pool:
        for some in pool.imap_unordered(count, files, chunksize=max(1, len(files) // (processes * 32))):
            calls.update(some)
    writer = csv.writer(sys.stdout)
    writer.writerow(["role", "event_name", "bucket", "calls"])
    writer.writerows((*key, number) for key, number in calls.items())


if __name__ == "__main__":
    main()
