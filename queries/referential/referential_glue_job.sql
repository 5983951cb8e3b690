/*
title: AWS Glue jobs and their way into the network
description: |
  Every AWS Glue job that AWS Config recorded, with what decides where its calls come from: its connections, which put it into a VPC,
  and whether the job leaves out the proxy that signs for it (`--disable-proxy-v2`).

  Null means that the snapshot does not tell: export the whole `configuration`, as AWS Config lets queries select parts of it.

  Compared with data-perimeter-helper: what was not recorded is told apart from what is not set.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::Glue::Job]
enrich: [account, resource]
finding: "AWS Glue job {name}: connections {connections}, --disable-proxy-v2 {disable_proxy_v2}"
references:
  - https://docs.aws.amazon.com/glue/latest/dg/connection-VPC-disable-proxy.html
*/
SELECT
  account_id,
  arn AS resource_arn,
  resource_type,
  account_id AS resource_account_id,
  region,
  name,
  -- a job that has its command has its whole configuration
  coalesce(json_extract(configuration, '$.Connections.Connections'),
    CASE WHEN json_extract(configuration, '$.Command') IS NOT NULL THEN '[]' END) AS connections,
  coalesce(json_extract_scalar(configuration, '$.DefaultArguments["--disable-proxy-v2"]'),
    CASE WHEN json_extract(configuration, '$.DefaultArguments') IS NOT NULL THEN 'not set' END) AS disable_proxy_v2,
  json_extract_scalar(configuration, '$.Role') AS role
FROM resources
WHERE resource_type = 'AWS::Glue::Job'
