"""Faults that a test asks the Athena front for."""

import itertools
import re

ACTIONS = {
    "refuse": "StartQueryExecution answers an error: `error`, `message`, `status`",
    "fail": "the query fails: `message` (may hold {query}), `retryable`",
    "cancel": "the query ends CANCELLED: `message`",
    "hang": "the query stays RUNNING until it is stopped: `scanned`, the bytes that it says it has read",
    "slow": "the query takes `seconds` longer",
    "lost_result": "the query succeeds, but its result files are not there",
    "half_result": "the query succeeds, but the last result file is cut in half",
    "empty_page": "GetQueryResults gives an empty page with a token",
    "repeat_token": "GetQueryResults gives the token that it was asked with",
}
AT_RESULTS = {"empty_page", "repeat_token"}


class Faults:
    def __init__(self):
        self.rules: list[dict] = []
        self.numbers = itertools.count(1)

    def add(self, given) -> list[dict]:
        """`match`: text in the statement; `parameter`: one of its values; `workgroup`; `nth`: the first match that is hit, from 1;
        `times`: how many are (1; 0 is all)."""
        added = []
        for rule in given if isinstance(given, list) else [given]:
            if rule.get("action") not in ACTIONS:
                raise ValueError(f"{rule.get('action')} is none of {', '.join(ACTIONS)}")
            rule = {"times": 1, "nth": 1, **rule, "id": str(next(self.numbers)), "seen": 0, "fired": 0}
            self.rules.append(rule)
            added.append(rule)
        return added

    def clear(self, identity: str | None) -> None:
        self.rules = [rule for rule in self.rules if identity is not None and rule["id"] != identity]

    def fire(self, operation: str, query: str, workgroup: str, parameters: list[str]) -> list[dict]:
        hit = []
        for rule in self.rules:
            if (rule["action"] in AT_RESULTS) != (operation == "GetQueryResults"):
                continue
            if rule.get("workgroup") not in (None, workgroup) or not re.search(rule.get("match", ""), query):
                continue
            if "parameter" in rule and not any(rule["parameter"] in parameter for parameter in parameters):
                continue
            rule["seen"] += 1
            if rule["seen"] < rule["nth"] or (rule["times"] and rule["fired"] >= rule["times"]):
                continue
            rule["fired"] += 1
            hit.append(dict(rule))
        return hit
