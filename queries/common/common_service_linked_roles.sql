/*
title: Calls by service-linked roles
description: |
  Which service-linked roles work in the account, and what do they do? Service control policies and resource control
  policies do not bind them, so the perimeter queries leave them out. The list is for information, in every partition
  (AWS China and AWS GovCloud too), with calls that failed.

  Compared with data-perimeter-helper: it recognises the roles in every partition and lists failed calls too.
perimeter: none
policy_types: []
scope: account
parameters:
  account_id: {type: string, from: account}
inventory: [AWS::Organizations::Account]
enrich: [account, principal]
exclude: []
finding: "{principal} calls {action}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
  - https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
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
  sum(event_count) AS event_count,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  min(event_id) AS sample_event_id
FROM events
WHERE account_id = :account_id
  AND (event_category IS DISTINCT FROM 'NetworkActivity')
  AND principal_arn LIKE 'arn:%:iam::%:role/aws-service-role/%'
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
  vpc_endpoint_id
