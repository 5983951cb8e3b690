//! The replay of recorded calls under other policies: what would be denied, by which statement, and what cannot be told.
//!
//! 1. [`fill`] puts values into the placeholders of a policy, [`attach`] says where it is attached, and [`baseline`] what is
//!    attached today.
//! 2. [`candidate`] makes what would be attached of both, each change alone and all together.

pub mod attach;
pub mod baseline;
pub mod candidate;
pub mod fill;
