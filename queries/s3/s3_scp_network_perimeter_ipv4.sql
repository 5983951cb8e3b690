/*
title: S3 calls by the account from networks that are not expected
description: |
  Which S3 calls by principals of the account come neither from an expected network nor through a VPC endpoint of the
  account? IPv4 **and IPv6** (the name is older). A service control policy with a network perimeter denies them,
  whoever owns the bucket.

  A call counts once, under its primary resource. A caller whose account the record hides is taken for one of the
  account, because its trail recorded the call. Left out: AWS services, service-linked roles, calls that a service
  makes with the caller's credentials, exempt principals, and CORS preflight requests. Calls that were denied are left
  out: a policy cannot break what fails already, and `common_only_denied` lists them. A call that failed for any other
  reason, such as an object that is not there, stays, with its error code. Network activity events are left out,
  because the call has a record of its own.

  S3 means general purpose and directory buckets, S3 on Outposts and Object Lambda. An S3 object stands for its
  bucket. An access point is its own resource beside its bucket; an alias of one (`…-s3alias`, `.mrap`) does not tell
  the bucket, so its owner stays unknown.

  Compared with data-perimeter-helper: it answers for IPv6 too, the operation is shown, and an account without
  endpoints is taken for one that has none.
perimeter: network
policy_types: [scp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role, AWS::EC2::VPCEndpoint]
enrich: [account, principal, role, endpoint, network, resource]
exclude: [aws_service_principals, service_linked_roles, own_vpc_endpoints, expected_networks, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} on {resource} from {source}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpc
  - https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
  - https://docs.aws.amazon.com/whitepapers/latest/building-a-data-perimeter-on-aws/network-perimeter.html
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
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM events
WHERE account_id = :account_id
  AND event_source IN ('s3.amazonaws.com', 's3express.amazonaws.com', 's3-outposts.amazonaws.com', 's3-object-lambda.amazonaws.com')
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND coalesce(principal_account_id, :account_id) = :account_id
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
  resource_account_id,
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id
