/*
title: Calls that are denied today
description: |
  Which calls fail for lack of permission, and which policy type says no, where the message tells? The list shows what
  a policy rollout has broken, and what the perimeter queries leave out.

  A denial is recognised by its error code, in the forms of all services (`AccessDenied`, `AccessDeniedException`,
  `Client.UnauthorizedOperation`, `UnauthorizedException`, `AuthorizationError`, `Forbidden`, `VpceAccessDenied` …),
  or by a message that says "not authorized to perform". `Client.InvalidPermission.NotFound` (a security group rule
  that is not there) and `Client.OperationNotPermitted` (a state that forbids the operation) are no denials. Denials
  by VPC endpoint policies come from network activity events, where the trail records them.

  The message is shown without what changes from call to call: the session, the resource (it has its own column) and
  the encoded part. Nothing is left out; the query judges no perimeter.

  Compared with data-perimeter-helper: it knows the codes of all services, names the policy type that denied, and does
  not count security group rules that are missing.
perimeter: none
policy_types: []
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account, AWS::IAM::Role]
enrich: [account, principal, role, endpoint, resource]
exclude: []
finding: "{principal} is denied {action} ({error})"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
  - https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
  - https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-network-events-with-cloudtrail.html
*/
SELECT
  account_id,
  event_source,
  event_name,
  region,
  error_code,
  reason AS error_message,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END AS principal_id,
  principal_account_id,
  invoked_by,
  target_arn AS resource_arn,
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
FROM (
  SELECT *,
    CASE
      WHEN strpos(error_message, ' is not authorized to perform: ') = 0 THEN split_part(error_message, ' Encoded authorization', 1)
      ELSE 'not authorized to perform: '
        || coalesce(split_part(nullif(split_part(error_message, ' is not authorized to perform: ', 2), ''), ' ', 1), '')
        || CASE
          WHEN strpos(error_message, ' with an explicit deny') > 0
            THEN split_part(substr(error_message, strpos(error_message, ' with an explicit deny')), ' Encoded authorization', 1)
          WHEN strpos(error_message, ' because ') > 0
            THEN split_part(substr(error_message, strpos(error_message, ' because ')), ' Encoded authorization', 1)
          ELSE ''
        END
    END AS reason,
    CASE
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3:::') THEN split_part(resource_arn, '/', 1)
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3-outposts:[^:]*:[^:]*:outpost/[^/]+/[^/]+/[^/]+/') THEN split_part(resource_arn, '/', 1)
        || '/' || nullif(split_part(resource_arn, '/', 2), '') || '/' || nullif(split_part(resource_arn, '/', 3), '')
        || '/' || nullif(split_part(resource_arn, '/', 4), '')
      WHEN regexp_like(resource_arn, '^arn:[^:]*:s3(express|-object-lambda)?:[^:]*:[^:]*:(bucket|accesspoint)/[^/]+/')
        THEN split_part(resource_arn, '/', 1) || '/' || nullif(split_part(resource_arn, '/', 2), '')
      ELSE resource_arn
    END AS target_arn
  FROM events
  WHERE account_id = :account_id
    AND (coalesce(regexp_like(error_code, '(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError|AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'), false)
      OR coalesce(strpos(error_message, 'not authorized to perform'), 0) > 0)
) AS calls
GROUP BY
  account_id,
  event_source,
  event_name,
  region,
  error_code,
  reason,
  principal_arn,
  principal_type,
  CASE WHEN principal_id LIKE 'AROA%' THEN split_part(principal_id, ':', 1) ELSE principal_id END,
  principal_account_id,
  invoked_by,
  target_arn,
  resource_type,
  resource_account_id,
  source_ip,
  source_service,
  vpc_endpoint_id,
  vpc_endpoint_account_id
