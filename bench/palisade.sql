SELECT
  principal_arn AS role,
  event_name,
  json_extract_scalar(request_parameters, '$.bucketName') AS bucket,
  count(*) AS calls
FROM events
WHERE event_source = 's3.amazonaws.com'
  AND error_code IS NULL
GROUP BY 1, 2, 3
