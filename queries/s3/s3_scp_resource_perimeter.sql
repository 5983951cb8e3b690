/*
title: S3 calls by the account on buckets outside the organization
description: |
  Which buckets outside the organization do principals of the account use? A service control policy with
  `aws:ResourceOrgID` denies these calls. AWS-owned buckets that workloads need are shown apart, as exceptions that
  the policy has to make.

  The owner comes from the record, then from the resource's ARN, then from the inventory; where none tells, the
  finding is undetermined and never taken for one of the organization. A bucket name alone proves no owner: trusted
  names count only with the trusted owner, and names of AWS services only with an account of AWS. Source and
  destination of a copy are judged each, where the record lists both. Left out: resources of the organization and
  trusted ones, and operations on the account itself (its settings, jobs, lists and the creation of buckets). Left out
  too: AWS services, service-linked roles, exempt principals, and CORS preflight requests.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  S3 means general purpose and directory buckets, S3 on Outposts and Object Lambda. An S3 object stands for its
  bucket. An access point is its own resource beside its bucket; an alias of one (`…-s3alias`, `.mrap`) does not tell
  the bucket, so its owner stays unknown.

  Compared with data-perimeter-helper: a bucket is trusted by owner and full name, not by a part of its name, an
  unknown owner is undetermined, and access points, directory buckets and Outposts are understood.
perimeter: resource
policy_types: [scp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role, AWS::S3::Bucket]
enrich: [account, principal, role, resource]
exclude: [aws_service_principals, service_linked_roles, organization_resources, trusted_resources, aws_owned_resources, exempt_principals]
finding: "{principal} calls {action} on {resource}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceorgid
  - https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
  - https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
  - https://github.com/aws-samples/data-perimeter-policy-examples/blob/main/service_owned_resources.md
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
  WHERE account_id = :account_id
    AND event_source IN ('s3.amazonaws.com', 's3express.amazonaws.com', 's3-outposts.amazonaws.com', 's3-object-lambda.amazonaws.com')
    AND (event_category IS DISTINCT FROM 'NetworkActivity')
    AND coalesce(principal_account_id, :account_id) = :account_id
    AND (principal_type IS DISTINCT FROM 'AWSService')
    AND NOT coalesce(principal_arn LIKE 'arn:%:iam::%:role/aws-service-role/%', false)
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
  owner_account_id
