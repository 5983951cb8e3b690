//! The built-in data and the expansion of its templates.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::matcher::{Matcher, Piece};
use crate::config::perimeter::file::{Access, PolicyType};
use crate::config::perimeter::model::AwsOwnedResource;
use crate::pattern::Pattern;

const DATA: &str = include_str!("../../../config/aws_owned_resources.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    /// Regions by partition.
    regions: BTreeMap<String, Vec<String>>,
    resources: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    service: String,
    arns: Vec<String>,
    #[serde(default)]
    owners: Vec<String>,
    access: Access,
    /// A second way in which the same resource is reached.
    also: Option<Access>,
    excepted_in: Vec<PolicyType>,
    /// The endpoint service whose policy needs the exception. Read so that a misspelt key of the data is an error.
    #[serde(rename = "vpc_endpoint")]
    _vpc_endpoint: Option<String>,
}

/// One entry per template, region and owner.
pub(super) fn expand_built_in() -> Vec<(AwsOwnedResource, Matcher)> {
    // The data is part of the program, and a test reads it: a mistake in it cannot reach a user.
    let Ok(data) = serde_saphyr::from_str::<Data>(DATA) else { return Vec::new() };
    let mut entries = Vec::new();
    for row in &data.resources {
        for template in &row.arns {
            for arn in expand(template, &data.regions, &row.owners) {
                for matcher in matchers(&arn) {
                    entries.push((row.resource(&matcher), matcher));
                }
            }
        }
    }
    entries
}

impl Row {
    fn resource(&self, matcher: &Matcher) -> AwsOwnedResource {
        let mut access = self.access.as_str().to_owned();
        if let Some(also) = self.also {
            access.push('+');
            access.push_str(also.as_str());
        }
        AwsOwnedResource {
            service: self.service.clone(),
            arn: Pattern::new(matcher.to_pattern()),
            owners: self.owners.clone(),
            access,
            excepted_in: self.excepted_in.iter().map(|policy| policy.as_str().to_owned()).collect(),
        }
    }
}

/// The template with partition, region and owner filled in.
fn expand(template: &str, regions: &BTreeMap<String, Vec<String>>, owners: &[String]) -> Vec<String> {
    let in_partition = |template: &str, partition: &str| match template.strip_prefix("arn:aws:") {
        Some(rest) => format!("arn:{partition}:{rest}"),
        None => template.to_owned(),
    };
    let mut expanded = Vec::new();
    if template.contains("<region") {
        for (partition, names) in regions {
            for region in names {
                expanded.push(
                    in_partition(template, partition)
                        .replace("<region>", region)
                        .replace("<region-without-dashes>", &region.replace('-', "")),
                );
            }
        }
    } else if template.contains(":s3:::") {
        expanded.push(template.to_owned());
    } else {
        // Managed policies, public parameters and the like exist in every partition.
        expanded.extend(regions.keys().map(|partition| in_partition(template, partition)));
    }
    if template.contains("<owner>") {
        expanded = expanded.iter().flat_map(|arn| owners.iter().map(|owner| arn.replace("<owner>", owner))).collect();
    }
    expanded
}

/// The matchers of one expanded ARN: for S3 the bucket itself and the objects that the row speaks of.
fn matchers(arn: &str) -> Vec<Matcher> {
    let Some((head, name)) = arn.split_once(":::") else { return vec![Matcher::new(pieces(arn))] };
    let (bucket, key) = match name.split_once('/') {
        Some((bucket, key)) => (bucket, key),
        None => (name, "*"),
    };
    let bucket = format!("{head}:::{bucket}");
    let objects = format!("{bucket}/{key}");
    vec![Matcher::new(pieces(&bucket)), Matcher::new(pieces(&objects))]
}

fn pieces(arn: &str) -> Vec<Piece> {
    const PLACEHOLDERS: [(&str, Piece); 4] =
        [("<account-id>", Piece::Digits(12)), ("<hex-11>", Piece::Hex(11)), ("<name>", Piece::Name), ("*", Piece::Part)];
    let mut pieces = Vec::new();
    let mut rest = arn;
    while let Some((position, placeholder, piece)) = PLACEHOLDERS
        .iter()
        .filter_map(|(placeholder, piece)| rest.find(placeholder).map(|position| (position, *placeholder, piece)))
        .min_by_key(|(position, ..)| *position)
    {
        let literal = rest.get(..position).unwrap_or_default();
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        rest = rest.get(position + placeholder.len()..).unwrap_or_default();
        let last = placeholder == "*" && rest.is_empty();
        pieces.push(if last { Piece::Rest } else { piece.clone() });
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_has_every_row_and_no_unknown_placeholder() {
        let data: Data = serde_saphyr::from_str(DATA).unwrap();
        assert_eq!(data.resources.len(), 41);
        for row in &data.resources {
            assert_eq!(row.excepted_in.contains(&PolicyType::Vpce), row._vpc_endpoint.is_some(), "{}", row.service);
            // Nobody's policy binds a caller who does not sign, or whose signature is the service's own.
            if matches!(row.access, Access::Unauthenticated | Access::Presigned) {
                assert_eq!(row.excepted_in, [PolicyType::Vpce], "{}", row.service);
            }
            for template in &row.arns {
                for arn in expand(template, &data.regions, &["111122223333".to_owned()]) {
                    let text: String = pieces(&arn)
                        .iter()
                        .map(|piece| if let Piece::Literal(text) = piece { text.as_str() } else { "" })
                        .collect();
                    assert!(!text.contains(['<', '>', '*']), "{template}");
                }
            }
        }
    }
}
