/*
title: External access that IAM Access Analyzer found
description: |
  Which resources let in principals from outside the organization? One line for each active way in that IAM Access Analyzer found: a
  resource, whom it lets in, and what it lets them do.

  With events, each way in is joined with the recorded calls of outside principals, and the answer is one of four: *granted and used*
  (how often, when last), *granted, never used* (only where the logs hold what would show it), *granted, use not covered by your
  logs* (and why), and *used, but no finding* (an outside principal called, and no active finding explains it; the reason says why
  that may be). Without events the ways in are listed alone. The detail `access` has the answer.

  Verdicts: a principal outside the organization crosses the perimeter; one that `trusted_identities` names is excepted; a failed
  analysis, a finding without details, an identity provider, or a condition on the caller whose operator the finding does not
  tell is undetermined, with what would settle it. A way in that is open to the organization only is left out.

  Compared with data-perimeter-helper: findings of every analyzer and region are told once, failed analyses are kept, trust lists are
  applied, principals of the organization (which an analyzer of one account reports) are left out, and use is shown.
perimeter: identity
policy_types: [rcp, resource]
scope: organization
over: inventory
activity: [activity_outside_calls, activity_recorded_resources]
inventory: [AWS::AccessAnalyzer::Finding, AWS::Organizations::Account]
enrich: [account, principal, resource]
exclude: [external_access]
finding: "{summary}"
references:
  - https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-findings.html
  - https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_ExternalAccessDetails.html
*/
SELECT
  account_id,
  resource_arn,
  resource_type,
  account_id AS resource_account_id,
  region,
  principal_type,
  principal_arn,
  principal_id,
  principal_account_id,
  granted_to,
  actions,
  condition,
  public,
  granted_through,
  resource_control_policy,
  finding_ids,
  unknown_because,
  settled_by,
  row_id
FROM access_findings
WHERE in_access_analyzer AND coalesce(status, 'active') = 'active'
