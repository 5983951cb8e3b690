//! The part of DataFusion that reading one record needs.

pub use arrow;
