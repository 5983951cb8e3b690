//! What a change of policies would do to recorded calls: the part of the report model that only a replay has.

use serde::{Deserialize, Serialize};

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
    /// What would settle the undetermined calls, by key, most calls first, complete. A call that needs two keys counts in both.
    pub open: Vec<OpenKey>,
    /// For each statement the data events that it guards and that these logs do not hold.
    pub not_covered: Vec<NotCovered>,
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

/// What one principal could not do any more.
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
    /// `s3:PutObject`, by the name of the event.
    pub operation: String,
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
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NotCovered {
    /// The statement, with its place.
    pub statement: String,
    pub data_events: Vec<String>,
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
}

impl Loss {
    /// `s3:PutObject on arn:aws:s3:::x/*` for the first few, and how many more there are.
    pub fn first_operations(&self, number: usize) -> (Vec<String>, usize) {
        let named = self.operations.iter().take(number).map(LostOperation::text).collect();
        (named, self.operations.len().saturating_sub(number))
    }
}

impl LostOperation {
    pub fn text(&self) -> String {
        match &self.resource {
            Some(resource) => format!("{} on {resource}", self.operation),
            None => self.operation.clone(),
        }
    }
}
