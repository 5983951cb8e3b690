//! `palisade run --dry-run`: what would be asked of Athena, and what that would cost. Nothing is started.

use std::fmt::Write as _;

use super::Failure;
use crate::engine::Part;
use crate::engine::athena::cost::{self, bytes_text};
use crate::engine::athena::{AthenaEngine, Planned};
use crate::outcome::Outcome;

/// The plan of a run over a part, as text.
///
/// # Errors
/// When a statement cannot be made, or the objects cannot be listed.
pub async fn plan(engine: &AthenaEngine, part: &Part, max_scan: Option<u64>, price: u64) -> Result<(String, Outcome), Failure> {
    let failed = |error: crate::engine::EngineError| Failure::new(Outcome::Unexpected, error);
    let statements = engine.plan(part).map_err(failed)?;
    let estimate = engine.estimate(part).await.map_err(failed)?;
    let mut text = String::new();
    for source in engine.sources() {
        let _ = writeln!(text, "Table {} ({})", source.table, source.layout.name());
        let missing = source.missing();
        if !missing.is_empty() {
            let _ = writeln!(text, "  has no column for {}", missing.join(", "));
        }
    }
    let of_accounts: Vec<Vec<String>> = statements.iter().map(|planned| planned.part.account_ids.clone()).collect();
    for (number, planned) in statements.iter().enumerate() {
        let bytes = estimate.of(&planned.part.account_ids);
        write_statement(&mut text, number + 1, statements.len(), planned, bytes, cost::price(bytes.max(1), price));
    }
    let total = estimate.price(&of_accounts, price);
    let _ = writeln!(
        text,
        "\n{} statement(s) over {} account(s), {} to {}: about {} in {} objects, about {} US dollars at {} a terabyte",
        statements.len(),
        part.account_ids.len(),
        part.from,
        part.to,
        bytes_text(estimate.bytes),
        estimate.objects,
        cost::dollars(total),
        cost::dollars(price),
    );
    for unknown in &estimate.unknown {
        let _ = writeln!(text, "Not counted: {unknown}");
    }
    let mut outcome = Outcome::Success;
    if let Some(limit) = max_scan {
        let within = estimate.bytes <= limit;
        let verdict = if within { "is within" } else { "is more than" };
        let _ = writeln!(text, "That {verdict} --max-scan {}", bytes_text(limit));
        if !within {
            outcome = Outcome::Usage;
        }
    }
    text.push_str("Nothing was started.\n");
    Ok((text, outcome))
}

fn write_statement(text: &mut String, number: usize, of: usize, planned: &Planned, bytes: u64, price: u64) {
    let part = &planned.part;
    let _ = writeln!(
        text,
        "\nStatement {number} of {of}: {} account(s), {} to {}, at most {} partitions, {} bytes of text and values, about {}, about {} US \
         dollars",
        part.account_ids.len(),
        part.from,
        part.to,
        planned.partitions,
        planned.fitted.bytes(),
        bytes_text(bytes),
        cost::dollars(price),
    );
    for line in planned.fitted.sql.lines() {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "  values: {}", planned.fitted.parameters.join(", "));
}
