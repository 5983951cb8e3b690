//! The expressions of `data_perimeter.yaml`: what they did, and the pattern that says what they meant.
//!
//! Data Perimeter Helper puts a backslash before every `+`, `=` and `.` and hands the rest to a regular expression engine that looks
//! for a match anywhere in the value. So `.` is always a dot, `.*` is a run of dots, `[\w-]*` works, `*` in an ARN repeats the
//! character before it, and nothing can be anchored.

/// One alternative of an expression as the old tool ran it: pieces in a row, found anywhere in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Old {
    alternatives: Vec<Vec<Repeat>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Repeat {
    atom: Atom,
    least: usize,
    most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Char(char),
    Any,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Atom {
    fn fits(&self, character: char) -> bool {
        match self {
            Atom::Char(own) => *own == character,
            Atom::Any => true,
            Atom::Class { negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *negated
            }
        }
    }

    /// A character that fits, for examples.
    fn example(&self) -> char {
        ['a', '1', 'A', '-', '_', '.', '/', ':'].into_iter().find(|c| self.fits(*c)).unwrap_or(match self {
            Atom::Char(own) => *own,
            Atom::Class { ranges, .. } => ranges.first().map_or('a', |(first, _)| *first),
            Atom::Any => 'a',
        })
    }
}

/// Many repetitions: more than any name is long.
const UNBOUNDED: usize = 4096;

impl Old {
    /// `None` where the expression is one that the old tool or its engine refuses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut alternatives = vec![Vec::new()];
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let atom = match character {
                '|' => {
                    alternatives.push(Vec::new());
                    continue;
                }
                '[' => class(&mut characters)?,
                '\\' => match characters.next()? {
                    // The old tool escapes the dot a second time: a backslash, then any character.
                    '.' => {
                        alternatives.last_mut()?.push(Repeat { atom: Atom::Char('\\'), least: 1, most: 1 });
                        Atom::Any
                    }
                    escaped => escape(escaped)?,
                },
                '*' | '{' | '}' | '(' | ')' | '?' | '^' | '$' | ']' => return None,
                literal => Atom::Char(literal),
            };
            let (least, most) = match characters.peek() {
                Some('*') => {
                    characters.next();
                    (0, UNBOUNDED)
                }
                Some('{') => {
                    characters.next();
                    bounds(&mut characters)?
                }
                _ => (1, 1),
            };
            alternatives.last_mut()?.push(Repeat { atom, least, most });
        }
        Some(Self { alternatives })
    }

    /// Did the old tool find the expression in `value`?
    pub(super) fn found_in(&self, value: &str) -> bool {
        let characters: Vec<char> = value.chars().collect();
        self.alternatives.iter().any(|pieces| (0..=characters.len()).any(|start| starts_at(pieces, characters.get(start..))))
    }

    /// Values that the expression itself describes, one per alternative, shortest repetitions or a few.
    pub(super) fn examples(&self) -> Vec<String> {
        let build = |pieces: &Vec<Repeat>, more: usize| {
            pieces
                .iter()
                .flat_map(|piece| std::iter::repeat_n(piece.atom.example(), piece.least.max(more.min(piece.most))))
                .collect::<String>()
        };
        self.alternatives.iter().flat_map(|pieces| [build(pieces, 3), build(pieces, 0)]).collect()
    }
}

fn starts_at(pieces: &[Repeat], characters: Option<&[char]>) -> bool {
    let Some(characters) = characters else { return false };
    let Some((piece, rest)) = pieces.split_first() else { return true };
    let fitting = characters.iter().take(piece.most).take_while(|character| piece.atom.fits(**character)).count();
    (piece.least..=fitting).any(|taken| starts_at(rest, characters.get(taken..)))
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn escape(escaped: char) -> Option<Atom> {
    let class = |negated, ranges: &[(char, char)]| Some(Atom::Class { negated, ranges: ranges.to_vec() });
    const WORD: [(char, char); 4] = [('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
    const SPACE: [(char, char); 2] = [(' ', ' '), ('\t', '\r')];
    match escaped {
        'w' => class(false, &WORD),
        'W' => class(true, &WORD),
        'd' => class(false, &[('0', '9')]),
        'D' => class(true, &[('0', '9')]),
        's' => class(false, &SPACE),
        'S' => class(true, &SPACE),
        other if other.is_alphanumeric() => None,
        other => Some(Atom::Char(other)),
    }
}

/// The rest of a class, after its `[`.
fn class(characters: &mut Characters<'_>) -> Option<Atom> {
    let negated = characters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match characters.next()? {
            ']' if !ranges.is_empty() => return Some(Atom::Class { negated, ranges }),
            '[' => return None,
            '\\' => match escape(characters.next()?)? {
                Atom::Class { negated: false, ranges: more } => {
                    ranges.extend(more);
                    continue;
                }
                Atom::Char(character) => character,
                _ => return None,
            },
            character => character,
        };
        let mut ahead = characters.clone();
        let range_end = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' && last != '\\' => Some(last),
            _ => None,
        };
        match range_end {
            Some(last) if last >= first => {
                characters.next();
                characters.next();
                ranges.push((first, last));
            }
            Some(_) => return None,
            None => ranges.push((first, first)),
        }
    }
}

/// `n}`, `n,}` or `n,m}`.
fn bounds(characters: &mut Characters<'_>) -> Option<(usize, usize)> {
    let mut text = String::new();
    loop {
        match characters.next()? {
            '}' => break,
            character if text.len() < 8 => text.push(character),
            _ => return None,
        }
    }
    let (least, most) = match text.split_once(',') {
        None => (text.parse().ok()?, text.parse().ok()?),
        Some((least, "")) => (least.parse().ok()?, UNBOUNDED),
        Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
    };
    (least <= most && most <= UNBOUNDED).then_some((least, most))
}

/// The patterns of `*` and `?` that say what an expression meant, one per alternative. `Err` says why there are none.
pub(super) fn meant(text: &str) -> Result<Vec<String>, String> {
    let text = text.strip_prefix('^').unwrap_or(text);
    let text = text.strip_suffix('$').unwrap_or(text);
    let mut patterns = vec![String::new()];
    let mut done = Vec::new();
    let mut characters = text.chars().peekable();
    let refuse = |what: &str| Err(format!("{what} cannot be said with `*` and `?`"));
    while let Some(character) = characters.next() {
        let ends: Vec<String> = match character {
            '|' => {
                done.append(&mut patterns);
                patterns.push(String::new());
                continue;
            }
            '(' | ')' => return refuse("a group in parentheses"),
            '?' => return refuse("`?` of regular expressions"),
            '^' | '$' => return refuse("an anchor in the middle"),
            '{' | '}' | ']' => return refuse("an unpaired bracket or brace"),
            c if c.is_whitespace() || c.is_control() => return refuse("white space"),
            // A lone wildcard: nobody repeats a colon or a slash, the wildcard of ARNs was meant.
            '*' => vec![String::from("*")],
            '.' => match characters.peek() {
                Some('*') => {
                    characters.next();
                    vec![String::from("*")]
                }
                Some('+') => {
                    characters.next();
                    vec![String::from("?*")]
                }
                _ => vec![String::from(".")],
            },
            '[' => {
                let Some(atom) = class(&mut characters) else { return refuse("this class of characters") };
                repeated(&atom, &mut characters)?
            }
            '\\' => match characters.next() {
                Some(escaped) if escaped.is_alphanumeric() => match escape(escaped) {
                    Some(atom) => repeated(&atom, &mut characters)?,
                    None => return refuse(&format!("`\\{escaped}`")),
                },
                Some(literal) if !matches!(literal, '*' | '?') && !literal.is_whitespace() => vec![literal.to_string()],
                _ => return refuse("this escape"),
            },
            literal => match characters.next_if_eq(&'{') {
                None => vec![literal.to_string()],
                Some(_) => match bounds(&mut characters) {
                    Some((least, most)) if least == most && most <= 64 => vec![literal.to_string().repeat(least)],
                    _ => return refuse("a number of repetitions that varies"),
                },
            },
        };
        patterns = patterns.iter().flat_map(|head| ends.iter().map(move |end| format!("{head}{end}"))).collect();
        if patterns.len() + done.len() > 32 {
            return Err(String::from("it stands for more than 32 patterns"));
        }
    }
    done.append(&mut patterns);
    for pattern in &mut done {
        while pattern.contains("**") {
            *pattern = pattern.replace("**", "*");
        }
    }
    done.retain(|pattern| !pattern.is_empty());
    match done.is_empty() {
        true => Err(String::from("it is empty")),
        false => Ok(done),
    }
}

/// A class and its quantifier as patterns: a few single characters are written out, everything else becomes a wildcard.
fn repeated(atom: &Atom, characters: &mut Characters<'_>) -> Result<Vec<String>, String> {
    match characters.peek() {
        Some('*') => {
            characters.next();
            Ok(vec![String::from("*")])
        }
        Some('+') => {
            characters.next();
            Ok(vec![String::from("?*")])
        }
        Some('{') => {
            characters.next();
            match bounds(characters) {
                Some((least, most)) if least == most && most <= 64 => Ok(vec!["?".repeat(least)]),
                Some((least, UNBOUNDED)) if least <= 64 => Ok(vec![format!("{}*", "?".repeat(least))]),
                _ => Err(String::from("a number of repetitions that varies cannot be said with `*` and `?`")),
            }
        }
        _ => match atom {
            Atom::Class { negated: false, ranges } => {
                let single: Vec<char> = ranges.iter().flat_map(|(first, last)| (*first..=*last).take(9)).take(9).collect();
                match single.len() {
                    0..=8 if !single.contains(&'*') && !single.contains(&'?') => {
                        Ok(single.iter().map(char::to_string).collect())
                    }
                    _ => Ok(vec![String::from("?")]),
                }
            }
            _ => Ok(vec![String::from("?")]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_did_what_the_old_tool_made_of_them() {
        let found = |expression: &str, value: &str| Old::parse(expression).unwrap().found_in(value);
        // Unanchored: names that somebody else chose.
        assert!(found(r"al2023-[\w-]*", "x-al2023-loot"));
        assert!(found("role/CloudOps", "arn:aws:iam::111122223333:role/CloudOpsEvil"));
        assert!(found(r"repo.[\w-]*.amazonaws.com", "repo.eu-west-1.amazonaws.com.evil"));
        // `*` repeats the colon before it.
        assert!(!found("arn:aws:iam::*:role/x", "arn:aws:iam::111122223333:role/x"));
        // `\.` became a backslash and any character; `.*` a run of dots.
        assert!(!found(r"a\.b", "a.b"));
        assert!(!found("a.*b", "a-b"));
        assert!(found("a.*b", "a...b"));
    }

    #[test]
    fn patterns_say_what_was_meant() {
        let one = |expression: &str| meant(expression).unwrap().join(" ");
        assert_eq!(one(r"al2023-[\w-]*"), "al2023-*");
        assert_eq!(one(r"[\w-]*-birdwatcher-prod"), "*-birdwatcher-prod");
        assert_eq!(one("arn:aws:iam::*:role/x"), "arn:aws:iam::*:role/x");
        assert_eq!(one(r"a\.b.*"), "a.b*");
        assert_eq!(one("one|two"), "one two");
        assert_eq!(one("dev-[ab]"), "dev-a dev-b");
        assert_eq!(one(r"vpce-\w{4}"), "vpce-????");
        assert!(meant("(a|b)").is_err());
        assert!(meant("a{2,3}").is_err());
        assert!(meant("a b").is_err());
    }
}
