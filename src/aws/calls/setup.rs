//! What `setup` and `doctor` ask beyond the rest.

use super::Call;

pub const ALL: &[&Call] = &[];
