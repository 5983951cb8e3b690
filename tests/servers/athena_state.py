"""Workgroups, databases, tables and query executions of the Athena front, and its operations."""

import itertools
import re
import threading
import time
import uuid

import executor
from faults import Faults

FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
MAXIMUM_STATEMENT = 262_144


class Refused(Exception):
    """An answer that is an error of the API."""

    def __init__(self, name: str, message: str, status: int = 400, **fields):
        super().__init__(message)
        self.name, self.status, self.fields = name, status, fields


class Execution:
    """One query execution, from start to its final state."""

    numbers = itertools.count(1)

    def __init__(self, request: dict, workgroup: dict):
        self.id = str(uuid.uuid4())
        self.number = next(Execution.numbers)
        self.request, self.workgroup = request, workgroup
        self.state, self.reason, self.error = "QUEUED", None, None
        self.submitted, self.completed = time.time(), None
        self.kind, self.subkind = "DML", None
        self.columns, self.rows = [], []
        self.scanned, self.milliseconds, self.reused = 0, 0, False
        self.output, self.manifest = None, None
        self.stop = threading.Event()
        self.faults: list[dict] = []
        self.started_on_engine = False

    @property
    def query(self) -> str:
        return self.request["QueryString"]

    @property
    def parameters(self) -> list[str]:
        return self.request.get("ExecutionParameters") or []

    @property
    def database(self) -> str | None:
        return (self.request.get("QueryExecutionContext") or {}).get("Database")

    def fault(self, action: str) -> dict | None:
        return next((fault for fault in self.faults if fault["action"] == action), None)

    def described(self) -> dict:
        status = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.error:
            status["AthenaError"] = self.error
        statistics = {
            "EngineExecutionTimeInMillis": self.milliseconds,
            "DataScannedInBytes": self.scanned,
            "TotalExecutionTimeInMillis": int(((self.completed or time.time()) - self.submitted) * 1000),
            "QueryQueueTimeInMillis": 1,
            "ServiceProcessingTimeInMillis": 1,
            "ResultReuseInformation": {"ReusedPreviousResult": self.reused},
        }
        if self.manifest:
            statistics["DataManifestLocation"] = self.manifest
        configuration = dict(self.result_configuration())
        if self.output:
            configuration["OutputLocation"] = self.output
        described = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.kind,
            "ResultConfiguration": configuration,
            "ResultReuseConfiguration": self.request.get("ResultReuseConfiguration")
            or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {
                key: value.lower() for key, value in (self.request.get("QueryExecutionContext") or {}).items() if value
            },
            "Status": status,
            "Statistics": statistics,
            "WorkGroup": self.workgroup["Name"],
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
        }
        if self.parameters:
            described["ExecutionParameters"] = self.parameters
        if self.subkind:
            described["SubstatementType"] = self.subkind
        return described

    def result_configuration(self) -> dict:
        """The workgroup's where it insists or where the client says nothing."""
        own = self.request.get("ResultConfiguration") or {}
        shared = self.workgroup["Configuration"].get("ResultConfiguration") or {}
        enforced = self.workgroup["Configuration"].get("EnforceWorkGroupConfiguration", True)
        return shared if enforced and shared.get("OutputLocation") else {**shared, **own}


class Front:
    def __init__(self, s3, trino: str, catalog: str, shadow_folder: str):
        self.s3 = s3
        self.engine = executor.Executor(self, trino, catalog, shadow_folder)
        self.lock = threading.RLock()
        self.quota = 20
        self.reset()

    def reset(self):
        with self.lock:
            self.faults = Faults()
            self.executions: dict[str, Execution] = {}
            self.tokens: dict[str, tuple[dict, str]] = {}
            self.databases: dict[str, dict] = {"default": {}}
            self.workgroups = {"primary": self.new_workgroup("primary", {"EnforceWorkGroupConfiguration": False}, "")}
            self.engine.forget()

    # Control

    def log(self, only: dict) -> list[dict]:
        """What was started, in order; `workgroup`, `database` and `contains` narrow it."""
        with self.lock:
            executions = sorted(self.executions.values(), key=lambda execution: execution.number)
        return [
            {
                "number": execution.number,
                "id": execution.id,
                "query": execution.query,
                "parameters": execution.parameters,
                "workgroup": execution.workgroup["Name"],
                "database": execution.database,
                "token": execution.request.get("ClientRequestToken"),
                "statement": execution.subkind or execution.kind,
                "state": execution.state,
                "reason": execution.reason,
                "bytes": execution.scanned,
                "reused": execution.reused,
                "executed": execution.started_on_engine,
                "output": execution.output,
                "manifest": execution.manifest,
            }
            for execution in executions
            if only.get("workgroup") in (None, execution.workgroup["Name"])
            and only.get("database") in (None, execution.database)
            and only.get("contains", "") in execution.query
        ]

    def add_faults(self, given) -> list[dict]:
        with self.lock:
            return self.faults.add(given)

    def clear_faults(self, identity: str | None) -> dict:
        with self.lock:
            self.faults.clear(identity)
        return {}

    def fire(self, operation: str, **what) -> list[dict]:
        with self.lock:
            return self.faults.fire(operation, **what)

    # Query executions

    def call_StartQueryExecution(self, request: dict) -> dict:
        query = request.get("QueryString") or ""
        if not query.strip():
            raise Refused("InvalidRequestException", "QueryString is required", AthenaErrorCode="MALFORMED_QUERY")
        if len(query.encode()) > MAXIMUM_STATEMENT:
            raise Refused(
                "InvalidRequestException",
                f"1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length less than or equal to {MAXIMUM_STATEMENT}",
            )
        token = request.get("ClientRequestToken")
        if token is not None and not 32 <= len(token) <= 128:
            raise Refused("InvalidRequestException", "ClientRequestToken must have 32 to 128 characters")
        workgroup = self.workgroup(request.get("WorkGroup") or "primary")
        if workgroup["State"] != "ENABLED":
            raise Refused("InvalidRequestException", f"WorkGroup {workgroup['Name']} is disabled.")
        fired = self.fire("StartQueryExecution", query=query, workgroup=workgroup["Name"], parameters=request.get("ExecutionParameters") or [])
        with self.lock:
            same = {key: value for key, value in request.items() if key != "ClientRequestToken"}
            if token in self.tokens:
                earlier, known = self.tokens[token]
                if earlier != same:
                    raise Refused("InvalidRequestException", "Idempotent parameters do not match", AthenaErrorCode="INVALID_INPUT")
                return {"QueryExecutionId": known}
            for fault in fired:
                if fault["action"] == "refuse":
                    raise Refused(fault.get("error", "TooManyRequestsException"), fault.get("message", "Rate exceeded"), fault.get("status", 400))
            active = sum(1 for other in self.executions.values() if other.state not in FINAL)
            if active >= self.quota:
                raise Refused(
                    "TooManyRequestsException",
                    "You have exceeded the limit for the number of queries you can run concurrently. Please reduce the number of concurrent queries submitted by this account.",
                    Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
                )
            execution = Execution(request, workgroup)
            execution.faults = fired
            location = execution.result_configuration().get("OutputLocation")
            if not location:
                raise Refused(
                    "InvalidRequestException",
                    "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.",
                )
            self.executions[execution.id] = execution
            if token is not None:
                self.tokens[token] = (same, execution.id)
        threading.Thread(target=self.engine.execute, args=(execution,), daemon=True).start()
        return {"QueryExecutionId": execution.id}

    def execution(self, identity: str | None) -> Execution:
        with self.lock:
            if identity not in self.executions:
                raise Refused("InvalidRequestException", f"QueryExecution {identity} was not found")
            return self.executions[identity]

    def call_GetQueryExecution(self, request: dict) -> dict:
        return {"QueryExecution": self.execution(request.get("QueryExecutionId")).described()}

    def call_BatchGetQueryExecution(self, request: dict) -> dict:
        identities = request.get("QueryExecutionIds") or []
        if not 1 <= len(identities) <= 50:
            raise Refused("InvalidRequestException", "QueryExecutionIds must have 1 to 50 members")
        with self.lock:
            known = [self.executions[identity].described() for identity in identities if identity in self.executions]
            lost = [
                {"QueryExecutionId": identity, "ErrorCode": "INVALID_INPUT", "ErrorMessage": "was not found"}
                for identity in identities
                if identity not in self.executions
            ]
        return {"QueryExecutions": known, "UnprocessedQueryExecutionIds": lost}

    def call_StopQueryExecution(self, request: dict) -> dict:
        self.execution(request.get("QueryExecutionId")).stop.set()
        return {}

    def call_ListQueryExecutions(self, request: dict) -> dict:
        name = self.workgroup(request.get("WorkGroup") or "primary")["Name"]
        with self.lock:
            newest = sorted(self.executions.values(), key=lambda execution: -execution.number)
        identities = [execution.id for execution in newest if execution.workgroup["Name"] == name]
        page, token = self.page(identities, request, 50)
        return {"QueryExecutionIds": page, **token}

    def call_GetQueryResults(self, request: dict) -> dict:
        execution = self.execution(request.get("QueryExecutionId"))
        if execution.state in ("FAILED", "CANCELLED"):
            raise Refused("InvalidRequestException", f"Query did not finish successfully. Final query state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise Refused("InvalidRequestException", f"Query has not yet finished. Current state: {execution.state}")
        # The bytes are in S3: what was lost there cannot be paged through either.
        if execution.kind == "DML" and not execution.manifest and not self.engine.has_results(execution):
            raise Refused("InvalidRequestException", "Could not find results")
        size = request.get("MaxResults") or 1000
        if size > 1000:
            raise Refused("InvalidRequestException", "MaxResults is more than maximum allowed length 1000")
        rows = [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in execution.rows]
        if execution.kind == "DML" and execution.columns:
            rows.insert(0, {"Data": [{"VarCharValue": column["Name"]} for column in execution.columns]})
        start = self.start_of(request)
        fired = {fault["action"]: fault for fault in self.fire("GetQueryResults", query=execution.query, workgroup=execution.workgroup["Name"], parameters=execution.parameters)}
        if "empty_page" in fired:
            page, token = [], {"NextToken": f"page-{start}"}
        else:
            page, token = self.page(rows, {**request, "MaxResults": size}, 1000)
        if "repeat_token" in fired:
            token = {"NextToken": f"page-{start}"}
        return {"UpdateCount": 0, "ResultSet": {"Rows": page, "ResultSetMetadata": {"ColumnInfo": execution.columns}}, **token}

    @staticmethod
    def start_of(request: dict) -> int:
        token = request.get("NextToken")
        if token is None:
            return 0
        match = re.fullmatch(r"page-(\d+)", token)
        if match is None:
            raise Refused("InvalidRequestException", "Invalid NextToken")
        return int(match.group(1))

    def page(self, items: list, request: dict, largest: int):
        start, size = self.start_of(request), request.get("MaxResults") or largest
        token = {"NextToken": f"page-{start + size}"} if start + size < len(items) else {}
        return items[start : start + size], token

    # Workgroups

    @staticmethod
    def new_workgroup(name: str, configuration: dict, description: str) -> dict:
        configuration = {
            "EnforceWorkGroupConfiguration": True,
            "PublishCloudWatchMetricsEnabled": False,
            "RequesterPaysEnabled": False,
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
            "ResultConfiguration": {},
            **configuration,
        }
        return {"Name": name, "State": "ENABLED", "Configuration": configuration, "Description": description, "CreationTime": time.time()}

    def workgroup(self, name: str) -> dict:
        with self.lock:
            if name not in self.workgroups:
                raise Refused("InvalidRequestException", f"WorkGroup {name} is not found.")
            return self.workgroups[name]

    def call_GetWorkGroup(self, request: dict) -> dict:
        return {"WorkGroup": self.workgroup(request.get("WorkGroup") or "primary")}

    def call_ListWorkGroups(self, request: dict) -> dict:
        with self.lock:
            names = sorted(self.workgroups)
        page, token = self.page(names, request, 50)
        return {"WorkGroups": [{key: self.workgroups[name][key] for key in ("Name", "State", "Description", "CreationTime")} for name in page], **token}

    def call_CreateWorkGroup(self, request: dict) -> dict:
        name = request.get("Name") or ""
        if not re.fullmatch(r"[a-zA-Z0-9._-]{1,128}", name):
            raise Refused("InvalidRequestException", f"{name} is no name for a WorkGroup")
        with self.lock:
            if name in self.workgroups:
                raise Refused("InvalidRequestException", "WorkGroup is already created")
            cutoff = (request.get("Configuration") or {}).get("BytesScannedCutoffPerQuery")
            if cutoff is not None and cutoff < 10_000_000:
                raise Refused("InvalidRequestException", "BytesScannedCutoffPerQuery must be greater than or equal to 10000000")
            self.workgroups[name] = self.new_workgroup(name, request.get("Configuration") or {}, request.get("Description") or "")
        return {}

    def call_UpdateWorkGroup(self, request: dict) -> dict:
        group = self.workgroup(request.get("WorkGroup") or "")
        updates = dict(request.get("ConfigurationUpdates") or {})
        with self.lock:
            configuration = group["Configuration"]
            result = dict(configuration.get("ResultConfiguration") or {})
            given = updates.pop("ResultConfigurationUpdates", {})
            for key in ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner", "AclConfiguration"):
                if given.get("Remove" + key):
                    result.pop(key, None)
                if key in given:
                    result[key] = given[key]
            configuration["ResultConfiguration"] = result
            if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
                configuration.pop("BytesScannedCutoffPerQuery", None)
            configuration.update(updates)
            group["State"] = request.get("State") or group["State"]
            group["Description"] = request.get("Description", group["Description"])
        return {}

    def call_DeleteWorkGroup(self, request: dict) -> dict:
        self.workgroup(request.get("WorkGroup") or "")
        with self.lock:
            del self.workgroups[request["WorkGroup"]]
        return {}

    # Metadata

    def call_GetDataCatalog(self, request: dict) -> dict:
        return {"DataCatalog": {"Name": request.get("Name") or "AwsDataCatalog", "Type": "GLUE", "Parameters": {"catalog-id": "123456789012"}}}

    def call_ListDataCatalogs(self, _: dict) -> dict:
        return {"DataCatalogsSummary": [{"CatalogName": "AwsDataCatalog", "Type": "GLUE"}]}

    def tables(self, database: str | None) -> dict:
        with self.lock:
            known = self.databases.get((database or "").lower())
        if known is None:
            raise Refused("MetadataException", f"EntityNotFoundException: Database {database} not found. (Service: AWSGlue; Status Code: 400)")
        return known

    def call_ListDatabases(self, request: dict) -> dict:
        with self.lock:
            names = sorted(self.databases)
        page, token = self.page([{"Name": name, "Parameters": {}} for name in names], request, 50)
        return {"DatabaseList": page, **token}

    def call_GetDatabase(self, request: dict) -> dict:
        self.tables(request.get("DatabaseName"))
        return {"Database": {"Name": request["DatabaseName"].lower(), "Parameters": {}}}

    def call_GetTableMetadata(self, request: dict) -> dict:
        name = (request.get("TableName") or "").lower()
        table = self.tables(request.get("DatabaseName")).get(name)
        if table is None:
            raise Refused("MetadataException", f"EntityNotFoundException: Table {name} not found. (Service: AWSGlue; Status Code: 400)")
        return {"TableMetadata": table["metadata"]}

    def call_ListTableMetadata(self, request: dict) -> dict:
        tables = self.tables(request.get("DatabaseName"))
        expression = re.compile(request.get("Expression") or ".*")
        found = [tables[name]["metadata"] for name in sorted(tables) if expression.fullmatch(name)]
        page, token = self.page(found, request, 50)
        return {"TableMetadataList": page, **token}
