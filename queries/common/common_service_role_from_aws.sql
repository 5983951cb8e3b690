/*
title: Service roles that call from AWS networks
description: |
  Which roles that AWS services assume call from the services' own networks? A network perimeter without an exception
  for them (by tag, path or name of the role) breaks them.

  A role is a service role if the inventory's trust policy lets an AWS service assume it; a role that the inventory
  lacks stays undetermined, and users and root are never taken for service roles. Calls that a further service makes
  with the role's credentials (forward access sessions) are left out, because policies let them through with
  `aws:ViaAWSService`.

  Calls that were denied are left out: a policy cannot break what fails already, and `common_only_denied` lists them.
  A call that failed for any other reason, such as an object that is not there, stays, with its error code. Network
  activity events are left out, because the call has a record of its own.

  Compared with data-perimeter-helper: users and root are no service roles, a role that the inventory lacks is
  undetermined, and calls by service roles in their own service are never hidden.
perimeter: network
policy_types: [scp, rcp]
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role]
enrich: [account, principal, role, network]
exclude: [service_linked_roles, not_service_role, forward_access_sessions, exempt_principals]
finding: "{principal} calls {action} from {source}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
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
  source_service,
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM events
WHERE account_id = :account_id
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND principal_type = 'AssumedRole'
  AND source_service IS NOT NULL
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
  source_service
