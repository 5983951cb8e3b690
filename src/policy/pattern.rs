//! Wildcard patterns, ready to match: texts, actions, resource ARNs and ARN-valued keys.
//!
//! `*` is any run of characters, also none; `?` is exactly one. How far they reach depends on where the pattern stands:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    Char(char),
    /// Any run of characters.
    Any,
    /// Any run of characters but colons.
    AnyInPart,
    /// One character.
    One,
    /// One character that is no colon.
    OneInPart,
}

impl Token {
    fn is_run(self) -> bool {
        matches!(self, Token::Any | Token::AnyInPart)
    }

    /// May the token take this character?
    fn takes(self, character: char) -> bool {
        match self {
            Token::Char(own) => own == character,
            Token::Any | Token::One => true,
            Token::AnyInPart | Token::OneInPart => character != ':',
        }
    }
}

/// The tokens of a text in which `*` and `?` are wildcards.
pub fn tokens(text: &str) -> Vec<Token> {
    text.chars()
        .map(|character| match character {
            '*' => Token::Any,
            '?' => Token::One,
            character => Token::Char(character),
        })
        .collect()
}

/// A pattern that covers the whole of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Glob {
    shape: Shape,
    /// The letters before the first wildcard.
    start: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Shape {
    Everything,
    Exact(Box<str>),
    Prefix(Box<str>),
    /// Runs reach everywhere: going back to the last run is enough.
    Free(Box<[Token]>),
    /// Some runs stay inside their part: every way must be followed.
    Bound(Box<[Token]>),
}

impl Glob {
    /// A pattern of a text with `*` and `?`.
    pub fn new(text: &str) -> Glob {
        Glob::from_tokens(tokens(text))
    }

    pub fn from_tokens(mut tokens: Vec<Token>) -> Glob {
        tokens.dedup_by(|next, previous| *next == Token::Any && *previous == Token::Any);
        let literal = |tokens: &[Token]| -> Option<Box<str>> {
            let text: Option<String> = tokens
                .iter()
                .map(|token| match token {
                    Token::Char(character) => Some(*character),
                    _ => None,
                })
                .collect();
            text.map(String::into_boxed_str)
        };
        let letters = tokens.iter().map_while(|token| match token {
            Token::Char(character) => Some(*character),
            _ => None,
        });
        let start = letters.collect::<String>().into_boxed_str();
        let shape = if let Some(text) = literal(&tokens) {
            Shape::Exact(text)
        } else if tokens.as_slice() == [Token::Any] {
            Shape::Everything
        } else if let Some((Token::Any, rest)) = tokens.split_last().map(|(last, rest)| (*last, rest))
            && let Some(text) = literal(rest)
        {
            Shape::Prefix(text)
        } else if tokens.iter().any(|token| matches!(token, Token::AnyInPart | Token::OneInPart)) {
            Shape::Bound(tokens.into_boxed_slice())
        } else {
            Shape::Free(tokens.into_boxed_slice())
        };
        Glob { shape, start }
    }

    /// The pattern as it would be written.
    pub fn text(&self) -> String {
        let character = |token: Token| match token {
            Token::Char(own) => own,
            Token::Any | Token::AnyInPart => '*',
            Token::One | Token::OneInPart => '?',
        };
        self.to_tokens().into_iter().map(character).collect()
    }

    /// Does the pattern match every text?
    pub fn is_everything(&self) -> bool {
        self.shape == Shape::Everything
    }

    /// Does the pattern cover the whole of `value`?
    pub fn matches(&self, value: &str) -> bool {
        match &self.shape {
            Shape::Everything => true,
            Shape::Exact(text) => **text == *value,
            Shape::Prefix(text) => value.starts_with(&**text),
            Shape::Free(tokens) => matches_free(tokens, value),
            Shape::Bound(tokens) => matches_bound(tokens, value),
        }
    }

    fn to_tokens(&self) -> Vec<Token> {
        match &self.shape {
            Shape::Everything => vec![Token::Any],
            Shape::Exact(text) => text.chars().map(Token::Char).collect(),
            Shape::Prefix(text) => text.chars().map(Token::Char).chain([Token::Any]).collect(),
            Shape::Free(tokens) | Shape::Bound(tokens) => tokens.to_vec(),
        }
    }

    /// Do the patterns begin with other letters? Then no text is covered by both.
    fn begins_otherwise(&self, other: &Glob) -> bool {
        !self.start.starts_with(&*other.start) && !other.start.starts_with(&*self.start)
    }

    /// Does the pattern certainly cover every text that `partial` stands for? A `*` of `partial` is a part that is not known.
    pub fn covers(&self, partial: &Glob) -> bool {
        if self.is_everything() || self.begins_otherwise(partial) {
            return self.is_everything();
        }
        let (own, other) = (self.to_tokens(), partial.to_tokens());
        // A token of `partial` that stands for something unknown is only taken by a run that reaches everywhere.
        walk(&own, &other, |own, other| match (own, other) {
            (Token::Any, _) => true,
            (own, Token::Char(character)) => own.takes(character),
            (Token::One, Token::One | Token::OneInPart) | (Token::AnyInPart | Token::OneInPart, Token::OneInPart) => true,
            _ => false,
        })
    }

    /// The pattern with its letters in lower case.
    pub fn in_lower_case(&self) -> Glob {
        let lower = self.to_tokens().into_iter().flat_map(|token| match token {
            Token::Char(character) => character.to_lowercase().map(Token::Char).collect(),
            token => vec![token],
        });
        Glob::from_tokens(lower.collect())
    }

    /// Is there a text that both patterns cover?
    pub fn meets(&self, other: &Glob) -> bool {
        !self.begins_otherwise(other) && overlap(&self.to_tokens(), &other.to_tokens())
    }

    /// May the pattern cover a text that `partial` stands for?
    ///
    /// Two ARNs are compared part by part: an unknown name is not supposed to hold the colons of a whole other ARN. A wildcard of
    /// the pattern itself may reach beyond the colons of its part, over what is known.
    pub fn overlaps(&self, partial: &Glob) -> bool {
        if self.begins_otherwise(partial) {
            return false;
        }
        let (own, other) = (self.to_tokens(), partial.to_tokens());
        let parts = |tokens: &[Token]| tokens.iter().filter(|token| **token == Token::Char(':')).count() + 1;
        if parts(&own) < 6 || parts(&other) < 6 {
            return overlap(&own, &other);
        }
        let cut = |tokens: &[Token]| -> Vec<Vec<Token>> {
            tokens.splitn(6, |token| *token == Token::Char(':')).map(<[Token]>::to_vec).collect()
        };
        if cut(&own).iter().zip(cut(&other)).all(|(own, other)| overlap(own, &other)) {
            return true;
        }
        let within_parts: Vec<Token> = other
            .iter()
            .map(|token| match token {
                Token::Any => Token::AnyInPart,
                Token::One => Token::OneInPart,
                token => *token,
            })
            .collect();
        overlap(&own, &within_parts)
    }
}

/// Is there a text that both cover?
fn overlap(own: &[Token], other: &[Token]) -> bool {
    let mut reached = vec![false; other.len() + 1];
    close(&mut reached, other, 0);
    for token in own {
        let mut after = vec![false; other.len() + 1];
        for (at, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            advance(&mut after, *token, other, at);
        }
        reached = after;
    }
    reached.last().copied().unwrap_or(false)
}

/// Marks position `at` of `tokens` and those behind the runs that follow, which may be empty.
fn close(reached: &mut [bool], tokens: &[Token], at: usize) {
    let mut at = at;
    loop {
        match reached.get_mut(at) {
            Some(mark) if !*mark => *mark = true,
            _ => return,
        }
        match tokens.get(at) {
            Some(token) if token.is_run() => at += 1,
            _ => return,
        }
    }
}

/// Where in `other` one token of a pattern may lead from `at`.
fn advance(after: &mut [bool], token: Token, other: &[Token], at: usize) {
    let compatible = |left: Token, right: Token| match (left, right) {
        (Token::Char(left), right) => right.takes(left),
        (left, Token::Char(right)) => left.takes(right),
        _ => true,
    };
    if token.is_run() {
        close(after, other, at);
        let mut at = at;
        while let Some(step) = other.get(at) {
            if !compatible(token, *step) {
                break;
            }
            at += 1;
            close(after, other, at);
        }
    } else if let Some(step) = other.get(at)
        && compatible(token, *step)
    {
        close(after, other, if step.is_run() { at } else { at + 1 });
        if step.is_run() {
            close(after, other, at + 1);
        }
    }
}

/// Does the pattern take the whole of `input`, one token after the other, where `takes` says what a token may take?
fn walk(pattern: &[Token], input: &[Token], takes: impl Fn(Token, Token) -> bool) -> bool {
    let mut reached = vec![false; pattern.len() + 1];
    close(&mut reached, pattern, 0);
    for step in input {
        let mut next = vec![false; pattern.len() + 1];
        for (at, token) in pattern.iter().enumerate() {
            if reached.get(at).copied().unwrap_or(false) && takes(*token, *step) {
                close(&mut next, pattern, if token.is_run() { at } else { at + 1 });
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

fn matches_bound(tokens: &[Token], value: &str) -> bool {
    let input: Vec<Token> = value.chars().map(Token::Char).collect();
    walk(tokens, &input, |token, step| matches!(step, Token::Char(character) if token.takes(character)))
}

fn matches_free(tokens: &[Token], value: &str) -> bool {
    let character_at = |at: usize| value.get(at..).and_then(|rest| rest.chars().next());
    let (mut p, mut v) = (0, 0);
    // Where to go back to when what follows the last run does not fit: the run, and the position it reached.
    let mut run: Option<(usize, usize)> = None;
    while let Some(character) = character_at(v) {
        match tokens.get(p) {
            Some(Token::Any) => {
                run = Some((p, v));
                p += 1;
            }
            Some(token) if token.takes(character) => {
                p += 1;
                v += character.len_utf8();
            }
            _ => match run {
                Some((run_p, run_v)) => {
                    let next = run_v + character_at(run_v).map_or(1, char::len_utf8);
                    p = run_p + 1;
                    v = next;
                    run = Some((run_p, next));
                }
                None => return false,
            },
        }
    }
    tokens.get(p..).is_some_and(|rest| rest.iter().all(|token| token.is_run()))
}

/// The tokens of a resource ARN pattern. In the first five parts a wildcard stays inside its part, unless a `*` ends the part: then
/// it may reach beyond the colon. The resource part may hold colons of its own, and its wildcards cross them.
pub fn bind_to_arn_parts(tokens: &mut [Token]) {
    let mut colons = 0;
    for at in 0..tokens.len() {
        let ends_part = matches!(tokens.get(at + 1), None | Some(Token::Char(':')));
        match tokens.get_mut(at) {
            Some(Token::Char(':')) => colons += 1,
            Some(token @ Token::Any) if colons < 5 && !ends_part => *token = Token::AnyInPart,
            Some(token @ Token::One) if colons < 5 => *token = Token::OneInPart,
            _ => {}
        }
    }
}

/// A pattern of an ARN-valued key: each of the six parts on its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArnGlob {
    parts: [Glob; 6],
}

impl ArnGlob {
    /// `None` if the pattern does not have six parts: it matches nothing.
    pub fn from_tokens(tokens: &[Token]) -> Option<ArnGlob> {
        let mut parts = tokens.splitn(6, |token| *token == Token::Char(':'));
        let mut next = || parts.next().map(|part| Glob::from_tokens(part.to_vec()));
        Some(ArnGlob { parts: [next()?, next()?, next()?, next()?, next()?, next()?] })
    }

    /// Is there an ARN that both patterns match?
    pub fn meets(&self, other: &ArnGlob) -> bool {
        self.parts.iter().zip(&other.parts).all(|(own, other)| own.meets(other))
    }

    /// Does every ARN that the other pattern matches match this one?
    pub fn covers(&self, other: &ArnGlob) -> bool {
        self.parts.iter().zip(&other.parts).all(|(own, other)| own.covers(other))
    }

    /// `None` if the value is no ARN.
    pub fn matches(&self, value: &str) -> Option<bool> {
        let parts = arn_parts(value)?;
        Some(self.parts.iter().zip(parts).all(|(pattern, part)| pattern.matches(part)))
    }
}

/// The six parts of an ARN; the last one keeps its colons. `None` if it is none.
pub fn arn_parts(text: &str) -> Option<[&str; 6]> {
    if !text.starts_with("arn:") {
        return None;
    }
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}

/// A pattern of `Action` or `NotAction`. Both halves are case-insensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern {
    /// The service prefix in lower case; `None` for the lone `*`.
    pub service: Option<Box<str>>,
    /// The name in lower case.
    name: Glob,
}

impl ActionPattern {
    /// `None` if the text is neither `*` nor `service:name`. `*:*` is another way to write `*`.
    pub fn parse(text: &str) -> Option<ActionPattern> {
        if text == "*:*" || (!text.is_empty() && text.bytes().all(|byte| byte == b'*')) {
            return Some(ActionPattern { service: None, name: Glob::new("*") });
        }
        let (service, name) = text.split_once(':')?;
        if service.is_empty() || name.is_empty() || service.contains(['*', '?']) {
            return None;
        }
        let service = Some(service.to_ascii_lowercase().into_boxed_str());
        Some(ActionPattern { service, name: Glob::new(&name.to_ascii_lowercase()) })
    }

    /// Does it name an action of the service, and not all of them?
    pub fn chooses_of(&self, service: &str) -> bool {
        self.service.as_deref() == Some(service) && !self.name.is_everything()
    }

    /// Is it the name of one action, without wildcards?
    pub fn exact(&self) -> Option<&str> {
        match &self.name.shape {
            Shape::Exact(name) => Some(name),
            _ => None,
        }
    }

    /// Does it match the action whose service and name are given in lower case?
    pub fn matches(&self, service: &str, name: &str) -> bool {
        self.service.as_deref().is_none_or(|own| own == service) && self.name.matches(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(pattern: &str) -> Glob {
        let mut tokens = tokens(pattern);
        bind_to_arn_parts(&mut tokens);
        Glob::from_tokens(tokens)
    }

    #[test]
    fn a_wildcard_reaches_beyond_its_arn_part_only_when_it_ends_the_part() {
        let value = "arn:aws:sqs:us-east-1:111122223333:queue";
        assert!(resource("arn:aws:sqs:*:queue").matches(value));
        assert!(resource("arn:aws:sqs:us-*-1:111122223333:*").matches(value));
        assert!(resource("arn:aws:sqs:us*").matches(value));
        assert!(!resource("arn:aws:sqs:u*3:queue").matches(value));
        assert!(!resource("arn:aws:sqs:us?east-1?111122223333:queue").matches(value));
        assert!(resource("arn:aws:s3:::b/a*z").matches("arn:aws:s3:::b/a/2026:11:23/z"));
    }

    #[test]
    fn actions_are_case_insensitive_and_take_wildcards_anywhere_in_the_name() {
        let pattern = ActionPattern::parse("EC2:*Instance?").unwrap();
        assert!(pattern.matches("ec2", "runinstances"));
        assert!(!pattern.matches("ec2", "runinstance"));
        assert!(!pattern.matches("s3", "runinstances"));
        assert!(ActionPattern::parse("*").unwrap().matches("s3", "getobject"));
        assert!(ActionPattern::parse("*:*").unwrap().matches("s3", "getobject"));
        for wrong in ["s*:GetObject", "GetObject", ":x", "s3:"] {
            assert_eq!(ActionPattern::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_partly_known_text_is_covered_missed_or_open() {
        let known_bucket = Glob::new("arn:aws:s3:::data/*");
        assert!(Glob::new("arn:aws:s3:::data/*").covers(&known_bucket));
        assert!(Glob::new("arn:aws:s3:::*").covers(&known_bucket));
        assert!(!Glob::new("arn:aws:s3:::data/secret").covers(&known_bucket));
        assert!(Glob::new("arn:aws:s3:::data/secret").overlaps(&known_bucket));
        assert!(!Glob::new("arn:aws:s3:::logs/*").overlaps(&known_bucket));
        assert!(Glob::new("*x*").overlaps(&known_bucket));
    }
}
