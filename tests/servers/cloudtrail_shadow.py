"""What Athena's CloudTrail input format does, done beforehand.

Athena reads `{"Records": [...]}` files as one row per record; Trino's Hive connector reads one JSON object per line. For a table
with the CloudTrail input format, the objects below its location are written again as lines, folder by folder, into local files
under the same paths; the Trino table reads those. This is the one place where what Trino reads differs from what Athena reads.
"""

import gzip
import hashlib
import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlparse

import hive_ddl


class BadData(Exception):
    """What Athena calls HIVE_CURSOR_ERROR or HIVE_BAD_DATA."""


class TypeTree:
    """A Hive type taken apart once, to be applied to every record."""

    def __init__(self, hive: str):
        reader = hive_ddl.Reader(hive)
        self.kind, self.parts = self.read(reader)

    @classmethod
    def read(cls, reader):
        _, name = reader.next()
        name = name.lower()
        parts = []
        if name in ("array", "map", "struct"):
            reader.expect("<")
            while True:
                member = None
                if name == "struct":
                    member = reader.identifier()
                    reader.expect(":")
                inner = cls.__new__(cls)
                inner.kind, inner.parts = cls.read(reader)
                parts.append((member, inner))
                if not reader.mark(","):
                    break
            reader.expect(">")
        elif reader.mark("("):
            while not reader.mark(")"):
                reader.next()
        return name, parts

    def convert(self, value):
        """The value as the SerDe reads it: text columns take any JSON as its text, structs take members whatever their case."""
        if value is None:
            return None
        if self.kind in ("string", "varchar", "char"):
            return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if self.kind == "struct":
            if not isinstance(value, dict):
                return None
            lower = {key.lower(): member for key, member in value.items()}
            return {name: inner.convert(lower.get(name)) for name, inner in self.parts}
        if self.kind == "array":
            return [self.parts[0][1].convert(item) for item in value] if isinstance(value, list) else None
        if self.kind == "map":
            return {str(key): self.parts[1][1].convert(item) for key, item in value.items()} if isinstance(value, dict) else None
        return value


class Shadow:
    """The lines of one table, kept equal to the objects in S3."""

    def __init__(self, s3, folder: str, database: str, table: hive_ddl.Table):
        self.s3, self.database, self.table = s3, database, table
        # Values of injected keys that Trino knows.
        self.presented: dict | None = None
        self.types = [(name, TypeTree(kind)) for name, kind in table.columns]
        template = table.properties.get("storage.location.template", table.location)
        # Tables with different columns have different lines.
        shape = hashlib.sha256(repr(table.columns).encode()).hexdigest()[:12]
        self.base = os.path.join(folder, shape)
        self.location, self.template = self.local(table.location), self.local(template)
        fixed = urlparse(template.split("${")[0])
        self.bucket, self.prefix = fixed.netloc, fixed.path.lstrip("/")
        self.written: dict[str, frozenset] = {}
        self.bytes: dict[str, int] = {}
        self.lock = threading.Lock()
        os.makedirs(self.path(table.location), exist_ok=True)

    def path(self, uri: str) -> str:
        parsed = urlparse(uri)
        return os.path.join(self.base, parsed.netloc, parsed.path.strip("/"))

    def local(self, uri: str) -> str:
        return "local://" + self.base + "/" + uri.split("://", 1)[1].rstrip("/")

    def refresh(self) -> None:
        with self.lock:
            folders: dict[str, dict] = {}
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            for page in pages:
                for item in page.get("Contents", []):
                    folder, _, name = item["Key"].rpartition("/")
                    if name and not name.startswith(("_", ".")):
                        folders.setdefault(folder, {})[item["Key"]] = (item["ETag"], item["Size"])
            for gone in set(self.written) - set(folders):
                self.write(gone, {})
            changed = [
                (folder, items) for folder, items in folders.items() if self.written.get(folder) != frozenset(items.items())
            ]
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda pair: self.write(*pair), changed))

    def write(self, folder: str, items: dict) -> None:
        target = os.path.join(self.base, self.bucket, folder)
        os.makedirs(target, exist_ok=True)
        file = os.path.join(target, "records.json.gz")
        if not items:
            if os.path.exists(file):
                os.remove(file)
            self.written.pop(folder, None)
            self.bytes.pop(folder, None)
            return
        lines = []
        for key in sorted(items):
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            lines.extend(self.lines(key, body))
        partial = os.path.join(target, ".partial")
        with gzip.open(partial, "wt", compresslevel=1, encoding="utf-8") as output:
            output.writelines(lines)
        os.replace(partial, file)
        self.bytes[folder] = sum(size for _, size in items.values())
        self.written[folder] = frozenset(items.items())

    def lines(self, key: str, body: bytes):
        try:
            text = gzip.decompress(body) if key.endswith(".gz") else body
            records = json.loads(text)["Records"]
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise BadData(f"HIVE_CURSOR_ERROR: Failed to read file at s3://{self.bucket}/{key}: {error}") from error
        for record in records:
            lower = {name.lower(): value for name, value in record.items()}
            row = {name: kind.convert(lower.get(name)) for name, kind in self.types}
            yield json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False) + "\n"

    def values(self, name: str) -> list[str]:
        """The values of a partition key that folders have."""
        pattern = re.escape(self.template.removeprefix("local://" + self.base + "/" + self.bucket).strip("/"))
        for key, _ in self.table.partition_keys:
            pattern = pattern.replace(re.escape("${" + key + "}"), f"(?P<{key}>.+)" if "date" in key or key == "timestamp" else f"(?P<{key}>[^/]+)", 1)
        found = (re.match(pattern, folder) for folder in self.bytes)
        return sorted({match.group(name) for match in found if match})

    def size(self, partition: dict[str, str]) -> int:
        """Bytes of the source objects of one partition."""
        location = self.template
        for name, value in partition.items():
            location = location.replace("${" + name + "}", value)
        folder = location.removeprefix("local://" + self.base + "/" + self.bucket).strip("/")
        return sum(size for known, size in self.bytes.items() if known == folder or known.startswith(folder + "/"))
