/*
title: Roles that AWS services may assume
description: |
  Every role that an AWS service may assume and that is not service-linked: a network perimeter must let the service's calls through, or
  the role must run in your network. Roles whose trust policy is unknown are listed too, as such.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::IAM::Role]
enrich: [account, resource]
finding: "{resource_arn} may be assumed by {let_in}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
*/
SELECT
  account_id,
  arn AS resource_arn,
  'AWS::IAM::Role' AS resource_type,
  account_id AS resource_account_id,
  role_id,
  path,
  assumable_by AS let_in,
  tags,
  role_id AS row_id
FROM roles
WHERE coalesce(service_role, NOT service_linked_role)
