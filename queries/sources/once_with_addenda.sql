palisade_numbered AS (
  -- CloudTrail delivers at least once; a record is known by its id, and one without counts always. A record with an addendum takes the place
  -- of the one that it names: a notice under that name comes first, and hides what has the name.
  SELECT *, row_number() OVER (
      PARTITION BY coalesce(IF(is_notice, original_event_id, event_id), CAST(uuid() AS varchar))
      ORDER BY CASE WHEN is_notice THEN 0 WHEN is_addendum THEN 1 ELSE 2 END
    ) AS occurrence
  FROM palisade_scope
  CROSS JOIN UNNEST(IF(is_addendum AND original_event_id <> event_id, ARRAY[false, true], ARRAY[false])) AS notices (is_notice)
),
palisade_once AS (
  SELECT * FROM palisade_numbered WHERE occurrence = 1 AND NOT is_notice
)
