//! What an inventory from AWS asks.

use super::Call;

pub const ALL: &[&Call] = &[];
