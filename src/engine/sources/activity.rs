//! The statement of the roll-up: names from `config/activity.yaml`, expressions as `crate::activity` has them.

use super::render::Columns;
use super::{ACTIVITY, SourceError, without_comments};
use crate::activity::definition;
use crate::events::schema::Column;

/// The codes of denials, as the statement of `common_only_denied` has them.
const DENIAL: &str = "'(?i)(^|[.])[a-z]*(AccessDenied|Unauthorized(Operation|Access|Client)?|NotAuthorized|Forbidden|AuthorizationError\
     |AuthFailure|InsufficientPrivileges|AllAccessDisabled)(Exception|Error|Fault)?$'";

/// Columns that the rows of a group do not share.
const NOT_GROUPED: [Column; 5] = [Column::EventId, Column::EventTime, Column::EventCount, Column::FirstSeen, Column::LastSeen];

/// What follows the relation `events` in the `WITH` clause, and the query itself.
pub(super) fn roll_up(prefix_segments: usize) -> Result<String, SourceError> {
    let n = prefix_segments;
    let arn = format!(
        "'(?s)^(arn:[^:]*:(?:s3:::[^/]+|s3express:[^:]*:[^:]*:bucket/[^/]+|(?:s3|s3-object-lambda):[^:]*:[^:]*:accesspoint/[^/]+/object\
         |s3-outposts:[^:]*:[^:]*:outpost/[^/]+/(?:bucket|accesspoint)/[^/]+/object)(?:/[^/]*){{0,{n}}})/.+'"
    );
    let json_arn = format!(
        r#"'(?s)([\[{{,:]"arn:[^:"\\]*:(?:s3:::[^/"\\]+|s3express:[^:"\\]*:[^:"\\]*:bucket/[^/"\\]+|(?:s3|s3-object-lambda):[^:"\\]*:[^:"\\]*:accesspoint/[^/"\\]+/object|s3-outposts:[^:"\\]*:[^:"\\]*:outpost/[^/"\\]+/(?:bucket|accesspoint)/[^/"\\]+/object)(?:/[^/"\\]*){{0,{n}}})/(?:[^"\\]|\\.)+"'"#
    );
    let names = definition();
    Columns::new(&[], false).render(&without_comments(ACTIVITY), |_, directive| {
        let list = match directive {
            "names s3.event_sources" => &names.s3.event_sources,
            "names s3.kept" => &names.s3.kept,
            "names s3.key" => &names.s3.key,
            "names s3.bucket_and_key" => &names.s3.bucket_and_key,
            "names s3.presence" => &names.s3.presence,
            "names request_parameters.dropped" => &names.request_parameters.dropped,
            "names request_parameters.presence" => &names.request_parameters.presence,
            "names additional_event_data.kept" => &names.additional_event_data.kept,
            "names event_context.dropped" => &names.event_context.dropped,
            "denial" => return Some(DENIAL.to_owned()),
            "arn" => return Some(arn.clone()),
            "json_arn" => return Some(json_arn.clone()),
            "key" => return Some(format!("'(?s)^((?:[^/]*/){{0,{n}}}).+'")),
            "bucket_and_key" => return Some(format!("'(?s)^(/?[^/]+(?:/[^/]*){{0,{n}}})/.+'")),
            "columns" => return Some(columns()),
            "grouped" => return Some(grouped()),
            _ => return None,
        };
        let quoted: Vec<String> = list.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        Some(quoted.join(", "))
    })
}

fn columns() -> String {
    let columns: Vec<String> = Column::ALL
        .iter()
        .map(|column| match column {
            Column::EventId => "  min(event_id) AS event_id".to_owned(),
            Column::EventTime => "  CAST(NULL AS timestamp(3)) AS event_time".to_owned(),
            Column::EventCount => "  sum(event_count) AS event_count".to_owned(),
            Column::FirstSeen => "  min(first_seen) AS first_seen".to_owned(),
            Column::LastSeen => "  max(last_seen) AS last_seen".to_owned(),
            column => format!("  {}", column.name()),
        })
        .collect();
    columns.join(",\n")
}

fn grouped() -> String {
    let grouped = Column::ALL.iter().filter(|column| !NOT_GROUPED.contains(column));
    grouped.map(|column| format!("  {}", column.name())).collect::<Vec<_>>().join(",\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_are_the_ones_of_the_queries() {
        let query = include_str!("../../../queries/common/common_only_denied.sql");
        assert!(query.contains(&format!("regexp_like(error_code, {DENIAL})")));
    }
}
