//! Finds the parameters `:name` in the text of a statement.

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text to keep as it is, with its string literals, quoted identifiers and comments.
    Text(&'a str),
    /// The name of a parameter, without the colon.
    Parameter(&'a str),
}

/// Cuts a statement into pieces. A colon inside a string literal, a quoted identifier or a comment is text, as is `::`.
pub fn pieces(sql: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    let mut kept = 0;
    while let Some(after) = rest.get(kept..).filter(|after| !after.is_empty()) {
        let skipped = literal_or_comment(after).unwrap_or(0);
        if skipped > 0 {
            kept += skipped;
        } else if after.starts_with("::") {
            kept += 2;
        } else if let Some(name) = after.strip_prefix(':').and_then(parameter_name) {
            push_text(&mut pieces, rest.get(..kept));
            pieces.push(Piece::Parameter(name));
            rest = rest.get(kept + 1 + name.len()..).unwrap_or_default();
            kept = 0;
        } else {
            kept += after.chars().next().map_or(1, char::len_utf8);
        }
    }
    push_text(&mut pieces, Some(rest));
    pieces
}

fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: Option<&'a str>) {
    pieces.extend(text.filter(|text| !text.is_empty()).map(Piece::Text));
}

/// The length of the literal, quoted identifier or comment that `text` begins with. One that does not end takes all of the text.
pub(crate) fn literal_or_comment(text: &str) -> Option<usize> {
    let (open, close) =
        [("'", "'"), ("\"", "\""), ("--", "\n"), ("/*", "*/")].into_iter().find(|(open, _)| text.starts_with(open))?;
    // A doubled quote inside a literal ends one literal and begins the next, which comes to the same.
    let end = text.get(open.len()..)?.find(close).map(|at| open.len() + at + close.len());
    Some(end.unwrap_or(text.len()))
}

fn parameter_name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_colon_outside_literals_and_comments_begins_a_parameter() {
        let sql = "a = :one -- :not\nAND b = ':no'':no' /* :no */ AND c::text = :two_2";
        let names: Vec<_> = pieces(sql)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Parameter(name) => Some(name),
                Piece::Text(_) => None,
            })
            .collect();
        assert_eq!(names, ["one", "two_2"]);
    }

    #[test]
    fn nothing_of_the_statement_is_lost() {
        let sql = "SELECT ä:x::y /* open : comment";
        let text: String = pieces(sql)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Parameter(name) => format!(":{name}"),
            })
            .collect();
        assert_eq!(text, sql);
    }
}
