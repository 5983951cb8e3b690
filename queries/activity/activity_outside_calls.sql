/*
title: Calls from outside on resources of the organization
description: |
  What queries about external access are joined with: who from outside the organization called what on which resource. It makes no
  findings of its own in a run of several queries; `common_identity_perimeter_org_boundary` judges such calls. By its name it can be
  run alone.

  Left out: AWS services, calls that were denied (nothing was used), network activity events, and calls that name no resource. An S3
  object stands for its bucket, a version or alias of a Lambda function for the function.
perimeter: none
scope: organization
reported: false
parameters:
  organization_accounts: {type: string_list, from: organization_accounts, prefilter: true}
inventory: [AWS::Organizations::Account]
enrich: [account, principal, resource]
exclude: [organization_principals]
finding: "{principal} calls {action} on {resource}"
references:
  - https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
*/
SELECT
  account_id,
  event_source,
  event_name,
  region,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END AS principal_id,
  principal_account_id,
  invoked_by,
  whole_arn AS resource_arn,
  whole_type AS resource_type,
  resource_account_id,
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
    END AS whole_arn,
    CASE WHEN resource_type LIKE 'AWS::S3%::Object' THEN 'AWS::S3::Bucket' ELSE resource_type END AS whole_type
  FROM event_resources
  WHERE resource_arn IS NOT NULL
    AND NOT coalesce(principal_account_id IN (:organization_accounts), false)
    AND (principal_type IS DISTINCT FROM 'AWSService')
    AND (event_category IS DISTINCT FROM 'NetworkActivity')
    AND (event_name IS DISTINCT FROM 'PreflightRequest')
    AND NOT coalesce(regexp_like(error_code, '(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError|AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'), false)
    -- the object is left out where the record lists its bucket as well
    AND (coalesce(resource_type, '') NOT LIKE 'AWS::S3%::Object'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::(Directory)?Bucket"'))
) AS calls
GROUP BY
  account_id,
  event_source,
  event_name,
  region,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END,
  principal_account_id,
  invoked_by,
  whole_arn,
  whole_type,
  resource_account_id
