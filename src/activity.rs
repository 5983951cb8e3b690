//! `activity`: events rolled up into distinct request contexts.
//!
//! CloudTrail is gzip JSON, so every statement over it costs a whole scan. One pass rolls the records of an account and day up into
//! rows that say the same to every query and every policy condition, with how often and when. Everything that is asked later is
//! answered from these rows.
//!
//! # The relation
//!
//! `activity` has the columns of `events` ([`crate::events::schema`]), in the same order and with the same types. A row stands for
//! all records that agree in every column but the five of the first table.
//!
//! | column | value |
//! |---|---|
//! | `event_id` | `min(event_id)`: the sample |
//! | `event_time` | null |
//! | `event_count` | `sum(event_count)` |
//! | `first_seen`, `last_seen` | `min(first_seen)`, `max(last_seen)` |
//!
//! These columns are changed before they are compared:
//!
//! | column | what is kept |
//! |---|---|
//! | `shared_event_id` | only where `issued_access_key_id` is not null: such a row is one record anyway, and the id links the two accounts of a session's issue. Elsewhere null: who a caller of type `AWSAccount` is follows from `principal_id`, which rows of the caller's own account have too |
//! | `error_message` | see below |
//! | `resource_arn` | an object in S3 is cut |
//! | `resources` | an array of objects in normal form: of each the members `ARN`, `arn`, `ARNPrefix`, `arnPrefix`, `accountId` and `type`. Elements that are no object are left out; equal ones are all kept. Null if it is no array |
//! | `request_parameters` | an object in normal form with the members that `config/activity.yaml` keeps. Null if it is no object; `{}` if no member is kept |
//! | `additional_event_data` | an object in normal form with the members that `config/activity.yaml` keeps. Null if it is no object, or no member is kept |
//! | `event_context` | an object in normal form without those members of `requestContext` that `config/activity.yaml` names. Null if it is no object |
//! | `in_scope_of`, `federation_attributes` | normal form; null if it is not JSON |
//!
//! Every other column is compared as it is. Days are the unit of storage, so `event_date` is one of them: a day that is complete is
//! never read again.
//!
//! ## Names of members
//!
//! Names are compared in lower case, at the top level only. With `s3 = event_source IN (s3.event_sources)` a member of
//! `request_parameters` is
//!
//! - for S3: left out unless in `s3.kept`; in `s3.key`, a scalar is cut as a key; in `s3.bucket_and_key`, a scalar is cut as a bucket
//!   and key; in `s3.presence`, the value becomes `"*"`;
//! - else: left out if in `request_parameters.dropped`; in `request_parameters.presence`, the value becomes `"*"`.
//!
//! A dropped member cannot be told from one that the call did not have. Whoever reads `activity` asks
//! [`keeps_request_parameter`] (in a test) that it reads none.
//!
//! ## Normal form
//!
//! JSON without white space, names sorted, of equal names the first; strings escaped only where they must be (`\"`, `\\`, `\b`, `\f`,
//! `\n`, `\r`, `\t`, `\u001F` for other control characters); whole numbers as they stand, others as Java writes a `double`. That is what
//! `json_format(json_parse(…))` gives on Trino and Athena. In it each string, name or value, at any depth, that begins with the ARN of an
//! object in S3 is cut. Text that is not JSON, or nests deeper than 64, is null.
//!
//! ## Cutting, with `N` the number of prefix segments that the user wants to keep (0 unless set)
//!
//! A cut ARN ends in `/*`: some object below this prefix, whose key is not known.
//!
//! ```text
//! resource_arn    regexp_replace(resource_arn, '(?s)^(arn:[^:]*:(?:s3:::[^/]+|s3express:[^:]*:[^:]*:bucket/[^/]+|(?:s3|s3-object-lambda):[^:]*:[^:]*:accesspoint/[^/]+/object|s3-outposts:[^:]*:[^:]*:outpost/[^/]+/(?:bucket|accesspoint)/[^/]+/object)(?:/[^/]*){0,N})/.+', '$1/*')
//! in normal form  regexp_replace(json, '(?s)([\[{,:]"arn:[^:"\\]*:(?:s3:::[^/"\\]+|s3express:[^:"\\]*:[^:"\\]*:bucket/[^/"\\]+|(?:s3|s3-object-lambda):[^:"\\]*:[^:"\\]*:accesspoint/[^/"\\]+/object|s3-outposts:[^:"\\]*:[^:"\\]*:outpost/[^/"\\]+/(?:bucket|accesspoint)/[^/"\\]+/object)(?:/[^/"\\]*){0,N})/(?:[^"\\]|\\.)+"', '$1/*"')
//! key             regexp_replace(key, '(?s)^((?:[^/]*/){0,N}).+', '$1*')
//! bucket and key  unless it starts with 'arn:': regexp_replace(source, '(?s)^(/?[^/]+(?:/[^/]*){0,N})/.+', '$1/*')
//! ```
//!
//! A key or a bucket and key is the text of a string, number or boolean (`json_extract_scalar(value, '$')`); anything else stays.
//!
//! ## `error_message`
//!
//! ```text
//! CASE
//!   WHEN NOT (strpos(error_message, 'not authorized to perform') > 0 OR regexp_like(error_code, <the expression of common_only_denied>)) THEN null
//!   WHEN strpos(error_message, ' is not authorized to perform: ') > 0
//!       AND (strpos(error_message, ':s3:::') > 0 OR strpos(error_message, ':s3express:') > 0 OR strpos(error_message, '/object/') > 0)
//!     THEN 'User is not authorized to perform: ' || <the first word after ' is not authorized to perform: '>
//!       || <from the first ' with an explicit deny', else from the first ' because ', up to ' Encoded authorization'>
//!   ELSE nullif(split_part(error_message, ' Encoded authorization', 1), '')
//! END
//! ```
//!
//! The messages of failures that are no denials hold ids of all kinds, and nothing reads them. The statement of `common_only_denied`
//! makes the same of the message before and after.
//!
//! # `event_resources`
//!
//! Derived from the rows of `activity` as it is from records: `resources`, or for S3 without them `bucketName` and `key` of
//! `request_parameters`.

pub mod collect;
pub mod cut;
mod definition;
pub mod normal;
pub mod rollup;
pub mod rows;
pub mod store;
pub mod update;
mod values;

pub use definition::{
    AdditionalEventData, Definition, EventContext, RequestParameters, S3, definition, is_s3, keeps_request_parameter,
};
