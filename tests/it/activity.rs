//! Activity: the same answers from one scan, stored or not, from here or from a remote engine.

mod answers;
mod remote;
mod store;
