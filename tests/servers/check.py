"""Proves that the servers work together: tables over CloudTrail objects, queries, UNLOAD, faults, a stopped query.

Run with the environment that start.sh prints; it uses buckets and a database of its own.
"""

import glob
import json
import os
import sys
import time
import urllib.request
import uuid

import boto3
from botocore.config import Config

here = os.path.dirname(os.path.abspath(__file__))
front, faults = os.environ["PALISADE_TEST_ATHENA"], os.environ["PALISADE_TEST_FAULTS"]
mark = uuid.uuid4().hex[:8]
keys = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
s3 = boto3.client("s3", endpoint_url=faults, config=Config(s3={"addressing_style": "path"}), **keys)
athena = boto3.client("athena", endpoint_url=faults, config=Config(retries={"max_attempts": 4, "mode": "standard"}), **keys)
logs, results, database = f"logs-{mark}", f"results-{mark}", f"check_{mark}"


def control(method: str, what: str, body=None):
    request = urllib.request.Request(f"{front}/_front/{what}", method=method, data=json.dumps(body).encode() if body is not None else None)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def execute(sql: str, *parameters: str, state: str = "SUCCEEDED", **given) -> dict:
    started = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": database}, WorkGroup=mark,
        **({"ExecutionParameters": list(parameters)} if parameters else {}), **given,
    )  # fmt: skip
    while True:
        execution = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]
        if execution["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            assert execution["Status"]["State"] == state, execution["Status"]
            return execution
        time.sleep(0.05)


def rows(execution: dict) -> list[list[str]]:
    found = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"]):
        found.extend([datum.get("VarCharValue") for datum in row["Data"]] for row in page["ResultSet"]["Rows"])
    return found


for bucket in (logs, results):
    s3.create_bucket(Bucket=bucket)
trail = os.path.join(here, "../../samples/trail")
account, size = "110000000011", 0
for path in sorted(glob.glob(f"{trail}/AWSLogs/o-palisade01/{account}/CloudTrail/eu-central-1/2026/10/2*/*.gz")):
    with open(path, "rb") as file:
        body = file.read()
    s3.put_object(Bucket=logs, Key=os.path.relpath(path, trail), Body=body)
    if "/2026/10/20/" in path or "/2026/10/21/" in path:
        size += len(body)

athena.create_work_group(
    Name=mark,
    Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{results}/out/"}, "EnforceWorkGroupConfiguration": True},
)
execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
execute(f"""
    CREATE EXTERNAL TABLE IF NOT EXISTS {database}.trail (
        eventversion STRING,
        useridentity STRUCT<type:STRING, arn:STRING, sessioncontext:STRUCT<sessionissuer:STRUCT<arn:STRING>>>,
        eventtime STRING, eventsource STRING, eventname STRING, requestparameters STRING, readonly STRING, eventid STRING,
        resources ARRAY<STRUCT<arn:STRING, accountid:STRING, type:STRING>>
    )
    PARTITIONED BY (p_account STRING, p_region STRING, p_date STRING)
    ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
    STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
    OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
    LOCATION 's3://{logs}/AWSLogs/o-palisade01/'
    TBLPROPERTIES (
        'projection.enabled'='true',
        'projection.p_account.type'='injected',
        'projection.p_region.type'='enum', 'projection.p_region.values'='eu-central-1,eu-west-1',
        'projection.p_date.type'='date', 'projection.p_date.format'='yyyy/MM/dd', 'projection.p_date.range'='2022/01/01,NOW',
        'projection.p_date.interval'='1', 'projection.p_date.interval.unit'='DAYS',
        'storage.location.template'='s3://{logs}/AWSLogs/o-palisade01/${{p_account}}/CloudTrail/${{p_region}}/${{p_date}}'
    )""")
metadata = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName=database, TableName="trail")["TableMetadata"]
assert [key["Name"] for key in metadata["PartitionKeys"]] == ["p_account", "p_region", "p_date"], metadata

window = "p_account = ? AND p_date BETWEEN ? AND ?"
values = (f"'{account}'", "'2026/10/20'", "'2026/10/21'")
counted = execute(f'SELECT count(*) AS n, count(DISTINCT eventid) AS d FROM "AwsDataCatalog"."{database}"."trail" WHERE {window}', *values)
[header, [number, distinct]] = rows(counted)
assert header == ["n", "d"] and int(number) >= int(distinct) > 0, (header, number)
assert counted["Statistics"]["DataScannedInBytes"] == size, (counted["Statistics"], size)

both = rows(execute(f"SELECT count(*) FROM trail WHERE p_account IN (?, ?) AND p_date BETWEEN ? AND ?", f"'{account}'", "'999999999999'", *values[1:]))
assert both[1] == [number], (both, number)

execution = execute(
    f"""UNLOAD (SELECT eventid, eventsource, useridentity.sessioncontext.sessionissuer.arn AS role,
        json_extract_scalar(requestparameters, '$.bucketName') AS bucket FROM trail WHERE {window})
        TO 's3://{results}/unload/' WITH (format = 'PARQUET', compression = 'SNAPPY')""",
    *values,
)
manifest = execution["Statistics"]["DataManifestLocation"].split("/", 3)
files = s3.get_object(Bucket=manifest[2], Key=manifest[3])["Body"].read().decode().split()
assert files and all(s3.get_object(Bucket=results, Key=file.split("/", 3)[3])["Body"].read()[:4] == b"PAR1" for file in files), files

refused = execute("SELECT count(*) FROM trail", state="FAILED")
assert "p_account" in refused["Status"]["StateChangeReason"], refused["Status"]

token = uuid.uuid4().hex
first = execute("SELECT 1", ClientRequestToken=token)
assert execute("SELECT 1", ClientRequestToken=token)["QueryExecutionId"] == first["QueryExecutionId"]

control("POST", "faults", {"workgroup": mark, "action": "fail", "message": "SYNTAX_ERROR: near {query}"})
assert "SELECT 2" in execute("SELECT 2", state="FAILED")["Status"]["StateChangeReason"]
control("POST", "faults", {"workgroup": mark, "action": "hang"})
hanging = athena.start_query_execution(QueryString="SELECT 3", WorkGroup=mark)["QueryExecutionId"]
athena.stop_query_execution(QueryExecutionId=hanging)
while athena.get_query_execution(QueryExecutionId=hanging)["QueryExecution"]["Status"]["State"] != "CANCELLED":
    time.sleep(0.05)

rule = {"service": "athena", "operation": "GetWorkGroup", "times": 1, "error": {"code": "ThrottlingException"}}
proxy = urllib.request.Request(f"{faults}/_microburst/rules", method="PATCH", data=json.dumps([rule]).encode(), headers={"Content-Type": "application/json"})
urllib.request.urlopen(proxy).read()
assert athena.get_work_group(WorkGroup=mark)["WorkGroup"]["Name"] == mark
with urllib.request.urlopen(f"{faults}/_microburst/fired?operation=GetWorkGroup") as response:
    assert json.load(response), "the fault was not made"

log = control("GET", f"log?workgroup={mark}")
print(f"the servers work: {len(log)} statements, {number} records counted, {len(files)} files unloaded", file=sys.stderr)
