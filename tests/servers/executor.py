"""Executes statements of the Athena front: data definition here and on Trino, everything else on Trino."""

import csv
import io
import os
import re
import shutil
import time
from dataclasses import replace
from urllib.parse import unquote, urlparse

import hive_ddl
import trino_client
from cloudtrail_shadow import BadData, Shadow

UNLOAD_SCHEMA = "front_unload"
LEADING = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


class Wrong(Exception):
    """The query fails with this message."""


def split_unload(text: str):
    """The query, the place and the properties of `UNLOAD (query) TO 'place' WITH (...)`."""
    depth, at, start = 0, text.index("("), text.index("(")
    quoted = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
    while at < len(text):
        skip = quoted.match(text, at)
        if skip:
            at = skip.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            break
        at += 1
    rest = re.fullmatch(r"\s*TO\s+'([^']+)'\s*(?:WITH\s*\((.*)\))?\s*;?\s*", text[at + 1 :], re.DOTALL | re.IGNORECASE)
    if rest is None:
        raise Wrong("line 1:1: mismatched input in UNLOAD, expecting TO 's3://...' WITH (format = ...)")
    properties: dict = {}
    for key, single, several in re.findall(r"(\w+)\s*=\s*(?:'([^']*)'|ARRAY\s*\[([^\]]*)\])", rest.group(2) or "", re.IGNORECASE):
        properties[key.lower()] = re.findall(r"'([^']*)'", several) if several else single
    return text[start + 1 : at], rest.group(1), properties


def shown(value) -> str | None:
    """A value as Athena writes it in results."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) or "null" for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={shown(item) or 'null'}" for key, item in value.items()) + "}"
    return str(value)


def column_info(column: dict) -> dict:
    text = column["type"]
    name = re.sub(r"\([^)]*\)", "", text).strip() if not text.startswith(("row", "array", "map")) else text.split("(")[0]
    precision = {"varchar": 2147483647, "bigint": 19, "integer": 10, "double": 17, "boolean": 0}.get(name, 0)
    return {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": column["name"], "Label": column["name"],
        "Type": name, "Precision": precision, "Scale": 0, "Nullable": "UNKNOWN", "CaseSensitive": name == "varchar",
    }  # fmt: skip


class Executor:
    def __init__(self, front, trino: str, catalog: str, shadow_folder: str):
        self.front, self.catalog, self.folder = front, catalog, shadow_folder
        self.trino = trino_client.Trino(trino, catalog) if trino else None

    def forget(self) -> None:
        self.shadows: dict[tuple[str, str], Shadow] = {}

    # One query, from QUEUED to its end

    def execute(self, execution) -> None:
        try:
            execution.state = "RUNNING"
            self.wait(execution)
            if fault := execution.fault("fail"):
                message = fault.get("message", "SYNTAX_ERROR: line 1:1: mismatched input in {query}")
                raise Wrong(message.replace("{query}", execution.query))
            if fault := execution.fault("cancel"):
                execution.reason = fault.get("message", "Query cancelled by the service")
                raise trino_client.Cancelled()
            self.perform(execution)
            self.spoil(execution)
            self.finish(execution, "SUCCEEDED")
        except trino_client.Cancelled:
            execution.reason = execution.reason or "Query cancelled by user"
            self.finish(execution, "CANCELLED")
        except (Wrong, BadData, hive_ddl.DdlError) as error:
            self.fail(execution, str(error), 2, 1006)
        except trino_client.TrinoFailure as error:
            user = error.kind == "USER_ERROR"
            self.fail(execution, f"{error.name}: {error}", 2 if user else 1, 1200 if user else 233)
        except Exception as error:
            self.fail(execution, f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}", 1, 233)

    def fail(self, execution, message: str, category: int, kind: int) -> None:
        fault = execution.fault("fail") or {}
        execution.reason = message
        retryable = bool(fault.get("retryable", False))
        execution.error = {"ErrorCategory": category, "ErrorType": kind, "Retryable": retryable, "ErrorMessage": message}
        self.finish(execution, "FAILED")

    @staticmethod
    def finish(execution, state: str) -> None:
        execution.completed = time.time()
        execution.state = state

    @staticmethod
    def wait(execution) -> None:
        seconds = 0.01
        if fault := execution.fault("slow"):
            seconds = float(fault.get("seconds", 2))
        if fault := execution.fault("hang"):
            seconds = 3600
            execution.scanned = int(fault.get("scanned", 0))
        if execution.stop.wait(seconds):
            raise trino_client.Cancelled()

    def perform(self, execution) -> None:
        text = execution.query[LEADING.match(execution.query).end() :]
        word = re.match(r"[A-Za-z]*", text).group().upper()
        if word in ("CREATE", "DROP", "ALTER", "SHOW", "DESCRIBE", "MSCK") and not re.match(r"CREATE\s+TABLE\s.*?\bAS\b", text, re.I | re.S):
            execution.kind = "DDL" if word in ("CREATE", "DROP", "ALTER", "MSCK") else "UTILITY"
            execution.subkind = "_".join(re.findall(r"\w+", re.sub(r"EXTERNAL\s+", "", text, flags=re.I))[:2]).upper()
            execution.started_on_engine = True
            self.define(execution, text)
            return self.put_result(execution, ".txt", "\n".join(row[0] for row in execution.rows))
        if word not in ("SELECT", "WITH", "UNLOAD", "VALUES", "EXPLAIN"):
            raise Wrong(f"FAILED: ParseException line 1:0 cannot recognize input near '{text[:20]}'")
        execution.subkind = "UNLOAD" if word == "UNLOAD" else "SELECT"
        reused = self.reusable(execution)
        if reused:
            execution.reused, execution.columns, execution.rows = True, reused.columns, reused.rows
            execution.output = reused.output
            return
        if self.trino is None:
            raise Wrong("GENERIC_INTERNAL_ERROR: the front was started without a Trino server")
        execution.started_on_engine = True
        for shadow in self.shadows_of(execution):
            self.present(shadow, execution.query)
        self.unload(execution, text) if word == "UNLOAD" else self.select(execution, text)
        cutoff = execution.workgroup["Configuration"].get("BytesScannedCutoffPerQuery")
        if cutoff and execution.scanned > cutoff:
            execution.reason = f"Bytes scanned limit was exceeded: {execution.scanned} bytes, limit {cutoff}"
            raise trino_client.Cancelled()

    def present(self, shadow: Shadow, query: str) -> None:
        """Brings the lines up to date. Trino takes one value for an injected key where Athena takes a list: the key is made an
        enumeration of what is there, once it is clear that the statement names values."""
        shadow.refresh()
        table = shadow.table
        injected = [name for name, _ in table.partition_keys if table.properties.get(f"projection.{name}.type") == "injected"]
        for name in injected:
            if not re.search(rf'\b{name}"?\s*(=|IN\b)', query, re.IGNORECASE):
                raise Wrong(
                    f"CONSTRAINT_VIOLATION: For the injected projected partition column {name}, the WHERE clause must contain only "
                    "static equality conditions, and at least one such condition must be present."
                )
        with shadow.lock:
            values = {name: shadow.values(name) for name in injected}
            if injected and values != shadow.presented:
                properties = dict(table.properties)
                for name, known in values.items():
                    properties[f"projection.{name}.type"] = "enum"
                    properties[f"projection.{name}.values"] = ",".join(known or ["none"])
                self.create_on_trino(shadow.database, replace(table, properties=properties), shadow)
                shadow.presented = values

    def reusable(self, execution):
        reuse = (execution.request.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration") or {}
        if not reuse.get("Enabled") or execution.subkind != "SELECT":
            return None
        oldest = time.time() - 60 * reuse.get("MaxAgeInMinutes", 60)
        with self.front.lock:
            for other in sorted(self.front.executions.values(), key=lambda other: -other.number):
                same = (other.query, other.parameters, other.database, other.workgroup["Name"]) == (
                    execution.query, execution.parameters, execution.database, execution.workgroup["Name"],
                )  # fmt: skip
                if same and other.state == "SUCCEEDED" and not other.reused and other.completed >= oldest:
                    return other
        return None

    # Statements on Trino

    def run(self, execution, sql: str, session: str | None = None):
        started = time.time()

        def progress(stats: dict) -> None:
            execution.scanned = max(execution.scanned, stats.get("physicalInputBytes") or 0)

        columns, rows, stats = self.trino.run(
            sql, execution.database or "default", execution.parameters, execution.stop.is_set, progress, session
        )
        execution.milliseconds = int((time.time() - started) * 1000)
        execution.scanned = self.scanned(stats)
        return columns, rows

    def scanned(self, stats: dict) -> int:
        """Bytes of the objects that were read: for CloudTrail those of the originals, not of the lines that Trino read."""
        physical, total, exact = stats.get("physicalInputBytes") or 0, 0, False
        for schema, table, partitions in self.trino.partitions(stats["id"]):
            shadow = self.shadows.get((schema, table))
            if shadow is None:
                return physical
            exact = True
            if partitions is None:
                total += sum(shadow.bytes.values()) if not shadow.template.count("${") else physical
                continue
            for partition in partitions:
                pairs = (part.split("=", 1) for part in partition.split("/") if "=" in part)
                total += shadow.size({name: unquote(value) for name, value in pairs})
        return total if exact else physical

    def select(self, execution, text: str) -> None:
        columns, rows = self.run(execution, text.rstrip().rstrip(";"))
        execution.columns = [column_info(column) for column in columns]
        execution.rows = [[shown(value) for value in row] for row in rows]
        body = io.StringIO()
        for row in [[column["name"] for column in columns], *execution.rows]:
            body.write(",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in row) + "\n")
        self.put_result(execution, ".csv", body.getvalue())

    def unload(self, execution, text: str) -> None:
        query, place, properties = split_unload(text)
        form = properties.get("format", "PARQUET").upper()
        if not place.startswith("s3://") or not place.endswith("/"):
            place = place.rstrip("/") + "/"
        if self.keys(place):
            raise Wrong(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{place}' already exists")
        table = "u_" + execution.id.replace("-", "")
        target = f'"{self.catalog}"."{UNLOAD_SCHEMA}"."{table}"'
        self.trino.run(f'CREATE SCHEMA IF NOT EXISTS "{self.catalog}"."{UNLOAD_SCHEMA}"')
        options = [f"format = '{form}'", f"external_location = '{place}'"]
        if properties.get("partitioned_by"):
            options.append("partitioned_by = ARRAY[" + ", ".join(trino_client.literal(name) for name in properties["partitioned_by"]) + "]")
        session = f"{self.catalog}.compression_codec={(properties.get('compression') or 'GZIP').upper()}"
        self.run(execution, f"CREATE TABLE {target} WITH ({', '.join(options)}) AS {query}", session)
        self.trino.run(f"DROP TABLE IF EXISTS {target}")
        bucket = urlparse(place).netloc
        files = [f"s3://{bucket}/{key}" for key in self.keys(place)]
        base = self.result_base(execution)
        execution.output = base
        execution.manifest = base + "-manifest.csv"
        self.put(execution.manifest, "".join(file + "\n" for file in files))
        self.put(base + ".metadata", "unload")

    # Results in S3

    @staticmethod
    def result_base(execution) -> str:
        return execution.result_configuration()["OutputLocation"].rstrip("/") + "/" + execution.id

    def put_result(self, execution, extension: str, body: str) -> None:
        execution.output = self.result_base(execution) + extension
        self.put(execution.output, body)
        self.put(execution.output + ".metadata", "columns")

    def put(self, uri: str, body: str | bytes) -> None:
        parsed = urlparse(uri)
        body = body.encode() if isinstance(body, str) else body
        try:
            self.front.s3.put_object(Bucket=parsed.netloc, Key=parsed.path.lstrip("/"), Body=body)
        except self.front.s3.exceptions.NoSuchBucket as error:
            raise Wrong(f"S3 bucket {parsed.netloc} of the output location does not exist") from error

    def keys(self, place: str) -> list[str]:
        parsed = urlparse(place)
        try:
            pages = list(self.front.s3.get_paginator("list_objects_v2").paginate(Bucket=parsed.netloc, Prefix=parsed.path.lstrip("/")))
        except self.front.s3.exceptions.NoSuchBucket as error:
            raise Wrong(f"S3 bucket {parsed.netloc} does not exist") from error
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def has_results(self, execution) -> bool:
        return bool(execution.output and self.keys(execution.output))

    def result_files(self, execution) -> list[str]:
        if execution.manifest:
            parsed = urlparse(execution.manifest)
            body = self.front.s3.get_object(Bucket=parsed.netloc, Key=parsed.path.lstrip("/"))["Body"].read().decode()
            return [row[0] for row in csv.reader(io.StringIO(body)) if row]
        return [execution.output]

    def spoil(self, execution) -> None:
        lost, half = execution.fault("lost_result"), execution.fault("half_result")
        if not (lost or half) or execution.reused:
            return
        last = urlparse(self.result_files(execution)[-1])
        place = {"Bucket": last.netloc, "Key": last.path.lstrip("/")}
        if half:
            body = self.front.s3.get_object(**place)["Body"].read()
            self.front.s3.put_object(**place, Body=body[: len(body) // 2])
        if lost:
            self.front.s3.delete_object(**place)

    # Data definition

    def define(self, execution, text: str) -> None:
        text = text.strip().rstrip(";").strip()
        if match := re.fullmatch(r"CREATE\s+(?:DATABASE|SCHEMA)\s+(IF\s+NOT\s+EXISTS\s+)?[`\"]?([\w-]+)[`\"]?.*", text, re.I | re.S):
            return self.create_database(match.group(2).lower(), bool(match.group(1)))
        if re.match(r"CREATE\s+EXTERNAL\s+TABLE", text, re.I):
            return self.create_table(hive_ddl.create_table(text), execution.database)
        if re.match(r"CREATE\s+TABLE", text, re.I):
            raise Wrong("FAILED: SemanticException only external tables can be created")
        if match := re.fullmatch(r"DROP\s+TABLE\s+(IF\s+EXISTS\s+)?(\S+)", text, re.I):
            database, name = hive_ddl.Reader(match.group(2).replace('"', "`")).qualified()
            return self.drop_table(database or execution.database or "default", name, bool(match.group(1)))
        if match := re.fullmatch(r"ALTER\s+TABLE\s+(\S+)\s+ADD\s+(?:IF\s+NOT\s+EXISTS\s+)?(PARTITION\s.*)", text, re.I | re.S):
            return self.add_partitions(execution, match.group(1), match.group(2))
        if match := re.fullmatch(r"SHOW\s+TABLES(?:\s+IN\s+[`\"]?(\w+)[`\"]?)?", text, re.I):
            known = self.front.databases.get((match.group(1) or execution.database or "default").lower(), {})
            execution.columns = [column_info({"name": "tab_name", "type": "varchar"})]
            execution.rows = [[name] for name in sorted(known)]
            return None
        raise Wrong(f"FAILED: ParseException line 1:0 cannot recognize input near '{text[:40]}'")

    def create_database(self, name: str, if_not_exists: bool) -> None:
        with self.front.lock:
            if name in self.front.databases:
                if not if_not_exists:
                    raise Wrong(f"FAILED: Execution Error, return code 1. Database {name} already exists")
                return
            self.front.databases[name] = {}
        if self.trino:
            self.trino.run(f'CREATE SCHEMA IF NOT EXISTS "{self.catalog}"."{name}"')

    def tables_of(self, database: str) -> dict:
        with self.front.lock:
            if database not in self.front.databases:
                raise Wrong(f"FAILED: SemanticException [Error 10072]: Database does not exist: {database}")
            return self.front.databases[database]

    def create_table(self, table: hive_ddl.Table, current: str | None) -> None:
        database = table.database or (current or "default").lower()
        known = self.tables_of(database)
        if table.name in known:
            if not table.if_not_exists:
                raise Wrong(f"FAILED: Execution Error, return code 1. AlreadyExistsException(message:Table {table.name} already exists)")
            return
        parameters = {
            **table.properties,
            "EXTERNAL": "TRUE",
            "location": table.location,
            "inputformat": table.input_format or "org.apache.hadoop.mapred.TextInputFormat",
            "outputformat": table.output_format or "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "serde.serialization.lib": table.serde or "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "serde.param.serialization.format": "1",
            "transient_lastDdlTime": str(int(time.time())),
            **{"serde.param." + key: value for key, value in table.serde_properties.items()},
        }
        if table.comment:
            parameters["comment"] = table.comment
        metadata = {
            "Name": table.name,
            "CreateTime": time.time(),
            "TableType": "EXTERNAL_TABLE",
            "Columns": [{"Name": name, "Type": kind} for name, kind in table.columns],
            "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in table.partition_keys],
            "Parameters": parameters,
        }
        if self.trino:
            self.create_on_trino(database, table)
        with self.front.lock:
            known[table.name] = {"metadata": metadata, "table": table}

    def create_on_trino(self, database: str, table: hive_ddl.Table, shadow: Shadow | None = None) -> None:
        location = table.location
        template = table.properties.get("storage.location.template")
        if table.is_cloudtrail():
            if shadow is None:
                folder = os.path.join(self.folder, database, table.name)
                shutil.rmtree(folder, ignore_errors=True)
                shadow = self.shadows[(database, table.name)] = Shadow(self.front.s3, folder, database, table)
            location, template = shadow.location, shadow.template if template else None
        projected = table.properties.get("projection.enabled", "").lower() == "true"
        columns = [f'"{name}" {hive_ddl.trino_type(kind)}' for name, kind in table.columns]
        for name, kind in table.partition_keys:
            columns.append(f'"{name}" {hive_ddl.trino_type(kind)}' + (self.projection(table, name) if projected else ""))
        options = [f"format = '{self.format(table)}'", f"external_location = {trino_client.literal(location)}"]
        if table.partition_keys:
            options.append("partitioned_by = ARRAY[" + ", ".join(trino_client.literal(name) for name, _ in table.partition_keys) + "]")
        if projected:
            options.append("partition_projection_enabled = true")
            if template:
                options.append(f"partition_projection_location_template = {trino_client.literal(template.rstrip('/'))}")
        target = f'"{self.catalog}"."{database}"."{table.name}"'
        self.trino.run(f'CREATE SCHEMA IF NOT EXISTS "{self.catalog}"."{database}"')
        self.trino.run(f"DROP TABLE IF EXISTS {target}")
        self.trino.run(f"CREATE TABLE {target} ({', '.join(columns)}) WITH ({', '.join(options)})")

    @staticmethod
    def format(table: hive_ddl.Table) -> str:
        serde = (table.serde or "").lower()
        for word, form in (("parquet", "PARQUET"), ("orc", "ORC"), ("json", "JSON"), ("cloudtrail", "JSON"), ("opencsv", "CSV")):
            if word in serde:
                return form
        return "TEXTFILE"

    @staticmethod
    def projection(table: hive_ddl.Table, name: str) -> str:
        def given(what: str, fallback: str = "") -> str:
            return table.properties.get(f"projection.{name}.{what}", fallback)

        kind = given("type")
        if not kind:
            raise Wrong(f"CONSTRAINT_VIOLATION: partition column {name} has no projection.{name}.type")
        options = [f"partition_projection_type = '{kind}'"]

        def array(text: str) -> str:
            return "ARRAY[" + ", ".join(trino_client.literal(item.strip()) for item in text.split(",")) + "]"

        if kind == "enum":
            options.append(f"partition_projection_values = {array(given('values'))}")
        if kind in ("date", "integer"):
            options.append(f"partition_projection_range = {array(given('range'))}")
            if given("interval"):
                options.append(f"partition_projection_interval = {int(given('interval'))}")
        if kind == "integer" and given("digits"):
            options.append(f"partition_projection_digits = {int(given('digits'))}")
        if kind == "date":
            options.append(f"partition_projection_format = {trino_client.literal(given('format', 'yyyy-MM-dd'))}")
            if given("interval.unit"):
                options.append(f"partition_projection_interval_unit = '{given('interval.unit').upper()}'")
        return f" WITH ({', '.join(options)})"

    def add_partitions(self, execution, name: str, text: str) -> None:
        database, table_name = hive_ddl.Reader(name.replace('"', "`")).qualified()
        database = database or (execution.database or "default").lower()
        table = self.tables_of(database).get(table_name)
        if table is None:
            raise Wrong(f"FAILED: SemanticException Table not found {table_name}")
        for keys, location in re.findall(r"PARTITION\s*\(([^)]*)\)\s*LOCATION\s+'([^']*)'", text, re.I):
            pairs = re.findall(r"[`\"]?(\w+)[`\"]?\s*=\s*'([^']*)'", keys)
            shadow = self.shadows.get((database, table_name))
            if shadow:
                os.makedirs(shadow.path(location), exist_ok=True)
                location = shadow.local(location)
            names = ", ".join(trino_client.literal(key.lower()) for key, _ in pairs)
            values = ", ".join(trino_client.literal(value) for _, value in pairs)
            if self.trino:
                self.trino.run(
                    f"CALL \"{self.catalog}\".system.register_partition({trino_client.literal(database)}, "
                    f"{trino_client.literal(table_name)}, ARRAY[{names}], ARRAY[{values}], {trino_client.literal(location)})"
                )

    def drop_table(self, database: str, name: str, if_exists: bool) -> None:
        known = self.tables_of(database.lower())
        if name not in known:
            if not if_exists:
                raise Wrong(f"FAILED: SemanticException [Error 10001]: Table not found {name}")
            return
        with self.front.lock:
            del known[name]
        self.shadows.pop((database, name), None)
        if self.trino:
            self.trino.run(f'DROP TABLE IF EXISTS "{self.catalog}"."{database}"."{name}"')

    def shadows_of(self, execution) -> list[Shadow]:
        """The CloudTrail tables that the statement names."""
        words = {word.lower() for word in re.findall(r"[A-Za-z_]\w*", execution.query)}
        return [shadow for (_, name), shadow in sorted(self.shadows.items(), key=lambda item: item[0]) if name in words]
