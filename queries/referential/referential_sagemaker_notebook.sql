/*
title: SageMaker notebook instances and their network
description: |
  Every SageMaker notebook instance that AWS Config recorded: does it reach the internet directly, and in which subnet and security
  groups is it? Null means that the snapshot does not tell.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::SageMaker::NotebookInstance]
enrich: [account, resource]
finding: "notebook instance {name}: direct internet access {direct_internet_access}, subnet {subnet_id}"
references:
  - https://docs.aws.amazon.com/sagemaker/latest/dg/appendix-notebook-and-internet-access.html
*/
SELECT
  account_id,
  arn AS resource_arn,
  resource_type,
  account_id AS resource_account_id,
  region,
  name,
  json_extract_scalar(configuration, '$.DirectInternetAccess') AS direct_internet_access,
  coalesce(json_extract_scalar(configuration, '$.SubnetId'),
    -- an instance that has its type has its whole configuration
    CASE WHEN json_extract(configuration, '$.InstanceType') IS NOT NULL THEN 'none' END) AS subnet_id,
  json_extract(configuration, '$.SecurityGroupIds') AS security_group_ids,
  json_extract_scalar(configuration, '$.RoleArn') AS role
FROM resources
WHERE resource_type = 'AWS::SageMaker::NotebookInstance'
