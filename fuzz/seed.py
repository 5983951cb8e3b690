#!/usr/bin/env python3
"""Writes the inputs that fuzzing starts from, `corpus/TARGET/`, from the corpora of the tests and the sample organization."""

import gzip
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def seed(target, text):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def documents():
    """Every JSON document of the corpora and the sample policies."""
    for folder in ["tests/corpus", "samples/policies"]:
        for path in sorted((ROOT / folder).rglob("*.json")):
            yield path, json.loads(path.read_text())


def inside(value):
    """The value and everything in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from inside(inner)


def texts(value):
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def records_of_the_sample():
    """One record of each operation, kind of caller and outcome."""
    seen = set()
    for path in sorted((ROOT / "samples/trail").rglob("*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes())).get("Records", []):
            identity = record.get("userIdentity") or {}
            kind = record.get("eventSource"), record.get("eventName"), identity.get("type"), record.get("errorCode"), "vpcEndpointId" in record
            if kind not in seen:
                seen.add(kind)
                yield record


for path, document in documents():
    for value in inside(document):
        if isinstance(value, dict) and "Statement" in value:
            seed("policy", json.dumps(value, indent=1))
        if isinstance(value, dict) and "eventSource" in value and "eventName" in value:
            seed("record", compact(value))
        if isinstance(value, dict) and ("Action" in value or "Resource" in value):
            for pattern in texts(value.get("Action")) + texts(value.get("Resource")):
                seed("pattern", f"{pattern}\n{pattern.replace('*', 'x')}")
        if isinstance(value, dict) and "Condition" in value:
            seed("condition", compact(value["Condition"]))
        if isinstance(value, list) and value and all(isinstance(item, dict) and "eventSource" in item for item in value):
            # The calls of one story: sessions and who issued them.
            seed("record", "\n".join(compact(item) for item in value[:6]))
        if isinstance(value, dict) and "action" in value and "principal" in value:
            seed("case", compact(value))
    if path.stat().st_size < 20_000:
        seed("case", path.read_text())
for record in records_of_the_sample():
    seed("record", compact(record))
for folder in sorted((HERE / "corpus").iterdir()):
    print(f"{folder.name}: {len(list(folder.iterdir()))} inputs")
