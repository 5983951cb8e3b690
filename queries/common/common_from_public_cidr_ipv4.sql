/*
title: Calls from public addresses that are not expected
description: |
  Which principals call AWS from the internet, from addresses (IPv4 **and IPv6**; the name is older) that
  `expected_networks.cidrs` does not have? A network perimeter denies these calls.

  Left out: calls through a VPC endpoint, from AWS services' networks or from private addresses
  (`common_network_perimeter_ipv4` has those), service-linked roles and AWS services, calls that a service makes with
  the caller's credentials (policies let them through with `aws:ViaAWSService`), and exempt principals.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  Compared with data-perimeter-helper: it answers for IPv6 too, and shows region, error code and user agent.
perimeter: network
policy_types: [scp, rcp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role]
enrich: [account, principal, role, network]
exclude: [aws_service_principals, expected_networks, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} from {source}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip
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
  user_agent,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM events
WHERE account_id = :account_id
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND source_ip IS NOT NULL
  AND vpc_endpoint_id IS NULL
  AND NOT regexp_like(coalesce(lower(source_ip), ''), '^(10[.]|127[.]|169[.]254[.]|192[.]168[.]|172[.](1[6-9]|2[0-9]|3[01])[.]|100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|::1$|f[cd][0-9a-f][0-9a-f]:|fe[89ab][0-9a-f]:)')
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
  user_agent
