-- The columns of the relation, in their order.
${name} AS (
  SELECT
    event_id,
    event_time,
    event_date,
    CASE
      WHEN event_category IS NOT NULL THEN event_category
      WHEN event_type IN ('AwsVpceEvent', 'AwsVpceEvents') THEN 'NetworkActivity'
      WHEN management_event IS NOT NULL THEN IF(management_event = 'false', 'Data', 'Management')
      WHEN is_s3 AND object_key IS NOT NULL THEN 'Data'
      WHEN event_source = 'lambda.amazonaws.com' AND event_name = 'Invoke' THEN 'Data'
      ELSE 'Management'
    END AS event_category,
    event_type,
    shared_event_id,
    account_id,
    region,
    recipient_account_id,
    identity_type AS principal_type,
    identity_principal_id AS principal_id,
    CASE WHEN identity_type = 'AssumedRole' OR is_session_arn THEN issuer_arn ELSE coalesce(identity_arn, issuer_arn) END AS principal_arn,
    CASE WHEN identity_type = 'FederatedUser' OR is_session_arn THEN identity_arn END AS session_arn,
    principal_account_id,
    access_key_id,
    nullif(regexp_replace(invoked_by, ';+\z', ''), '') AS invoked_by,
    federated_provider,
    source_identity,
    CASE WHEN mfa_authenticated IN ('true', 'True', 'TRUE') THEN true WHEN mfa_authenticated IN ('false', 'False', 'FALSE') THEN false END AS mfa_authenticated,
    session_created_at,
    ec2_role_delivery,
    on_behalf_of_user_id,
    invoked_by_delegate_account_id,
    in_scope_of,
    federation_attributes,
    CASE WHEN assumed_root IN ('true', 'True', 'TRUE') THEN true WHEN assumed_root IN ('false', 'False', 'FALSE') THEN false END AS assumed_root,
    sign_in_session_arn,
    CASE WHEN session_from_console IN ('true', 'True', 'TRUE') THEN true WHEN session_from_console IN ('false', 'False', 'FALSE') THEN false END AS session_from_console,
    event_source,
    event_name,
    CASE WHEN read_only IN ('true', 'True', 'TRUE') THEN true WHEN read_only IN ('false', 'False', 'FALSE') THEN false END AS read_only,
    error_code,
    error_message,
    nullif(${resource}.arn, '') AS resource_arn,
    IF(regexp_like(${resource}.account_id, '^[0-9]{12}\z'), ${resource}.account_id) AS resource_account_id,
    nullif(${resource}.resource_type, '') AS resource_type,
    resources,
    request_parameters,
    additional_event_data,
    event_context,
    CASE WHEN regexp_like(source_address, '^[0-9]|:') AND strpos(source_address, '%') = 0 AND try_cast(source_address AS ipaddress) IS NOT NULL
      THEN source_address END AS source_ip,
    CASE WHEN NOT (regexp_like(source_address, '^[0-9]|:') AND strpos(source_address, '%') = 0 AND try_cast(source_address AS ipaddress) IS NOT NULL)
      THEN source_address END AS source_service,
    coalesce(vpc_endpoint_id, nullif(json_extract_scalar(additional_event_data, '$.vpcEndpointId'), '')) AS vpc_endpoint_id,
    IF(regexp_like(vpc_endpoint_account_id, '^[0-9]{12}\z'), vpc_endpoint_account_id) AS vpc_endpoint_account_id,
    user_agent,
    tls_version,
    nullif(json_extract_scalar(response_elements, '$.credentials.accessKeyId'), '') AS issued_access_key_id,
    IF(event_source = 'sts.amazonaws.com', coalesce(nullif(json_extract_scalar(response_elements, '$.assumedRoleUser.arn'), ''),
      nullif(json_extract_scalar(response_elements, '$.federatedUser.arn'), ''))) AS issued_session_arn,
    IF(event_source = 'sts.amazonaws.com', coalesce(nullif(json_extract_scalar(response_elements, '$.issuer'), ''),
      nullif(json_extract_scalar(response_elements, '$.provider'), ''))) AS issued_issuer,
    IF(event_source = 'sts.amazonaws.com', coalesce(nullif(json_extract_scalar(response_elements, '$.subject'), ''),
      nullif(json_extract_scalar(response_elements, '$.subjectFromWebIdentityToken'), ''))) AS issued_subject,
    IF(event_source = 'sts.amazonaws.com', nullif(json_extract_scalar(response_elements, '$.audience'), '')) AS issued_audience,
    CAST(1 AS bigint) AS event_count,
    event_time AS first_seen,
    event_time AS last_seen
  FROM palisade_resolved
  ${join}
)
