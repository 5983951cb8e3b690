//! The answer to a case as JSON.

use serde_json::{Value as Json, json};

use super::Case;
use crate::policy::layers::Layer;
use crate::policy::residual::layer_words;
use crate::policy::verdict::{Denial, Judgement, StatementMatch};

/// The answer: verdict, reasons, and what would settle it.
pub fn answer(case: &Case, judgement: &Judgement) -> Json {
    let not_allowed: Vec<Json> = judgement
        .not_allowed_by
        .iter()
        .map(|missing| {
            let layer = match missing.layer {
                Layer::Policy(policy_type) => policy_type.as_str(),
                Layer::SameAccount => "same_account",
                Layer::CallerAccount => "caller_account",
                Layer::OwnerAccount => "owner_account",
            };
            let verb = if missing.certain { "do not allow it" } else { "may not allow it" };
            let words = layer_words(missing.layer, missing.level);
            json!({ "layer": layer, "level": missing.level, "certain": missing.certain, "message": format!("statements of {words} {verb}") })
        })
        .collect();
    let exempt: Vec<Json> = judgement
        .exempt
        .iter()
        .map(|exempt| json!({ "layer": exempt.policy_type.as_str(), "certain": exempt.certain, "reason": exempt.reason }))
        .collect();
    let settling: Vec<Json> =
        judgement.settling.iter().map(|settling| json!({ "key": settling.key, "why": settling.why })).collect();
    json!({
        "id": case.id,
        "verdict": judgement.verdict.as_str(),
        "denial": judgement.denial.map(Denial::as_str),
        "reasons": judgement.statements.iter().map(reason).collect::<Vec<_>>(),
        "not_allowed_by": not_allowed,
        "not_applicable": exempt,
        "residual": judgement.residual,
        "settling_keys": settling,
        "warnings": case.warnings,
    })
}

fn reason(found: &StatementMatch) -> Json {
    json!({
        "layer": found.policy_type.as_str(),
        "level": found.level,
        "policy": found.policy,
        "statement": found.index,
        "sid": found.sid,
        "effect": found.effect.as_str(),
        "line": found.position.line,
        "column": found.position.column,
        "certain": found.certain,
        "depends_on": found.depends_on,
    })
}
