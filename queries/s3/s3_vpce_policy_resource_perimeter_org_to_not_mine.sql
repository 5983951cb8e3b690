/*
title: Buckets outside the organization, reached through VPC endpoints of the organization
description: |
  Which buckets outside the organization do calls that any account recorded reach through VPC endpoints of the
  organization? It is the question of `s3_vpce_policy_resource_perimeter_account_to_not_mine` for central endpoints:
  an endpoint in a shared network account carries calls that only the callers' accounts record. The records of all
  accounts are read **once**, not once for each account.

  The columns tell which account recorded the call and which account owns the endpoint. Calls through endpoints
  outside the organization are left out where the owner is known. The owner comes from the record, then from the
  resource's ARN, then from the inventory; where none tells, the finding is undetermined and never taken for one of
  the organization. A bucket name alone proves no owner: trusted names count only with the trusted owner, and names of
  AWS services only with an account of AWS. Source and destination of a copy are judged each, where the record lists
  both. Left out: resources of the organization and trusted ones, and operations on the account itself (its settings,
  jobs, lists and the creation of buckets).

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  S3 means general purpose and directory buckets, S3 on Outposts and Object Lambda. An S3 object stands for its
  bucket. An access point is its own resource beside its bucket; an alias of one (`…-s3alias`, `.mrap`) does not tell
  the bucket, so its owner stays unknown.

  Compared with data-perimeter-helper: the records are read once instead of once for each account, and no list of
  accounts or endpoints is part of the statement.
perimeter: resource
policy_types: [vpce]
scope: organization
inventory: [AWS::Organizations::Account, AWS::EC2::VPCEndpoint, AWS::S3::Bucket]
enrich: [account, principal, role, endpoint, network, resource]
exclude: [aws_service_principals, not_own_vpc_endpoints, organization_resources, trusted_resources, aws_owned_resources, exempt_principals]
finding: "{principal} calls {action} on {resource} through {endpoint}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceorgid
  - https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
  - https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html
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
  bucket_arn AS resource_arn,
  bucket_type AS resource_type,
  owner_account_id AS resource_account_id,
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM (
  SELECT *,
    CASE
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3:::') THEN split_part(resource_arn, '/', 1)
      WHEN resource_arn LIKE '%:outpost/%/%/%' THEN split_part(resource_arn, '/', 1) || '/' || nullif(split_part(resource_arn, '/', 2), '')
        || '/' || nullif(split_part(resource_arn, '/', 3), '') || '/' || nullif(split_part(resource_arn, '/', 4), '')
      WHEN resource_arn LIKE '%/%' THEN split_part(resource_arn, '/', 1) || '/' || nullif(split_part(resource_arn, '/', 2), '')
      ELSE resource_arn
    END AS bucket_arn,
    CASE WHEN resource_type LIKE 'AWS::S3%::Object' THEN 'AWS::S3::Bucket' ELSE resource_type END AS bucket_type,
    coalesce(resource_account_id, nullif(split_part(resource_arn, ':', 5), '')) AS owner_account_id
  FROM event_resources
  WHERE event_source IN ('s3.amazonaws.com', 's3express.amazonaws.com', 's3-outposts.amazonaws.com', 's3-object-lambda.amazonaws.com')
    AND (event_category IS DISTINCT FROM 'NetworkActivity')
    AND starts_with(vpc_endpoint_id, 'vpce-')
    AND (principal_type IS DISTINCT FROM 'AWSService')
    AND (event_name IS DISTINCT FROM 'PreflightRequest')
    AND NOT coalesce(regexp_like(error_code, '(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError|AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'), false)
    -- the object is left out where the record lists its bucket as well, and a KMS key where it lists anything of S3
    AND (coalesce(resource_type, '') NOT LIKE 'AWS::S3%::Object'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::(Directory)?Bucket"'))
    AND (coalesce(resource_type, 'AWS::S3') LIKE 'AWS::S3%'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::'))
    -- operations on the account itself: its settings, jobs, storage lens, and the list of its buckets
    AND NOT coalesce(resource_arn IS NULL AND regexp_like(event_name, 'StorageLens|AccessGrant|AccountPublicAccessBlock|AccessPointPublicAccessBlock|MultiRegionAccessPoint|^ListAccessPoints|^GetAccessPoint$|Job(s|Tagging|Status|Priority)?$|^List(AllMy|Directory|Regional)?Buckets$'), false)
    AND (event_name IS DISTINCT FROM 'CreateBucket')
    AND NOT coalesce(resource_account_id IS NULL AND nullif(split_part(resource_arn, ':', 6), '') = account_id || '.s3-control', false)
) AS calls
WHERE owner_account_id IS DISTINCT FROM account_id
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
  bucket_arn,
  bucket_type,
  owner_account_id,
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id
