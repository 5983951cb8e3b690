/*
title: Callers from outside the organization
description: |
  Who from outside the organization calls into the account? An identity perimeter (resource control policies and
  resource-based policies with `aws:PrincipalOrgID`) denies these calls.

  Callers whose account the record hides stay in the report, undetermined; so do callers of accounts whose membership
  the inventory does not tell. Left out: callers of the account itself and of the organization, AWS services (by
  `userIdentity.type`, so that a caller without a unique id is not lost), service-linked roles, trusted identities,
  and CORS preflight requests, which are never signed.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  One line for each principal, operation and resource, never for each request. An S3 object stands for its bucket.

  Compared with data-perimeter-helper: callers without a unique id and callers of unknown accounts are kept, and the
  request is no column, so that lines stay few.
perimeter: identity
policy_types: [rcp, resource]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account]
enrich: [account, principal, resource]
exclude: [aws_service_principals, organization_principals, trusted_identities, exempt_principals]
finding: "{principal} calls {action} on {resource}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgid
  - https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
  - https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
  - https://docs.aws.amazon.com/whitepapers/latest/building-a-data-perimeter-on-aws/identity-perimeter.html
*/
SELECT
  account_id,
  event_source,
  event_name,
  region,
  error_code,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END AS principal_id,
  principal_account_id,
  invoked_by,
  CASE
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3:::') THEN split_part(resource_arn, '/', 1)
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3-outposts:[^:]*:[^:]*:outpost/[^/]+/[^/]+/[^/]+/') THEN split_part(resource_arn, '/', 1)
      || '/' || nullif(split_part(resource_arn, '/', 2), '') || '/' || nullif(split_part(resource_arn, '/', 3), '')
      || '/' || nullif(split_part(resource_arn, '/', 4), '')
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3(express|-object-lambda)?:[^:]*:[^:]*:(bucket|accesspoint)/[^/]+/')
      THEN split_part(resource_arn, '/', 1) || '/' || nullif(split_part(resource_arn, '/', 2), '')
    ELSE resource_arn
  END AS resource_arn,
  resource_type,
  resource_account_id,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM events
WHERE account_id = :account_id
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND (principal_account_id IS DISTINCT FROM :account_id)
  AND (principal_type IS DISTINCT FROM 'AWSService')
  AND NOT coalesce(principal_arn LIKE 'arn:%:iam::%:role/aws-service-role/%', false)
  AND (event_name IS DISTINCT FROM 'PreflightRequest')
  AND NOT coalesce(regexp_like(error_code, '(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError|AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'), false)
GROUP BY
  account_id,
  event_source,
  event_name,
  region,
  error_code,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END,
  principal_account_id,
  invoked_by,
  CASE
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3:::') THEN split_part(resource_arn, '/', 1)
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3-outposts:[^:]*:[^:]*:outpost/[^/]+/[^/]+/[^/]+/') THEN split_part(resource_arn, '/', 1)
      || '/' || nullif(split_part(resource_arn, '/', 2), '') || '/' || nullif(split_part(resource_arn, '/', 3), '')
      || '/' || nullif(split_part(resource_arn, '/', 4), '')
    WHEN regexp_like(resource_arn, '^arn:[^:]*:s3(express|-object-lambda)?:[^:]*:[^:]*:(bucket|accesspoint)/[^/]+/')
      THEN split_part(resource_arn, '/', 1) || '/' || nullif(split_part(resource_arn, '/', 2), '')
    ELSE resource_arn
  END,
  resource_type,
  resource_account_id
