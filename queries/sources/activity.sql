-- The roll-up of `events`: src/activity.rs has its rules, config/activity.yaml the names of members. TRY(json_parse(…)) is not json_parse(…):
-- the engine makes one step of a cast of the latter, and leaves the members of nested objects unsorted.
palisade_members AS (
  SELECT *,
    event_source IN (${names s3.event_sources}) AS has_s3_parameters,
    TRY(CAST(TRY(json_parse(request_parameters)) AS map(varchar, json))) AS request_members,
    TRY(CAST(TRY(json_parse(additional_event_data)) AS map(varchar, json))) AS additional_members,
    TRY(CAST(TRY(json_parse(event_context)) AS map(varchar, json))) AS context_members,
    TRY(CAST(TRY(json_parse(resources)) AS array(json))) AS listed_resources
  FROM events
),
palisade_cut AS (
  SELECT *,
    CASE
      WHEN NOT (coalesce(strpos(error_message, 'not authorized to perform'), 0) > 0 OR coalesce(regexp_like(error_code, ${denial}), false)) THEN NULL
      WHEN strpos(error_message, ' is not authorized to perform: ') > 0
          AND (strpos(error_message, ':s3:::') > 0 OR strpos(error_message, ':s3express:') > 0 OR strpos(error_message, '/object/') > 0)
        THEN 'User is not authorized to perform: '
          || coalesce(split_part(nullif(split_part(error_message, ' is not authorized to perform: ', 2), ''), ' ', 1), '')
          || CASE
            WHEN strpos(error_message, ' with an explicit deny') > 0
              THEN split_part(substr(error_message, strpos(error_message, ' with an explicit deny')), ' Encoded authorization', 1)
            WHEN strpos(error_message, ' because ') > 0
              THEN split_part(substr(error_message, strpos(error_message, ' because ')), ' Encoded authorization', 1)
            ELSE ''
          END
      ELSE nullif(split_part(error_message, ' Encoded authorization', 1), '')
    END AS kept_error_message,
    regexp_replace(resource_arn, ${arn}, '$1/*') AS cut_resource_arn,
    CASE WHEN has_s3_parameters THEN
      transform_values(map_filter(request_members, (k, v) -> lower(k) IN (${names s3.kept})), (k, v) -> CASE
        WHEN lower(k) IN (${names s3.key}) AND json_extract_scalar(v, '$') IS NOT NULL
          THEN CAST(regexp_replace(json_extract_scalar(v, '$'), ${key}, '$1*') AS json)
        WHEN lower(k) IN (${names s3.bucket_and_key}) AND NOT coalesce(starts_with(json_extract_scalar(v, '$'), 'arn:'), true)
          THEN CAST(regexp_replace(json_extract_scalar(v, '$'), ${bucket_and_key}, '$1/*') AS json)
        WHEN lower(k) IN (${names s3.presence}) THEN CAST('*' AS json)
        ELSE v
      END)
    ELSE
      transform_values(map_filter(request_members, (k, v) -> lower(k) NOT IN (${names request_parameters.dropped})),
        (k, v) -> IF(lower(k) IN (${names request_parameters.presence}), CAST('*' AS json), v))
    END AS kept_request_members,
    map_filter(additional_members, (k, v) -> lower(k) IN (${names additional_event_data.kept})) AS kept_additional_members,
    transform_values(context_members, (k, v) -> CASE WHEN k = 'requestContext' AND starts_with(json_format(v), '{')
      THEN CAST(map_filter(CAST(v AS map(varchar, json)), (n, x) -> lower(n) NOT IN (${names event_context.dropped})) AS json)
      ELSE v END) AS kept_context_members,
    transform(filter(listed_resources, r -> starts_with(json_format(r), '{')),
      r -> map_filter(CAST(r AS map(varchar, json)), (k, v) -> k IN ('ARN', 'arn', 'ARNPrefix', 'arnPrefix', 'accountId', 'type'))) AS kept_resources
  FROM palisade_members
),
palisade_rows AS (
  SELECT
    event_id,
    event_date,
    event_category,
    event_type,
    IF(issued_access_key_id IS NOT NULL, shared_event_id) AS shared_event_id,
    account_id,
    region,
    recipient_account_id,
    principal_type,
    principal_id,
    principal_arn,
    session_arn,
    principal_account_id,
    access_key_id,
    invoked_by,
    federated_provider,
    source_identity,
    mfa_authenticated,
    session_created_at,
    ec2_role_delivery,
    on_behalf_of_user_id,
    invoked_by_delegate_account_id,
    regexp_replace(json_format(TRY(json_parse(in_scope_of))), ${json_arn}, '$1/*"') AS in_scope_of,
    regexp_replace(json_format(TRY(json_parse(federation_attributes))), ${json_arn}, '$1/*"') AS federation_attributes,
    assumed_root,
    sign_in_session_arn,
    session_from_console,
    event_source,
    event_name,
    read_only,
    error_code,
    kept_error_message AS error_message,
    cut_resource_arn AS resource_arn,
    resource_account_id,
    resource_type,
    regexp_replace(json_format(CAST(kept_resources AS json)), ${json_arn}, '$1/*"') AS resources,
    regexp_replace(json_format(CAST(kept_request_members AS json)), ${json_arn}, '$1/*"') AS request_parameters,
    nullif(regexp_replace(json_format(CAST(kept_additional_members AS json)), ${json_arn}, '$1/*"'), '{}') AS additional_event_data,
    regexp_replace(json_format(CAST(kept_context_members AS json)), ${json_arn}, '$1/*"') AS event_context,
    source_ip,
    source_service,
    vpc_endpoint_id,
    vpc_endpoint_account_id,
    user_agent,
    tls_version,
    issued_access_key_id,
    issued_session_arn,
    issued_issuer,
    issued_subject,
    issued_audience,
    event_count,
    first_seen,
    last_seen
  FROM palisade_cut
)
SELECT
${columns}
FROM palisade_rows
GROUP BY
${grouped}
