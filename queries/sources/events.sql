-- From records to the relation: the same decisions as src/events/rows.rs, in SQL. Valid on Trino and on Athena engine version 3.
palisade_identified AS (
  SELECT *,
    CASE
      WHEN identity_type = 'AWSService' THEN NULL
      WHEN identity_account_id IN ('anonymous', 'ANONYMOUS_PRINCIPAL') THEN 'anonymous'
      WHEN identity_account_id IS NULL AND identity_principal_id IN ('anonymous', 'ANONYMOUS_PRINCIPAL') THEN 'anonymous'
      ELSE coalesce(
        identity_account_id,
        issuer_account_id,
        IF(regexp_like(coalesce(identity_arn, issuer_arn), '^arn:[^:]*:[^:]*:[^:]*:[0-9]{12}(:|\z)'), split_part(coalesce(identity_arn, issuer_arn), ':', 5))
      )
    END AS principal_account_id,
    -- a session: its ARN lacks the path of its role, so only the issuer names the principal
    coalesce(starts_with(identity_arn, 'arn:') AND strpos(identity_arn, ':assumed-role/') > 0, false) AS is_session_arn,
    coalesce(event_source = 's3.amazonaws.com', false) AS is_s3,
    coalesce(any_match(resource_list, r -> r.arn IS NOT NULL), false) AS has_resource_arn
  FROM palisade_records
),
palisade_accounts AS (
  SELECT *,
    CAST(event_time AS date) AS event_date,
    coalesce(
      folder_account_id,
      IF(regexp_like(recipient_account_id, '^[0-9]{12}\z'), recipient_account_id),
      IF(regexp_like(principal_account_id, '^[0-9]{12}\z'), principal_account_id),
      IF(regexp_like(element_at(filter(resource_list, r -> r.account_id IS NOT NULL), 1).account_id, '^[0-9]{12}\z'),
        element_at(filter(resource_list, r -> r.account_id IS NOT NULL), 1).account_id)
    ) AS account_id
  FROM palisade_identified
),
palisade_scope AS (
  SELECT *
  FROM palisade_accounts
  WHERE event_date BETWEEN CAST(${from} AS date) AND CAST(${to} AS date)
    ${accounts}
),
${once},
palisade_requests AS (
  SELECT *,
    IF(is_s3, nullif(json_extract_scalar(request_parameters, '$.bucketName'), '')) AS bucket,
    IF(is_s3, nullif(json_extract_scalar(request_parameters, '$.key'), '')) AS object_key
  FROM palisade_once
),
palisade_resources AS (
  SELECT *,
    CASE
      -- denied calls and old records of S3 list no resource: the request tells it
      WHEN is_s3 AND NOT has_resource_arn AND bucket IS NULL THEN CAST(ARRAY[] AS array(row(arn varchar, account_id varchar, resource_type varchar)))
      WHEN is_s3 AND NOT has_resource_arn AND starts_with(bucket, 'arn:') THEN ARRAY[CAST(ROW(
          bucket,
          IF(regexp_like(bucket, '^arn:[^:]*:[^:]*:[^:]*:[0-9]{12}(:|\z)'), split_part(bucket, ':', 5)),
          IF(strpos(bucket, ':accesspoint/') > 0, 'AWS::S3::AccessPoint')
        ) AS row(arn varchar, account_id varchar, resource_type varchar))]
      WHEN is_s3 AND NOT has_resource_arn THEN ARRAY[CAST(ROW(
          'arn:' || CASE WHEN starts_with(region, 'cn-') THEN 'aws-cn' WHEN starts_with(region, 'us-gov-') THEN 'aws-us-gov' ELSE 'aws' END
            || ':s3:::' || bucket || coalesce('/' || object_key, ''),
          NULL,
          IF(object_key IS NULL, 'AWS::S3::Bucket', 'AWS::S3::Object')
        ) AS row(arn varchar, account_id varchar, resource_type varchar))]
      -- S3 lists an object without its owner, and then its bucket with one
      WHEN is_s3 THEN transform(resource_list, r -> CAST(ROW(
          r.arn,
          coalesce(r.account_id, element_at(filter(resource_list, b -> b.account_id IS NOT NULL AND starts_with(r.arn, b.arn || '/')), 1).account_id),
          r.resource_type
        ) AS row(arn varchar, account_id varchar, resource_type varchar)))
      ELSE resource_list
    END AS resource_rows
  FROM palisade_requests
),
palisade_resolved AS (
  SELECT *,
    coalesce(
      -- more than an object and its bucket: the source of a copy, a key
      IF(is_s3 AND has_resource_arn AND cardinality(resource_list) > 2, element_at(filter(resource_rows, r -> coalesce(
        strpos(r.arn, ':::') > 0
          AND (substr(r.arn, strpos(r.arn, ':::') + 3) = bucket OR starts_with(substr(r.arn, strpos(r.arn, ':::') + 3), bucket || '/')),
        false)), 1)),
      element_at(filter(resource_rows, r -> NOT has_resource_arn OR r.arn IS NOT NULL), 1)
    ) AS primary_resource
  FROM palisade_resources
)
