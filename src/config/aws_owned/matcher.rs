//! Matching one ARN against one entry of the list, more strictly than a plain pattern can.

/// A piece of an ARN template whose regions are already filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    /// So many decimal digits.
    Digits(usize),
    /// So many hexadecimal digits.
    Hex(usize),
    /// One or more characters of a bucket name.
    Name,
    /// Any run of characters without `:` or `/`: the wildcard of a part that others follow.
    Part,
    /// One character that is neither `:` nor `/`.
    One,
    /// Any run of characters to the end.
    Rest,
}

/// The pieces of an ARN, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    pieces: Vec<Piece>,
}

impl Matcher {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// A pattern as a user writes it. A wildcard stays within its part of the ARN; only one at the very end goes on to the end. For
    /// S3 the bucket name is such a part, and a pattern without an object key covers the bucket alone.
    pub(super) fn of_pattern(pattern: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let flush = |literal: &mut String, piece: Piece, pieces: &mut Vec<Piece>| {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(literal)));
            }
            pieces.push(piece);
        };
        let key_at = pattern.find(":::").and_then(|bucket| pattern.get(bucket..)?.find('/').map(|slash| bucket + slash));
        let is_bucket = pattern.contains(":s3:::");
        let length = pattern.len();
        for (position, character) in pattern.char_indices() {
            let in_bucket = is_bucket && key_at.is_none_or(|key| position < key);
            match character {
                '*' if position + 1 == length && !in_bucket => flush(&mut literal, Piece::Rest, &mut pieces),
                '*' => flush(&mut literal, Piece::Part, &mut pieces),
                '?' => flush(&mut literal, Piece::One, &mut pieces),
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Self { pieces }
    }

    /// The characters before the first wildcard.
    pub(super) fn literal_prefix(&self) -> String {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// The same as a pattern of `*` and `?`: covers everything that the matcher does, and possibly more.
    pub(super) fn to_pattern(&self) -> String {
        let mut pattern = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => pattern.push_str(text),
                Piece::Digits(count) | Piece::Hex(count) => pattern.extend(std::iter::repeat_n('?', *count)),
                Piece::One => pattern.push('?'),
                Piece::Name => pattern.push_str("?*"),
                Piece::Part | Piece::Rest => pattern.push('*'),
            }
        }
        pattern
    }

    pub(super) fn matches(&self, arn: &str) -> bool {
        matches(&self.pieces, arn)
    }
}

/// Tries every length of a piece of variable length, shortest first. Templates have at most three of those.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let Some((piece, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let fixed = |count: usize, fits: fn(&u8) -> bool| {
        text.get(..count).is_some_and(|head| head.bytes().all(|byte| fits(&byte)))
            && text.get(count..).is_some_and(|tail| matches(rest, tail))
    };
    let run = |least: usize, fits: fn(char) -> bool| {
        let mut taken = 0;
        let mut ends = vec![0];
        for (position, character) in text.char_indices() {
            if !fits(character) {
                break;
            }
            taken += 1;
            if taken >= least {
                ends.push(position + character.len_utf8());
            }
        }
        ends.into_iter().skip(least).any(|end| text.get(end..).is_some_and(|tail| matches(rest, tail)))
    };
    match piece {
        Piece::Literal(literal) => text.strip_prefix(literal.as_str()).is_some_and(|tail| matches(rest, tail)),
        Piece::Digits(count) => fixed(*count, u8::is_ascii_digit),
        Piece::Hex(count) => fixed(*count, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        Piece::Name => run(1, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')),
        Piece::Part => run(0, |c| c != ':' && c != '/'),
        Piece::One => text
            .chars()
            .next()
            .is_some_and(|c| c != ':' && c != '/' && text.get(c.len_utf8()..).is_some_and(|tail| matches(rest, tail))),
        Piece::Rest => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_a_user_stay_in_their_part() {
        let sns = Matcher::of_pattern("arn:aws:sns:*:111122223333:*");
        assert!(sns.matches("arn:aws:sns:eu-west-1:111122223333:topic:0a1b"));
        assert!(!sns.matches("arn:aws:sns:eu-west-1:444455556666:x:111122223333:y"));
        let bucket = Matcher::of_pattern("arn:aws:s3:::aws157-logs-prod*");
        assert!(bucket.matches("arn:aws:s3:::aws157-logs-prod-eu"));
        assert!(!bucket.matches("arn:aws:s3:::aws157-logs-prod-eu/key"));
        let objects = Matcher::of_pattern("arn:aws:s3:::a*z/*");
        assert!(objects.matches("arn:aws:s3:::abcz/key/with/slashes"));
        assert!(!objects.matches("arn:aws:s3:::abc/z/key"));
    }
}
