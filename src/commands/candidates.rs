//! What `whatif` and `policy explain` share: the policies to try, read from their files.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::policy::{read, type_of};
use crate::cli::whatif::CandidateArgs;
use crate::inventory::Inventory;
use crate::outcome::Outcome;
use crate::policy::diagnostic::Source;
use crate::replay::candidate::{Asked, Plan, plan};

/// Reads the policies that the command line names, and makes the scenarios.
pub fn read_plan(arguments: &CandidateArgs, inventory: &Inventory) -> Result<Plan, Failure> {
    let mut policies: Vec<Arc<Source>> = Vec::new();
    for path in &arguments.policy {
        policies.push(read(path)?);
    }
    let mut replace = Vec::new();
    for given in &arguments.replace {
        let Some((policy, file)) = given.split_once('=').filter(|(policy, file)| !policy.is_empty() && !file.is_empty()) else {
            let message = format!("--replace {given:?} is not POLICY=FILE; write for example --replace guard-rails=new.json");
            return Err(Failure::new(Outcome::Usage, message));
        };
        replace.push((policy.to_owned(), read(Path::new(file))?));
    }
    let asked = Asked {
        policies,
        policy_type: arguments.policy_type.map(type_of),
        attach: arguments.attach.clone(),
        detach: arguments.detach.clone(),
        replace,
        set: arguments.set.clone(),
    };
    plan(&asked, inventory).map_err(Failure::usage)
}
