//! Types of table columns, as the Glue catalog and Trino write them.

/// A type, as far as a mapping needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    Text,
    /// A timestamp, with a time zone or without.
    Timestamp {
        zoned: bool,
    },
    Date,
    /// Milliseconds, counters and other whole numbers.
    Integer,
    /// Booleans, other numbers and whatever else is one value.
    Other,
    /// Names of the members as they are written, with their types.
    Struct(Vec<(String, ColumnType)>),
    Array(Box<ColumnType>),
    Map(Box<ColumnType>),
}

impl ColumnType {
    /// Reads `varchar`, `row(type varchar, arn varchar)`, `struct<type:string,arn:string>`, `array<…>`, `map(…, …)` and so on. What is
    /// unknown counts as [`ColumnType::Other`].
    pub fn parse(text: &str) -> ColumnType {
        let text = text.trim();
        let (head, inner) = match text.find(['(', '<']) {
            Some(at) => {
                let (head, rest) = text.split_at(at);
                let rest = rest.get(1..).unwrap_or_default().trim_end();
                let closed = rest.strip_suffix([')', '>']).unwrap_or(rest);
                (head.trim().to_ascii_lowercase(), Some(closed))
            }
            None => (text.to_ascii_lowercase(), None),
        };
        match (head.as_str(), inner) {
            ("row" | "struct", Some(inner)) => ColumnType::Struct(members(inner)),
            ("array", Some(inner)) => ColumnType::Array(Box::new(ColumnType::parse(inner))),
            ("map", Some(inner)) => {
                let value = split(inner).into_iter().nth(1).map_or(ColumnType::Text, ColumnType::parse);
                ColumnType::Map(Box::new(value))
            }
            ("varchar" | "string" | "char", _) => ColumnType::Text,
            ("date", None) => ColumnType::Date,
            ("tinyint" | "smallint" | "int" | "integer" | "bigint" | "long", None) => ColumnType::Integer,
            (head, _) if head.starts_with("timestamp") => ColumnType::Timestamp { zoned: text.ends_with("with time zone") },
            _ => ColumnType::Other,
        }
    }
}

/// `name type, …` of Trino, or `name:type,…` of Glue.
fn members(inner: &str) -> Vec<(String, ColumnType)> {
    split(inner)
        .into_iter()
        .filter_map(|member| {
            let member = member.trim();
            if let Some(rest) = member.strip_prefix('"') {
                let (name, data_type) = rest.split_once('"')?;
                return Some((name.to_owned(), ColumnType::parse(data_type)));
            }
            let at = member.find([':', ' '])?;
            let (name, data_type) = member.split_at(at);
            Some((name.to_owned(), ColumnType::parse(data_type.get(1..)?)))
        })
        .collect()
}

/// The parts between commas that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|rest| !rest.trim().is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_nested_type_are_read() {
        let expected = ColumnType::Struct(vec![
            ("type".to_owned(), ColumnType::Text),
            (
                "sessioncontext".to_owned(),
                ColumnType::Struct(vec![
                    ("created".to_owned(), ColumnType::Timestamp { zoned: false }),
                    ("attributes".to_owned(), ColumnType::Map(Box::new(ColumnType::Text))),
                ]),
            ),
            ("list".to_owned(), ColumnType::Array(Box::new(ColumnType::Integer))),
        ]);
        let glue = "struct<type:string,sessioncontext:struct<created:timestamp,attributes:map<string,string>>,list:array<int>>";
        let trino = "row(type varchar, sessioncontext row(created timestamp(3), attributes map(varchar, varchar)), list array(integer))";
        assert_eq!(ColumnType::parse(glue), expected);
        assert_eq!(ColumnType::parse(trino), expected);
    }

    #[test]
    fn simple_types_are_told_apart() {
        for (text, expected) in [
            ("varchar(256)", ColumnType::Text),
            ("STRING", ColumnType::Text),
            ("timestamp(3) with time zone", ColumnType::Timestamp { zoned: true }),
            ("date", ColumnType::Date),
            ("bigint", ColumnType::Integer),
            ("boolean", ColumnType::Other),
            ("decimal(10,2)", ColumnType::Other),
            ("row(\"type\" varchar)", ColumnType::Struct(vec![("type".to_owned(), ColumnType::Text)])),
        ] {
            assert_eq!(ColumnType::parse(text), expected, "{text}");
        }
    }
}
