//! The changed policy of a refinement, written where the user says. A file of somebody else is never lost.

use std::path::Path;

use crate::commands::Failure;
use crate::commands::output::Terminal;
use crate::outcome::Outcome;
use crate::replay::refine::Refinement;
use crate::run::read_manifest;

/// May the file be written? Before anything is read, so that nobody waits for a refusal. What an earlier run of the same output
/// folder wrote is replaced, as its reports are.
pub(super) fn may_write(path: &Path, force: bool, output: &Path) -> Result<(), Failure> {
    if force || path.symlink_metadata().is_err() {
        return Ok(());
    }
    let is_own = |text: &str| {
        let Ok(manifest) = read_manifest(output) else { return false };
        let mut refined = manifest.impacts.iter().filter_map(|impact| impact.refinement.as_ref());
        refined.any(|refined| refined.policy == text)
    };
    if std::fs::read_to_string(path).is_ok_and(|text| is_own(&text)) {
        return Ok(());
    }
    let message = format!(
        "--refined {}: the file exists, and the last run in {} did not write it; name another file, or add --force to replace it",
        path.display(),
        output.display()
    );
    Err(Failure::new(Outcome::Usage, message))
}

/// Writes the changed policy.
pub(super) fn write<'r>(
    path: &Path,
    mut refinements: impl Iterator<Item = &'r Refinement>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    match (refinements.next(), refinements.next()) {
        (None, _) => {
            terminal.warning(&format!("nothing to refine: {} is not written", path.display()));
            Ok(())
        }
        (Some(_), Some(_)) => Err(Failure::new(
            Outcome::Usage,
            format!(
                "--refined {} is one file, but several policies were refined; refine them one after the other",
                path.display()
            ),
        )),
        (Some(refinement), None) => std::fs::write(path, &refinement.text)
            .map_err(|error| Failure::new(Outcome::Usage, format!("cannot write {}: {error}", path.display()))),
    }
}
