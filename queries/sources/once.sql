palisade_numbered AS (
  -- CloudTrail delivers at least once; a record is known by its id, and one without counts always
  SELECT *, row_number() OVER (PARTITION BY coalesce(event_id, CAST(uuid() AS varchar))) AS occurrence
  FROM palisade_scope
),
palisade_once AS (
  SELECT * FROM palisade_numbered WHERE occurrence = 1
)
