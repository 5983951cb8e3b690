/*
title: Service and resource control policies and what they demand
description: |
  Every service control policy and resource control policy that is not AWS's own: is it attached, and does it demand whose the resource
  or the caller is, or which network a call comes from? A key that is only mentioned is no demand: it must stand in a `Deny` under a
  negated operator, or deny requests that lack it. `all actions` and `some actions` say how far the statements reach; exceptions in
  further conditions are not counted.

  Compared with data-perimeter-helper: policies are parsed instead of searched as text, and resource control policies are included.
  `content` has the document; no files are written beside the report.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::Organizations::Policy]
enrich: [account]
finding: "{policy_type} {name} ({policy_id}) demands: whose the resource is: {demands_resource}; whose the caller is: {demands_principal}; from which network: {demands_network}"
references:
  - https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
*/
SELECT
  account_id,
  'AWS::Organizations::Policy' AS resource_type,
  account_id AS resource_account_id,
  policy_id,
  name,
  policy_type,
  attached,
  targets,
  demands_resource,
  demands_principal,
  demands_network,
  condition_keys,
  content,
  policy_id AS row_id
FROM policies
-- policies that AWS maintains have ids of their own, also where the list does not mark them
WHERE NOT aws_managed
  AND policy_id NOT IN ('p-FullAWSAccess', 'p-RCPFullAWSAccess')
  AND coalesce(policy_type, 'SERVICE_CONTROL_POLICY') IN ('SERVICE_CONTROL_POLICY', 'RESOURCE_CONTROL_POLICY')
