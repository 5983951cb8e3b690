/*
title: Calls through VPC endpoints that are not listed
description: |
  Which calls come through VPC endpoints that `expected_networks` does not list, by endpoint, VPC or address? The
  strict reading of a network perimeter, for policies that list VPCs or endpoints (`aws:SourceVpc`, `aws:SourceVpce`):
  endpoints of the account itself are in the report until they are listed. `common_network_perimeter_ipv4` lets them
  through.

  The owner of the endpoint is shown. An endpoint that neither the record nor the inventory tells is mostly one of
  AWS's own: the finding is undetermined. Left out: AWS services (their records name AWS's own endpoints), calls from
  services' networks, service-linked roles, calls that a service makes with the caller's credentials, and exempt
  principals.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  Compared with data-perimeter-helper: endpoint ids match in full, not by their beginning, and endpoints that nothing
  explains are undetermined.
perimeter: network
policy_types: [scp, rcp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role, AWS::EC2::VPCEndpoint]
enrich: [account, principal, role, endpoint, network]
exclude: [aws_service_principals, expected_networks, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} through {endpoint}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourcevpce
  - https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
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
  AND starts_with(vpc_endpoint_id, 'vpce-')
  AND source_service IS NULL
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
