/*
title: VPC endpoints and what their policies demand
description: |
  Every VPC endpoint: does its policy let everyone do everything, as the default one does, and does it demand whose the caller and the
  resource are? The policy is parsed, so every way of writing the default one is known as such. An endpoint policy lets through only
  what it allows, so a condition in every `Allow` is a demand, too. Null: the policy is not recorded, or cannot be read.

  Compared with data-perimeter-helper: no comparison of texts.
perimeter: none
scope: organization
over: inventory
inventory: [AWS::EC2::VPCEndpoint]
enrich: [account, endpoint]
finding: "{service_name} endpoint {vpc_endpoint_id}: allows everything: {allows_everything}; demands whose the caller is: {demands_principal}; whose the resource is: {demands_resource}"
references:
  - https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
*/
SELECT
  account_id,
  vpc_endpoint_id,
  account_id AS vpc_endpoint_account_id,
  region,
  service_name,
  vpc_id AS vpc,
  allows_everything,
  demands_principal,
  demands_resource,
  condition_keys,
  policy
FROM vpc_endpoints
