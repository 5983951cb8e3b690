/*
title: Networks that are not expected on buckets of the account
description: |
  Which calls on buckets of the account come neither from an expected network nor through a VPC endpoint of the
  account? IPv4 **and IPv6** (the name is older). A network perimeter in bucket policies or resource control policies
  denies them, whoever calls.

  Where the record hides the owner of the bucket, the account owns it if the caller is of another account (CloudTrail
  gives a record to the caller's account and to the owner's only); else the inventory tells, or the finding is
  undetermined. Left out: AWS services, service-linked roles, calls that a service makes with the caller's
  credentials, exempt principals, operations on the account itself (its settings, jobs and lists), and CORS preflight
  requests. Calls that were denied are left out: a policy cannot
  break what fails already, and `common_only_denied` lists them. A call that failed for any other reason, such as an
  object that is not there, stays, with its error code. Network activity events are left out, because the call has a
  record of its own.

  S3 means general purpose and directory buckets, S3 on Outposts and Object Lambda. An S3 object stands for its
  bucket. An access point is its own resource beside its bucket; an alias of one (`…-s3alias`, `.mrap`) does not tell
  the bucket, so its owner stays unknown.

  Compared with data-perimeter-helper: it answers for IPv6 too, the bucket need not be in the inventory, the operation
  is shown, and an empty exception for a bucket removes nothing.
perimeter: network
policy_types: [rcp, resource]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role, AWS::EC2::VPCEndpoint, AWS::S3::Bucket]
enrich: [account, principal, role, endpoint, network, resource]
exclude: [aws_service_principals, not_own_resources, own_vpc_endpoints, expected_networks, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} on {resource} from {source}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpc
  - https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
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
    coalesce(resource_account_id, nullif(split_part(resource_arn, ':', 5), ''),
      CASE WHEN nullif(principal_account_id, account_id) IS NOT NULL THEN account_id END) AS owner_account_id
  FROM event_resources
  WHERE account_id = :account_id
    AND event_source IN ('s3.amazonaws.com', 's3express.amazonaws.com', 's3-outposts.amazonaws.com', 's3-object-lambda.amazonaws.com')
    AND (event_category IS DISTINCT FROM 'NetworkActivity')
    AND (principal_type IS DISTINCT FROM 'AWSService')
    AND NOT coalesce(principal_arn LIKE 'arn:%:iam::%:role/aws-service-role/%', false)
    AND (event_name IS DISTINCT FROM 'PreflightRequest')
    AND NOT coalesce(regexp_like(error_code, '(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError|AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'), false)
    -- the object is left out where the record lists its bucket as well, and a KMS key where it lists anything of S3
    AND (coalesce(resource_type, '') NOT LIKE 'AWS::S3%::Object'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::(Directory)?Bucket"'))
    AND (coalesce(resource_type, 'AWS::S3') LIKE 'AWS::S3%'
        OR NOT regexp_like(coalesce(resources, ''), '"AWS::S3[A-Za-z]*::'))
    -- operations on the account itself, which no bucket policy sees: its settings, jobs, storage lens, and the list of its buckets
    AND NOT coalesce(resource_arn IS NULL AND regexp_like(event_name, 'StorageLens|AccessGrant|AccountPublicAccessBlock|AccessPointPublicAccessBlock|MultiRegionAccessPoint|^ListAccessPoints|^GetAccessPoint$|Job(s|Tagging|Status|Priority)?$|^List(AllMy|Directory|Regional)?Buckets$'), false)
) AS calls
WHERE coalesce(owner_account_id, account_id) = account_id
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
