"""A statement on a Trino server, over its REST protocol."""

import json
import time
import urllib.error
import urllib.request


class TrinoFailure(Exception):
    def __init__(self, error: dict):
        super().__init__(error.get("message", "unknown error"))
        self.name = error.get("errorName", "GENERIC_INTERNAL_ERROR")
        self.kind = error.get("errorType", "INTERNAL_ERROR")


class Cancelled(Exception):
    pass


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Trino:
    def __init__(self, base: str, catalog: str):
        self.base, self.catalog = base.rstrip("/"), catalog

    def call(self, method: str, url: str, body: bytes | None = None, headers: dict | None = None) -> dict:
        request = urllib.request.Request(url, data=body, method=method, headers={"X-Trino-User": "athena", **(headers or {})})
        for attempt in range(20):
            try:
                with urllib.request.urlopen(request, timeout=120) as response:
                    text = response.read()
                    return json.loads(text) if text else {}
            except urllib.error.HTTPError as error:
                if error.code not in (502, 503, 504) or attempt == 19:
                    raise
                time.sleep(0.2)
        raise AssertionError("not reached")

    def run(self, sql: str, schema: str | None = None, parameters: list[str] = (), cancelled=lambda: False, progress=lambda stats: None, session: str | None = None):
        """Columns, rows and the statistics of the statement. Parameters are SQL literals, as Athena takes them."""
        if parameters:
            sql = f"EXECUTE IMMEDIATE {literal(sql)} USING {', '.join(parameters)}"
        headers = {"X-Trino-Catalog": self.catalog, "X-Trino-Source": "athena-front", "X-Trino-Time-Zone": "UTC"}
        if schema:
            headers["X-Trino-Schema"] = schema
        if session:
            headers["X-Trino-Session"] = session
        page = self.call("POST", f"{self.base}/v1/statement", sql.encode(), headers)
        columns, rows = [], []
        while True:
            if page.get("error"):
                raise TrinoFailure(page["error"])
            columns = page.get("columns") or columns
            rows.extend(page.get("data") or [])
            progress(page.get("stats") or {})
            if "nextUri" not in page:
                return columns, rows, {"id": page.get("id"), **(page.get("stats") or {})}
            if cancelled():
                self.call("DELETE", page["nextUri"])
                raise Cancelled()
            page = self.call("GET", page["nextUri"])

    def partitions(self, query_id: str) -> list[tuple[str, str, list[str] | None]]:
        """Schema, table and partitions that a finished statement read; None where the server does not tell them all."""
        found = []
        for given in self.call("GET", f"{self.base}/v1/query/{query_id}").get("inputs") or []:
            info = given.get("connectorInfo") or {}
            known = None if info.get("truncated") else info.get("partitionIds")
            found.append((given.get("schema"), given.get("table"), known))
        return found
