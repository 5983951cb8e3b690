//! Anchored patterns of trust lists: `*` is any run of characters, `?` exactly one, everything else is itself.
//!
//! A pattern always covers the whole value. An unanchored expression such as `repo.*` would trust whatever an attacker puts
//! around it.

use std::fmt;

/// A pattern, ready to match. Matching is case-sensitive, as resource names are in IAM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does the pattern match itself only?
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Does the pattern cover the whole of `value`? Takes time proportional to the product of the lengths at worst.
    ///
    /// A pattern that is an ARN is compared part by part, as IAM's `ArnLike` does
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>):
    /// a `*` in the account does not reach into the resource, where anybody may write somebody else's account id.
    pub fn matches(&self, value: &str) -> bool {
        match (arn_parts(&self.0), arn_parts(value)) {
            (Some(pattern), Some(value)) => pattern.iter().zip(value).all(|(pattern, value)| covers(pattern, value)),
            _ => covers(&self.0, value),
        }
    }

    /// The same meaning as a regular expression, for engines that have no other pattern. Trino and the local engine agree on it.
    pub fn to_regex(&self) -> String {
        let mut regex = String::from("^");
        // In the first five parts of an ARN, a wildcard stays inside its part.
        let mut parts_to_come = if arn_parts(&self.0).is_some() { 5 } else { 0 };
        for character in self.0.chars() {
            if character == ':' && parts_to_come > 0 {
                parts_to_come -= 1;
            }
            match character {
                '*' if parts_to_come > 0 => regex.push_str("[^:]*"),
                '?' if parts_to_come > 0 => regex.push_str("[^:]"),
                '*' => regex.push_str("(?s:.*)"),
                '?' => regex.push_str("(?s:.)"),
                // Only what has a meaning: some engines read `\<` and `\-` as something else.
                c if "\\.+()|[]{}^$".contains(c) => {
                    regex.push('\\');
                    regex.push(c);
                }
                c => regex.push(c),
            }
        }
        regex.push('$');
        regex
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The first pattern of a list that matches.
pub fn first_match<'a>(patterns: &'a [Pattern], value: &str) -> Option<&'a Pattern> {
    patterns.iter().find(|pattern| pattern.matches(value))
}

/// The six parts of an ARN; the last one keeps its colons.
fn arn_parts(text: &str) -> Option<[&str; 6]> {
    if !text.starts_with("arn:") {
        return None;
    }
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}

/// Does `pattern` cover the whole of `value`, wherever its wildcards reach?
fn covers(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.as_bytes(), value.as_bytes());
    let (mut p, mut v) = (0, 0);
    // Where to go back to when the characters after the last `*` do not fit: the `*`, and the value position it reached.
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, v));
                p += 1;
            }
            // `?` is one character, not one byte: take the continuation bytes of UTF-8 with it.
            Some(b'?') => {
                p += 1;
                v += 1;
                while value.get(v).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    v += 1;
                }
            }
            Some(byte) if value.get(v) == Some(byte) => {
                p += 1;
                v += 1;
            }
            _ => match star {
                Some((star_p, star_v)) => {
                    p = star_p + 1;
                    v = star_v + 1;
                    star = Some((star_p, v));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_the_whole_value() {
        for (pattern, value, expected) in [
            ("data", "data", true),
            ("data", "my-data", false),
            ("data", "data2", false),
            ("logs-*", "logs-", true),
            ("logs-*", "x-logs-1", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "a\u{fc}c", true),
            ("*.b", "a.b.b", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c2b", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(value), expected, "{pattern} on {value}");
        }
    }

    #[test]
    fn a_wildcard_in_an_arn_stays_in_its_part() {
        let pattern = Pattern::new("arn:aws:lambda:*:111122223333:*");
        assert!(pattern.matches("arn:aws:lambda:eu-west-1:111122223333:function:f"));
        assert!(!pattern.matches("arn:aws:lambda:us-east-1:999999999999:function:111122223333:1"));
        assert!(Pattern::new("arn:aws:iam::*:role/team/*").matches("arn:aws:iam::111122223333:role/team/a/b"));
    }
}
