//! Which members of JSON columns the roll-up keeps: the data file, indexed.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::Deserialize;

/// The data file, embedded.
const TEXT: &str = include_str!("../../config/activity.yaml");

/// The names of the data file, lower case and sorted: what a statement for another engine is rendered from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub request_parameters: RequestParameters,
    pub s3: S3,
    pub additional_event_data: AdditionalEventData,
    pub event_context: EventContext,
}

/// Members of `request_parameters`, for every source of events but S3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestParameters {
    /// Left out.
    pub dropped: Vec<String>,
    /// Kept, with `"*"` as the value.
    pub presence: Vec<String>,
}

/// Members of `request_parameters`, for S3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Values of `event_source` for which these rules hold.
    pub event_sources: Vec<String>,
    /// Everything else is left out.
    pub kept: Vec<String>,
    /// Of the kept: keys of objects, which are cut.
    pub key: Vec<String>,
    /// Of the kept: a bucket, a slash and a key, which is cut.
    pub bucket_and_key: Vec<String>,
    /// Of the kept: only that they are there matters; the value becomes `"*"`.
    pub presence: Vec<String>,
}

/// Members of `additional_event_data`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdditionalEventData {
    /// Everything else is left out.
    pub kept: Vec<String>,
}

/// Members of `event_context`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventContext {
    /// Left out of the member `requestContext`.
    pub dropped: Vec<String>,
}

/// The definition that everything uses.
pub fn definition() -> &'static Definition {
    // A test proves that the embedded text can be read.
    static DEFINITION: LazyLock<Definition> = LazyLock::new(|| serde_saphyr::from_str(TEXT).unwrap_or_default());
    &DEFINITION
}

/// What happens to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Dropped,
    Kept,
    /// The value becomes `"*"`.
    Presence,
    /// The value is the key of an object.
    Key,
    /// The value is a bucket, a slash and a key.
    BucketAndKey,
}

type Names = HashSet<&'static str>;

/// The definition, indexed by name.
#[derive(Debug)]
pub(super) struct Fates {
    dropped: Names,
    presence: Names,
    s3_kept: Names,
    s3_key: Names,
    s3_bucket_and_key: Names,
    s3_presence: Names,
    additional: Names,
    context_dropped: Names,
}

pub(super) fn fates() -> &'static Fates {
    static FATES: LazyLock<Fates> = LazyLock::new(|| {
        let set = |names: &'static [String]| names.iter().map(String::as_str).collect();
        let definition = definition();
        Fates {
            dropped: set(&definition.request_parameters.dropped),
            presence: set(&definition.request_parameters.presence),
            s3_kept: set(&definition.s3.kept),
            s3_key: set(&definition.s3.key),
            s3_bucket_and_key: set(&definition.s3.bucket_and_key),
            s3_presence: set(&definition.s3.presence),
            additional: set(&definition.additional_event_data.kept),
            context_dropped: set(&definition.event_context.dropped),
        }
    });
    &FATES
}

/// Whether the rules of S3 hold for a source of events.
pub fn is_s3(event_source: &str) -> bool {
    definition().s3.event_sources.iter().any(|source| source == event_source)
}

/// Whether the roll-up keeps a member of `request_parameters`, at least that it is there. What it drops cannot be told from what
/// a call did not have, so nothing that reads activity may ask for a dropped member.
pub fn keeps_request_parameter(event_source: &str, member: &str) -> bool {
    fates().of_parameter(is_s3(event_source), &member.to_ascii_lowercase()) != Fate::Dropped
}

impl Fates {
    /// `member` in lower case.
    pub(super) fn of_parameter(&self, is_s3: bool, member: &str) -> Fate {
        if !is_s3 {
            return if self.dropped.contains(member) {
                Fate::Dropped
            } else if self.presence.contains(member) {
                Fate::Presence
            } else {
                Fate::Kept
            };
        }
        if !self.s3_kept.contains(member) {
            Fate::Dropped
        } else if self.s3_key.contains(member) {
            Fate::Key
        } else if self.s3_bucket_and_key.contains(member) {
            Fate::BucketAndKey
        } else if self.s3_presence.contains(member) {
            Fate::Presence
        } else {
            Fate::Kept
        }
    }

    pub(super) fn of_additional_data(&self, member: &str) -> Fate {
        if self.additional.contains(member) { Fate::Kept } else { Fate::Dropped }
    }

    pub(super) fn of_context(&self, member: &str) -> Fate {
        if self.context_dropped.contains(member) { Fate::Dropped } else { Fate::Kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_sorted_lower_case_and_consistent() {
        let definition: Definition = serde_saphyr::from_str(TEXT).unwrap();
        let s3 = &definition.s3;
        for names in [
            &definition.request_parameters.dropped,
            &definition.request_parameters.presence,
            &s3.event_sources,
            &s3.kept,
            &s3.key,
            &s3.bucket_and_key,
            &s3.presence,
            &definition.additional_event_data.kept,
            &definition.event_context.dropped,
        ] {
            assert!(!names.is_empty());
            assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
            assert!(names.iter().all(|name| *name == name.to_lowercase() && !name.contains('\'')), "{names:?}");
        }
        for special in [&s3.key, &s3.bucket_and_key, &s3.presence] {
            assert!(special.iter().all(|name| s3.kept.contains(name)), "{special:?}");
        }
    }

    #[test]
    fn a_reader_can_ask_whether_a_parameter_is_kept() {
        assert!(keeps_request_parameter("rds.amazonaws.com", "dBInstanceIdentifier"));
        assert!(keeps_request_parameter("logs.amazonaws.com", "logStreamName"));
        assert!(!keeps_request_parameter("ec2.amazonaws.com", "nextToken"));
        assert!(keeps_request_parameter("s3.amazonaws.com", "X-Amz-Acl"));
        assert!(!keeps_request_parameter("s3.amazonaws.com", "X-Amz-Signature"));
    }
}
