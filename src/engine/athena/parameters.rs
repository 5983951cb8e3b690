//! A statement and its values as Athena takes them.
//!
//! Athena takes values as SQL literals of at most 1,024 characters, one for each `?`, and statements of at most 262,144 bytes
//! (<https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>).

use crate::catalog::BoundValue;
use crate::catalog::statement_text::literal_or_comment;

/// Longest statement, in bytes.
pub const LONGEST_STATEMENT: usize = 262_144;
/// Longest value, in characters, with its quotes.
pub const LONGEST_PARAMETER: usize = 1_024;

/// A statement that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    pub sql: String,
    /// SQL literals, in the order of the `?`.
    pub parameters: Vec<String>,
}

impl Fitted {
    /// Bytes of the statement with its values, as the limit counts them at worst.
    pub fn bytes(&self) -> usize {
        self.sql.len() + self.parameters.iter().map(|parameter| parameter.len() + 2).sum::<usize>()
    }
}

/// Why a statement does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a statement has {places} places for values, and {values} values are given")]
    Count { places: usize, values: usize },
    #[error(
        "a statement has {bytes} bytes with its values, and Athena takes {LONGEST_STATEMENT}: ask for fewer accounts at a time"
    )]
    Long { bytes: usize },
}

/// Makes a statement with `?` fit: a value that is too long is passed in pieces, and null stands in the text, since a value without
/// a type cannot be compared.
pub fn fit(sql: &str, values: &[BoundValue]) -> Result<Fitted, Unfit> {
    let mut fitted = Fitted { sql: String::with_capacity(sql.len()), parameters: Vec::with_capacity(values.len()) };
    let mut rest = sql;
    let mut places = 0;
    while let Some(first) = rest.chars().next() {
        let kept = literal_or_comment(rest).unwrap_or_else(|| first.len_utf8());
        let (text, after) = rest.split_at_checked(kept).unwrap_or((rest, ""));
        rest = after;
        if text != "?" {
            fitted.sql.push_str(text);
            continue;
        }
        match values.get(places) {
            Some(BoundValue::Text(value)) => {
                let pieces = literals(value);
                let marks = vec!["?"; pieces.len()].join(" || ");
                fitted.sql.push_str(&if pieces.len() == 1 { marks } else { format!("({marks})") });
                fitted.parameters.extend(pieces);
            }
            Some(BoundValue::Null) => fitted.sql.push_str("CAST(NULL AS varchar)"),
            None => {}
        }
        places += 1;
    }
    if places != values.len() {
        return Err(Unfit::Count { places, values: values.len() });
    }
    match fitted.bytes() {
        bytes if bytes >= LONGEST_STATEMENT => Err(Unfit::Long { bytes }),
        _ => Ok(fitted),
    }
}

/// A text as SQL literals that fit, one after the other. Never empty.
fn literals(text: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let (mut literal, mut length) = (String::from("'"), 2);
    for character in text.chars() {
        let width = if character == '\'' { 2 } else { character.len_utf16() };
        if length + width > LONGEST_PARAMETER {
            literal.push('\'');
            literals.push(std::mem::replace(&mut literal, String::from("'")));
            length = 2;
        }
        if character == '\'' {
            literal.push('\'');
        }
        literal.push(character);
        length += width;
    }
    literal.push('\'');
    literals.push(literal);
    literals
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> BoundValue {
        BoundValue::Text(value.to_owned())
    }

    #[test]
    fn values_are_quoted_and_only_real_places_count() {
        let fitted =
            fit("SELECT '?' AS \"?\" -- ?\nWHERE a = ? AND b IN (?) /* ? */", &[text("o'clock"), BoundValue::Null]).unwrap();
        assert_eq!(fitted.sql, "SELECT '?' AS \"?\" -- ?\nWHERE a = ? AND b IN (CAST(NULL AS varchar)) /* ? */");
        assert_eq!(fitted.parameters, ["'o''clock'"]);
        assert_eq!(fit("a = ?", &[]), Err(Unfit::Count { places: 1, values: 0 }));
        assert_eq!(fit("a = 1", &[text("x")]), Err(Unfit::Count { places: 0, values: 1 }));
    }

    #[test]
    fn a_long_value_is_passed_in_pieces_that_make_it_up_again() {
        let value = "ab'ä😀".repeat(700);
        let fitted = fit("regexp_like(x, ?)", &[text(&value)]).unwrap();
        assert!(fitted.parameters.len() > 1);
        assert_eq!(fitted.sql.matches('?').count(), fitted.parameters.len());
        assert!(fitted.sql.starts_with("regexp_like(x, (? || ?"), "{}", fitted.sql);
        let mut joined = String::new();
        for parameter in &fitted.parameters {
            assert!(parameter.encode_utf16().count() <= LONGEST_PARAMETER);
            let inner = parameter.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
            assert!(!inner.replace("''", "").contains('\''), "{inner}");
            joined.push_str(&inner.replace("''", "'"));
        }
        assert_eq!(joined, value);
    }

    #[test]
    fn a_statement_that_is_too_long_is_refused() {
        let values = vec![text(&"x".repeat(1_000)); 300];
        let sql = vec!["?"; 300].join(", ");
        assert!(matches!(fit(&sql, &values), Err(Unfit::Long { bytes }) if bytes >= 300_000));
    }
}
