//! The commented files that `palisade config init` writes. They hold every key and parse as they are.

/// `palisade.yaml`.
pub const SETTINGS: &str = include_str!("../../config/palisade.yaml");
/// `perimeter.yaml`.
pub const PERIMETER: &str = include_str!("../../config/perimeter.yaml");
