/*
title: Lambda functions and their VPC
description: |
  Every Lambda function that AWS Config recorded: is it attached to a VPC? The calls of one that is not come from the network of AWS
  Lambda. Null means that the snapshot does not tell: AWS Config leaves `vpcConfig` out for a function without one, so only a function
  whose whole `configuration` was exported is known to have none.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::Lambda::Function]
enrich: [account, resource]
finding: "Lambda function {name}: in a VPC {in_vpc}"
references:
  - https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
*/
SELECT
  account_id,
  arn AS resource_arn,
  resource_type,
  account_id AS resource_account_id,
  region,
  name,
  CASE
    WHEN json_extract_scalar(configuration, '$.vpcConfig.subnetIds[0]') IS NOT NULL THEN true
    WHEN json_extract(configuration, '$.vpcConfig') IS NOT NULL THEN false
    WHEN json_extract(configuration, '$.codeSha256') IS NOT NULL THEN false
  END AS in_vpc,
  json_extract(configuration, '$.vpcConfig.subnetIds') AS subnet_ids,
  json_extract_scalar(configuration, '$.role') AS role
FROM resources
WHERE resource_type = 'AWS::Lambda::Function'
