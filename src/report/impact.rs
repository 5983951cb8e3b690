//! What a change of policies would do to recorded calls: the part of the report model that only a replay has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::amounts::{counted, grouped};
use super::model::Verdict;

/// What one change, or all of them together, would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Impact {
    /// The query that holds the findings.
    pub query: String,
    /// The change, as one sentence.
    pub title: String,
    /// Does it count in the totals of the report? With several changes only all of them together do.
    pub in_totals: bool,
    /// Only outcomes that occur; those that break calls first.
    pub outcomes: Vec<OutcomeTally>,
    /// The statements that deny calls which went through, most calls first, complete.
    pub statements: Vec<BreakingStatement>,
    /// Who would lose what: owners with the most calls first, complete.
    pub losses: Vec<Loss>,
    /// Who could do what that today's policies deny, in the same order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gains: Vec<Loss>,
    /// What would settle the undetermined calls, by key, most calls first, complete. A call that needs two keys counts in both.
    pub open: Vec<OpenKey>,
    /// For each statement what it is about that these logs cannot show.
    pub not_covered: Vec<NotCovered>,
    /// Is no action that the change is about recorded in these logs?
    pub nothing_seen: bool,
    /// Does no recorded call use an action that the change is about, although such calls would be recorded?
    pub action_unused: bool,
    pub refinement: Option<RefinedPolicy>,
}

/// How much of something there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    pub calls: u64,
    pub principals: u64,
    pub accounts: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeTally {
    /// As in the `outcome` column.
    pub outcome: String,
    pub title: String,
    /// One sentence.
    pub meaning: String,
    pub verdict: Verdict,
    #[serde(flatten)]
    pub amount: Amount,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BreakingStatement {
    /// `file:line Sid`.
    pub statement: String,
    #[serde(flatten)]
    pub amount: Amount,
}

/// What one principal could not do any more, or could do then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The owner of the principal, or its account where nobody is named.
    pub owner: String,
    /// For people: the ARN, or what else is known.
    pub principal: String,
    pub calls: u64,
    /// Most calls first, complete.
    pub operations: Vec<LostOperation>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LostOperation {
    /// The action as IAM policies name it: `s3:ListBucket`.
    pub operation: String,
    /// The name of the event where it is another: `ListObjects`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The permission that is denied, where the call needs it besides its own: `iam:PassRole`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    pub resource: Option<String>,
    pub calls: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenKey {
    /// The condition key; empty where the answer depends on something else.
    pub key: String,
    /// What to provide, or why nothing would help.
    pub provide: String,
    #[serde(flatten)]
    pub amount: Amount,
    /// What the missing fact is of; empty where that is no help.
    pub about: About,
}

/// The resources, accounts or principals of which a fact is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// `resource`, `account`, `principal` or `VPC endpoint`.
    pub kind: String,
    /// Most calls first, complete.
    pub subjects: Vec<Subject>,
    /// Calls whose records name none.
    pub unnamed: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub name: String,
    pub calls: u64,
}

/// Keys that one and the same fact would settle.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenGroup<'a> {
    /// Joined by commas; empty where the answer depends on something else than a key.
    pub keys: String,
    pub open: &'a OpenKey,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NotCovered {
    /// The statement, with its place.
    pub statement: String,
    /// Kinds of data events that it is about and that these logs have none of.
    pub data_events: Vec<String>,
    /// Actions that it is about and that CloudTrail never records.
    pub never: Vec<String>,
}

/// A change of the policy that was replayed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RefinedPolicy {
    /// What was changed, what goes through then, and what else would, one sentence each.
    pub lines: Vec<String>,
    /// What speaks against it.
    pub problems: Vec<String>,
    /// The changed policy, placeholders and all.
    pub policy: String,
}

impl Impact {
    /// How much has this outcome.
    pub fn amount(&self, outcome: &str) -> Amount {
        self.outcomes.iter().find(|tally| tally.outcome == outcome).map_or_else(Amount::default, |tally| tally.amount)
    }

    /// The answer in one sentence, without the full stop. `is_blind`: something else keeps the logs from showing all calls.
    pub fn headline(&self, is_blind: bool) -> String {
        let (denied, open) = (self.amount("newly_denied"), self.amount("may_be_newly_denied"));
        let unseen = self.unseen();
        let and_unseen = unseen.as_ref().map(|unseen| format!("; {unseen}")).unwrap_or_default();
        if denied.calls > 0 {
            let more = if open.calls > 0 { format!(", and {} may be", grouped(open.calls)) } else { String::new() };
            let freed = self.amount("newly_allowed").calls;
            let freed = if freed > 0 { format!("; {} would be newly allowed", grouped(freed)) } else { String::new() };
            return format!("{} would be newly denied{more}{freed}{and_unseen}", denied.in_words());
        }
        if self.nothing_seen {
            return format!(
                "What this would break cannot be seen: {}",
                unseen.unwrap_or_else(|| "no log records it".to_owned())
            );
        }
        if open.calls > 0 {
            let calls = counted(open.calls, "call");
            return format!("No recorded call would certainly be newly denied, but {calls} may be{and_unseen}");
        }
        let (freed, perhaps_freed) = (self.amount("newly_allowed"), self.amount("may_be_newly_allowed"));
        if freed.calls > 0 {
            return format!("{} would be newly allowed, and no recorded call newly denied{and_unseen}", freed.in_words());
        }
        if perhaps_freed.calls > 0 {
            return format!("{} may be newly allowed, and no recorded call newly denied{and_unseen}", perhaps_freed.in_words());
        }
        let nothing = if self.outcomes.iter().all(|tally| tally.outcome == "not_applicable") {
            "The change concerns no recorded call"
        } else if self.action_unused {
            "No recorded call uses an action that the change is about"
        } else {
            "No recorded call would be newly denied"
        };
        match unseen {
            Some(unseen) => format!("{nothing}, but {unseen}"),
            None if is_blind => format!("{nothing}, but these logs cannot show all calls"),
            None => nothing.to_owned(),
        }
    }

    /// What the change is about that these logs hold no data events of, as a part of a sentence. What CloudTrail never records is
    /// only told of if there is nothing else.
    fn unseen(&self) -> Option<String> {
        let kinds: BTreeSet<&str> = self.not_covered.iter().flat_map(|found| &found.data_events).map(String::as_str).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        if let [first, rest @ ..] = kinds.as_slice() {
            return Some(match rest {
                [] => format!("your logs hold no data events on {first}"),
                [second] => format!("your logs hold no data events on {first} and {second}"),
                _ => format!("your logs hold no data events of {} kinds that the change is about", kinds.len()),
            });
        }
        let never: BTreeSet<&str> = self.not_covered.iter().flat_map(|found| &found.never).map(String::as_str).collect();
        (self.nothing_seen && !never.is_empty())
            .then(|| format!("CloudTrail never records {}", never.into_iter().collect::<Vec<_>>().join(", ")))
    }

    /// What would settle the undetermined calls, with the keys together that one fact settles for the same calls.
    pub fn open_groups(&self) -> Vec<OpenGroup<'_>> {
        let mut groups: Vec<OpenGroup<'_>> = Vec::new();
        for open in &self.open {
            let same = |group: &&mut OpenGroup<'_>| {
                !open.key.is_empty()
                    && group.open.provide == open.provide
                    && group.open.amount == open.amount
                    && group.open.about == open.about
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.keys = format!("{}, {}", group.keys, open.key),
                None => groups.push(OpenGroup { keys: open.key.clone(), open }),
            }
        }
        groups
    }
}

impl OpenGroup<'_> {
    /// `aws:ResourceOrgID: who owns the resource …`.
    pub fn text(&self) -> String {
        if self.keys.is_empty() { self.open.provide.clone() } else { format!("{}: {}", self.keys, self.open.provide) }
    }
}

impl About {
    /// `2 resources: arn:aws:s3:::x/* (11 calls), arn:aws:s3:::y/* (1 call)`; `None`: that would be no help.
    pub fn text(&self, number: usize) -> Option<String> {
        let with_calls = |subject: &Subject| format!("{} ({})", subject.name, counted(subject.calls, "call"));
        let text = match self.subjects.as_slice() {
            [] => return None,
            [only] => format!("the {} {}", self.kind, only.name),
            several => {
                let mut named: Vec<String> = several.iter().take(number).map(with_calls).collect();
                let rest = several.len().saturating_sub(number);
                named.extend((rest > 0).then(|| format!("and {rest} more")));
                format!("{}: {}", counted(several.len() as u64, &self.kind), named.join(", "))
            }
        };
        Some(match self.unnamed {
            0 => text,
            1 => format!("{text}; 1 call names none"),
            calls => format!("{text}; {} calls name none", grouped(calls)),
        })
    }
}

impl Amount {
    /// `24 calls of 1 principal in 1 account`.
    pub fn in_words(self) -> String {
        format!(
            "{} of {} in {}",
            counted(self.calls, "call"),
            counted(self.principals, "principal"),
            counted(self.accounts, "account")
        )
    }
}

impl Loss {
    /// `s3:PutObject on arn:aws:s3:::x/*` for the first few, and how many more there are.
    pub fn first_operations(&self, number: usize) -> (Vec<String>, usize) {
        let named = self.operations.iter().take(number).map(LostOperation::text).collect();
        (named, self.operations.len().saturating_sub(number))
    }
}

impl LostOperation {
    /// `s3:ListBucket (event ListObjects) on arn:aws:s3:::x`.
    pub fn text(&self) -> String {
        let mut text = self.operation.clone();
        let mut beside: Vec<String> = self.event.iter().map(|event| format!("event {event}")).collect();
        beside.extend(self.needs.iter().map(|needs| format!("for want of {needs}")));
        if !beside.is_empty() {
            text.push_str(&format!(" ({})", beside.join(", ")));
        }
        if let Some(resource) = &self.resource {
            text.push_str(&format!(" on {resource}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(outcomes: &[(&str, u64)]) -> Impact {
        let outcomes = outcomes.iter().map(|(outcome, calls)| OutcomeTally {
            outcome: (*outcome).to_owned(),
            title: String::new(),
            meaning: String::new(),
            verdict: Verdict::Information,
            amount: Amount { calls: *calls, principals: 1, accounts: 1 },
        });
        Impact { outcomes: outcomes.collect(), ..Impact::default() }
    }

    fn not_covered(data_events: &[&str]) -> Vec<NotCovered> {
        let data_events = data_events.iter().map(|kind| (*kind).to_owned()).collect();
        vec![NotCovered { statement: "s".to_owned(), data_events, never: Vec::new() }]
    }

    #[test]
    fn the_headline_never_says_that_nothing_breaks_where_nothing_is_recorded() {
        let denied = with(&[("newly_denied", 1), ("may_be_newly_denied", 1_200)]);
        assert_eq!(denied.headline(true), "1 call of 1 principal in 1 account would be newly denied, and 1,200 may be");
        assert_eq!(
            with(&[("newly_denied", 2), ("newly_allowed", 8)]).headline(false),
            "2 calls of 1 principal in 1 account would be newly denied; 8 would be newly allowed"
        );
        let quiet = with(&[("unchanged", 9)]);
        assert_eq!(quiet.headline(false), "No recorded call would be newly denied");
        assert_eq!(quiet.headline(true), "No recorded call would be newly denied, but these logs cannot show all calls");
        let unseen = Impact { not_covered: not_covered(&["objects of Amazon S3"]), ..quiet.clone() };
        assert_eq!(
            unseen.headline(false),
            "No recorded call would be newly denied, but your logs hold no data events on objects of Amazon S3"
        );
        let nothing = Impact { nothing_seen: true, ..unseen };
        assert_eq!(
            nothing.headline(false),
            "What this would break cannot be seen: your logs hold no data events on objects of Amazon S3"
        );
        let unused = Impact { action_unused: true, ..quiet.clone() };
        assert_eq!(unused.headline(false), "No recorded call uses an action that the change is about");
        assert_eq!(with(&[("not_applicable", 3)]).headline(false), "The change concerns no recorded call");
        assert_eq!(
            with(&[("newly_allowed", 8)]).headline(false),
            "8 calls of 1 principal in 1 account would be newly allowed, and no recorded call newly denied"
        );
    }

    #[test]
    fn operations_are_named_as_policies_name_them() {
        let operation = LostOperation {
            operation: "ec2:RunInstances".to_owned(),
            needs: Some("iam:PassRole".to_owned()),
            ..LostOperation::default()
        };
        assert_eq!(operation.text(), "ec2:RunInstances (for want of iam:PassRole)");
        let operation = LostOperation {
            operation: "s3:ListBucket".to_owned(),
            event: Some("ListObjects".to_owned()),
            resource: Some("arn:aws:s3:::x".to_owned()),
            ..LostOperation::default()
        };
        assert_eq!(operation.text(), "s3:ListBucket (event ListObjects) on arn:aws:s3:::x");
    }
}
