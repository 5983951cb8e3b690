//! Pseudo-random numbers that are the same on every machine and in every version of the tool.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): one 64-bit word of state, so that every
//! file of a sample has its own generator, seeded from what the file is. Only integers are used: floating-point functions may
//! differ in the last digit between platforms.

/// A generator of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

/// A 64-bit hash (FNV-1a) of a text, the same everywhere.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl Random {
    /// The generator that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator that belongs to a seed and a list of keys; another list gives unrelated numbers.
    pub fn keyed(seed: u64, keys: &[u64]) -> Self {
        let mut random = Self::new(seed);
        for key in keys {
            random.state = random.bits().wrapping_add(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        random
    }

    /// The generator that belongs to a text, for identifiers that must not change with the seed of a sample.
    pub fn named(text: &str) -> Self {
        Self::new(hash(text))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `limit` - 1; 0 when `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// True `hits` times out of `of`.
    pub fn chance(&mut self, hits: u64, of: u64) -> bool {
        self.below(of) < hits
    }

    /// One of the items; `None` only when there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(items.len()).unwrap_or(0));
        items.get(usize::try_from(index).unwrap_or(0))
    }

    /// One of the texts; empty only when there is none.
    pub fn text(&mut self, items: &[&'static str]) -> &'static str {
        self.pick(items).copied().unwrap_or("")
    }

    /// `length` characters of an alphabet of ASCII characters.
    pub fn letters(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut text = String::with_capacity(length);
        self.push_letters(&mut text, alphabet, length);
        text
    }

    /// Appends `length` characters of an alphabet of ASCII characters, which must have at most 256 of them.
    pub fn push_letters(&mut self, text: &mut String, alphabet: &[u8], length: usize) {
        let size = u64::try_from(alphabet.len()).unwrap_or(1);
        let mut bits = 0;
        for position in 0..length {
            if position % 4 == 0 {
                bits = self.bits();
            }
            let letter = ((bits & 0xffff) * size) >> 16;
            bits >>= 16;
            if let Some(byte) = alphabet.get(usize::try_from(letter).unwrap_or(0)) {
                text.push(char::from(*byte));
            }
        }
    }

    /// A version 4 UUID.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

/// Lower-case hexadecimal digits.
pub const HEX: &[u8] = b"0123456789abcdef";
/// The characters of IAM unique ids and access key ids.
pub const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Upper-case letters and digits, as S3 request ids have them.
pub const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Letters and digits.
pub const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The characters of Base64.
pub const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
