/*
title: Resources whose use the logs record
description: |
  What queries about external access are joined with: the resources of which the logs hold data events, or calls of AWS KMS, by
  anybody. A trail may log the data events of some resources only, and leave AWS KMS out; "never used" can be said of a resource only
  if its use would have been recorded. It makes no findings of its own in a run of several queries.
perimeter: none
scope: organization
reported: false
enrich: [account]
finding: "calls of {event_source} on {resource} are recorded"
references:
  - https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
*/
SELECT
  account_id,
  event_source,
  region,
  whole_arn AS resource_arn,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM (
  SELECT *,
    CASE
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3:::') THEN split_part(resource_arn, '/', 1)
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3-outposts:[^/]*:outpost/[^/]*/[^/]*/[^/]*/') THEN split_part(resource_arn, '/', 1) || '/'
        || nullif(split_part(resource_arn, '/', 2), '') || '/' || nullif(split_part(resource_arn, '/', 3), '') || '/'
        || nullif(split_part(resource_arn, '/', 4), '')
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3(express|-object-lambda)?:[^/]*/[^/]*/') THEN split_part(resource_arn, '/', 1) || '/'
        || nullif(split_part(resource_arn, '/', 2), '')
      WHEN regexp_like(resource_arn, '^arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:]*:') THEN split_part(resource_arn, ':', 1) || ':'
        || nullif(split_part(resource_arn, ':', 2), '') || ':lambda:' || nullif(split_part(resource_arn, ':', 4), '') || ':'
        || nullif(split_part(resource_arn, ':', 5), '') || ':function:' || nullif(split_part(resource_arn, ':', 7), '')
      ELSE resource_arn
    END AS whole_arn
  FROM event_resources
  WHERE resource_arn IS NOT NULL
    AND (coalesce(event_category, '') = 'Data' OR event_source = 'kms.amazonaws.com')
    -- an S3 object stands for its bucket, which the record lists as well
    AND (coalesce(resource_type, '') NOT LIKE 'AWS::S3%::Object'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::(Directory)?Bucket"'))
) AS calls
GROUP BY
  account_id,
  event_source,
  region,
  whole_arn
