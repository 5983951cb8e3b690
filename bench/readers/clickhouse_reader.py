"""The question, answered with ClickHouse inside the process (chdb).

clickhouse_reader.py FOLDER THREADS (structure | text)

`structure` is the fastest way that we found: each file is one row whose `Records` is an array of tuples of the wanted fields, so that
no schema is inferred and every other field is skipped. `text` reads each file as one JSON text and extracts from it.

A file is one row, so there is nothing in it to parse in parallel; the files are read in parallel.
"""

import sys

import chdb

RECORDS = (
    "Array(Tuple(eventSource Nullable(String), errorCode Nullable(String), eventName Nullable(String), "
    "userIdentity Tuple(type Nullable(String), arn Nullable(String), "
    "sessionContext Tuple(sessionIssuer Tuple(arn Nullable(String)))), "
    "requestParameters Tuple(bucketName Nullable(String))))"
)

STRUCTURE = """
SELECT
  if(r.userIdentity.type = 'AssumedRole', r.userIdentity.sessionContext.sessionIssuer.arn, r.userIdentity.arn) AS role,
  r.eventName AS event_name,
  r.requestParameters.bucketName AS bucket,
  count() AS calls
FROM (SELECT arrayJoin(Records) AS r FROM file('{files}', 'JSONEachRow', 'Records {records}'))
WHERE r.eventSource = 's3.amazonaws.com' AND r.errorCode IS NULL
GROUP BY role, event_name, bucket
"""

TEXT = """
SELECT
  if(JSONExtractString(r, 'userIdentity', 'type') = 'AssumedRole',
     JSONExtract(r, 'userIdentity', 'sessionContext', 'sessionIssuer', 'arn', 'Nullable(String)'),
     JSONExtract(r, 'userIdentity', 'arn', 'Nullable(String)')) AS role,
  JSONExtract(r, 'eventName', 'Nullable(String)') AS event_name,
  JSONExtract(r, 'requestParameters', 'bucketName', 'Nullable(String)') AS bucket,
  count() AS calls
FROM (SELECT arrayJoin(JSONExtractArrayRaw(json, 'Records')) AS r FROM file('{files}', 'JSONAsString', 'json String'))
WHERE JSONExtractString(r, 'eventSource') = 's3.amazonaws.com' AND JSONExtract(r, 'errorCode', 'Nullable(String)') IS NULL
GROUP BY role, event_name, bucket
"""


def main():
    folder, threads, way = sys.argv[1:]
    statement = {"structure": STRUCTURE, "text": TEXT}[way].format(
        files=f"{folder}/**/*.json.gz".replace("'", "\\'"), records=RECORDS
    )
    settings = f"SETTINGS max_threads = {int(threads)}, input_format_parallel_parsing = 0"
    sys.stdout.write(str(chdb.query(statement + settings, "CSVWithNames")))


if __name__ == "__main__":
    main()
