//! What statements cost.
//!
//! Athena asks a price per terabyte scanned, rounded up to a megabyte, with a minimum of 10 MB for every statement
//! (<https://aws.amazon.com/athena/pricing/>). Prices are counted in millionths of a US dollar, so that they add up exactly.

pub use crate::report::amounts::{bytes_text, dollars};

/// Athena counts in powers of two: its 10 MB are 10,485,760 bytes.
const MEGABYTE: u64 = 1 << 20;
const TERABYTE: u64 = 1 << 40;
/// Least that a statement is asked for.
pub const MINIMUM: u64 = 10 * MEGABYTE;

/// Price of one statement that scanned so many bytes. One that scanned nothing, because it failed or its result was reused, costs
/// nothing.
pub fn price(bytes: u64, micro_dollars_per_terabyte: u64) -> u64 {
    if bytes == 0 {
        return 0;
    }
    let asked = bytes.max(MINIMUM).div_ceil(MEGABYTE).saturating_mul(MEGABYTE);
    let product = u128::from(asked) * u128::from(micro_dollars_per_terabyte);
    u64::try_from(product.div_ceil(u128::from(TERABYTE))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: u64 = 5_000_000;

    #[test]
    fn a_terabyte_costs_its_price_and_little_costs_the_minimum() {
        assert_eq!(price(TERABYTE, FIVE), FIVE);
        assert_eq!(price(0, FIVE), 0);
        // 10 MiB of a TiB at 5 dollars: 5,000,000 / 104,857.6 = 47.68 millionths, rounded up.
        assert_eq!(price(1, FIVE), 48);
        assert_eq!(price(MINIMUM, FIVE), 48);
        assert_eq!(price(MINIMUM + 1, FIVE), price(11 * MEGABYTE, FIVE));
        assert_eq!(price(u64::MAX, u64::MAX), u64::MAX);
    }
}
