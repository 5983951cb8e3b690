//! What an organization needs before Athena can answer: a workgroup, tables over its trail, and permissions.
//!
//! [`tables`] writes the statements; [`workgroup`] compares what exists with what is wanted and creates what is missing. Nothing that
//! exists is changed or dropped. [`existing`] finds tables that somebody else made and says which settings use them. [`permissions`]
//! and [`calls_page`] are made of the calls that the program makes (`aws::calls`), so neither can lack one.

pub mod calls_page;
pub mod existing;
pub mod permissions;
pub mod tables;
pub mod workgroup;
