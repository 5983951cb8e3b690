/*
title: Calls from networks that are not expected
description: |
  Which calls come neither from an expected network nor through a VPC endpoint of the account? IPv4 **and IPv6** (the
  name is older). The operation is always shown, because a policy is written in operations.

  Where an AWS service calls, `invokedBy` and the role's trust policy tell calls with the caller's credentials (left
  out: policies let them through with `aws:ViaAWSService`) from calls with a service role (kept: a policy without an
  exception breaks them). Where neither tells, the finding is undetermined. Left out too: service-linked roles, AWS
  services and exempt principals.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  Compared with data-perimeter-helper: it answers for IPv6 too, shows the operation, judges calls from the networks of
  AWS services one by one instead of hiding them all when no role of people is listed, and takes an account without
  endpoints for one that has none.
perimeter: network
policy_types: [scp, rcp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role, AWS::EC2::VPCEndpoint]
enrich: [account, principal, role, endpoint, network]
exclude: [aws_service_principals, own_vpc_endpoints, expected_networks, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} from {source}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpce
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/access_forward_access_sessions.html
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
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND (principal_type IS DISTINCT FROM 'AWSService')
  AND NOT coalesce(principal_arn LIKE 'arn:%:iam::%:role/aws-service-role/%', false)
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
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id
