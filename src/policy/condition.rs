//! One condition, compiled: a key, an operator, the values of the policy.
//!
//! How operators, missing keys and lists work:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::context::{Asked, Member, Of, Other, Seen, Unknown, View};
use super::document::{self, Version};
use super::global_keys;
use super::operator::{Comparison, Operator, Quantifier, Test};
use super::pattern::{ArnGlob, Glob, Token, arn_parts, tokens};
use super::template::{Resolved, Template, canonical, literal};
use super::truth::{Truth, all, any};
use super::value::{Decimal, Networks, parse_binary, parse_bool, parse_date, parse_network};

/// From this number of constant values on, look-ups replace the comparison one by one.
const MANY: usize = 8;

/// A condition, ready to evaluate.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The key in lower case.
    pub key: String,
    /// The key as it is written.
    pub name: String,
    /// `None`: AWS has no such operator; the condition is never true.
    pub operator: Option<Operator>,
    /// The operator as it is written.
    pub operator_name: String,
    pub values: Vec<PolicyValue>,
    /// Does AWS document the key as multivalued?
    multivalued: bool,
    /// Does AWS document that the key has one value?
    single_valued: bool,
    lookup: Lookup,
}

/// One value of the policy.
#[derive(Debug, Clone)]
pub struct PolicyValue {
    pub written: String,
    /// What it is known by: texts of one meaning have one name, whatever the version of their policy.
    pub known_as: String,
    prepared: Prepared,
}

#[derive(Debug, Clone)]
enum Prepared {
    Text(String),
    IgnoreCase(String),
    Like(Glob),
    Arn(ArnGlob),
    Number(Decimal),
    Date(i128),
    Bool(bool),
    Binary(Vec<u8>),
    Network(IpNet),
    Template(Template),
    /// A value that cannot be what the operator needs: it matches nothing.
    Nothing,
}

#[derive(Debug, Clone)]
enum Lookup {
    None,
    Texts(BTreeSet<String>),
    Networks(Box<Networks>),
}

impl Condition {
    pub fn compile(condition: &document::Condition, version: Version) -> Condition {
        let operator = Operator::parse(&condition.operator.text);
        let values: Vec<PolicyValue> =
            condition.values.iter().map(|value| PolicyValue::compile(operator, &value.text, version)).collect();
        let key = condition.key.text.to_ascii_lowercase();
        let known = global_keys::find(&key);
        Condition {
            lookup: Lookup::over(&values),
            multivalued: known.is_some_and(|known| known.multivalued),
            single_valued: known.is_some_and(|known| !known.multivalued),
            name: condition.key.text.clone(),
            operator_name: condition.operator.text.clone(),
            key,
            operator,
            values,
        }
    }

    /// The keys that the condition reads: its own, and those of policy variables. In lower case.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.key.as_str()).chain(self.variables())
    }

    /// The keys of policy variables in the values, in lower case.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flat_map(PolicyValue::variables)
    }

    /// May the key have several values? AWS documents it so, or, of a key of which it does not say, the operator treats it so.
    pub fn is_set(&self) -> bool {
        let treated_so = || self.operator.is_some_and(|operator| operator.quantifier.is_some());
        self.multivalued || (!self.single_valued && treated_so())
    }

    /// Is the condition true of the request?
    pub fn evaluate(&self, view: &View<'_>) -> Truth {
        let Some(operator) = self.operator else { return Truth::False };
        let seen = view.get(&self.key);
        if self.values.is_empty() {
            return self.without_values(operator, seen);
        }
        match (operator.test, operator.quantifier) {
            // Of a set operator with `Null` AWS says what it comes to, whatever the key is:
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>.
            (Test::Null, Some(quantifier)) => (quantifier == Quantifier::ForAllValues).into(),
            (Test::Null, None) => self.null(seen),
            (Test::Compare { comparison, negated }, _) => {
                Evaluation { condition: self, operator, comparison, negated, view }.evaluate(seen)
            }
        }
    }

    /// An empty list of values: with `ForAnyValue` it never matches, with `ForAllValues` and `IfExists` only an absent key; of other
    /// operators AWS's documentation contradicts itself
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>).
    fn without_values(&self, operator: Operator, seen: Seen<'_>) -> Truth {
        match operator.quantifier {
            Some(Quantifier::ForAnyValue) => Truth::False,
            Some(Quantifier::ForAllValues) => self.is_absent(seen),
            None if operator.if_exists => self.is_absent(seen),
            None => Truth::Unknown,
        }
    }

    /// Is the key absent, or has no value?
    fn is_absent(&self, seen: Seen<'_>) -> Truth {
        match seen {
            Seen::Absent | Seen::Values([]) => Truth::True,
            Seen::Values(_) | Seen::Other(_) | Seen::Set(_) | Seen::Something => Truth::False,
            Seen::Unknown(unknown) => {
                let listed = unknown.candidates.iter().flatten().map(|values| Truth::from(values.is_empty()));
                let fold = |listed: &mut dyn Iterator<Item = Truth>| listed.reduce(Truth::either).unwrap_or(Truth::False);
                let present = if unknown.known_members.is_empty() { fold(&mut listed.into_iter()) } else { Truth::False };
                if unknown.may_be_absent && unknown.known_members.is_empty() { present.either(Truth::True) } else { present }
            }
        }
    }

    /// `Null`: "true" asks for an absent key, "false" for one that has a value.
    fn null(&self, seen: Seen<'_>) -> Truth {
        let absent = self.is_absent(seen);
        any(self.values.iter().map(|value| match parse_bool(&value.written) {
            Some(wants_absent) => absent.negated_if(!wants_absent),
            None => Truth::False,
        }))
    }

    /// Why an answer cannot be given although the values are known, if that is so.
    pub fn undocumented(&self, view: &View<'_>) -> Option<&'static str> {
        let operator = self.operator?;
        match (operator.quantifier, view.get(&self.key)) {
            (Some(Quantifier::ForAnyValue), Seen::Absent | Seen::Values([])) if operator.if_exists => {
                Some("AWS does not document ForAnyValue with IfExists on an absent key")
            }
            (None, Seen::Values(values)) if operator.test != Test::Null && (values.len() > 1 || self.multivalued) => {
                Some("AWS does not document a multivalued key without ForAllValues or ForAnyValue")
            }
            _ => None,
        }
    }
}

fn constant(comparison: Comparison, tokens: &[Token]) -> Prepared {
    match comparison {
        Comparison::StringEquals => Prepared::Text(literal(tokens)),
        Comparison::StringEqualsIgnoreCase => Prepared::IgnoreCase(literal(tokens).to_lowercase()),
        Comparison::StringLike => Prepared::Like(Glob::from_tokens(tokens.to_vec())),
        Comparison::Arn if tokens == [Token::Any] => Prepared::Like(Glob::new("*")),
        Comparison::Arn => ArnGlob::from_tokens(tokens).map_or(Prepared::Nothing, Prepared::Arn),
        Comparison::Bool => parse_bool(&literal(tokens)).map_or(Prepared::Nothing, Prepared::Bool),
        Comparison::Numeric(_) | Comparison::Date(_) | Comparison::Binary | Comparison::IpAddress => Prepared::Nothing,
    }
}

impl Lookup {
    fn over(values: &[PolicyValue]) -> Lookup {
        if values.len() < MANY {
            return Lookup::None;
        }
        let texts: Option<BTreeSet<String>> = values
            .iter()
            .map(|value| match &value.prepared {
                Prepared::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        if let Some(texts) = texts {
            return Lookup::Texts(texts);
        }
        let mut networks = Networks::default();
        for value in values {
            match &value.prepared {
                Prepared::Network(network) => networks.insert(*network),
                _ => return Lookup::None,
            }
        }
        Lookup::Networks(Box::new(networks))
    }
}

impl PolicyValue {
    fn compile(operator: Option<Operator>, text: &str, version: Version) -> PolicyValue {
        let value = |known_as: String, prepared: Prepared| PolicyValue { written: text.to_owned(), known_as, prepared };
        let as_written = |prepared: Prepared| value(text.to_owned(), prepared);
        let Some((operator, comparison)) = operator.and_then(|operator| Some((operator, operator.comparison()?))) else {
            return as_written(Prepared::Nothing);
        };
        if !operator.takes_variables() {
            let prepared = match comparison {
                Comparison::Numeric(_) => Decimal::parse(text).map(Prepared::Number),
                Comparison::Date(_) => parse_date(text).map(Prepared::Date),
                Comparison::Binary => parse_binary(text).map(Prepared::Binary),
                _ => parse_network(text).map(Prepared::Network),
            };
            return as_written(prepared.unwrap_or(Prepared::Nothing));
        }
        match Template::parse(text, version, operator.takes_wildcards()) {
            Ok(template) => {
                let prepared = template.constant().map(|tokens| constant(comparison, tokens));
                value(template.canonical(), prepared.unwrap_or(Prepared::Template(template)))
            }
            Err(_) => as_written(Prepared::Nothing),
        }
    }

    /// The value with its variables put in, as far as all of them are known.
    pub fn resolved(&self, comparison: Comparison, view: &View<'_>) -> Option<PolicyValue> {
        let Prepared::Template(template) = &self.prepared else { return Some(self.clone()) };
        match template.resolve(view) {
            Resolved::Tokens(tokens) => Some(PolicyValue {
                written: self.written.clone(),
                known_as: canonical(&tokens),
                prepared: constant(comparison, &tokens),
            }),
            Resolved::Null | Resolved::Unknown(_) => None,
        }
    }

    /// Does the value match every text?
    fn is_everything(&self) -> bool {
        matches!(&self.prepared, Prepared::Like(glob) if glob.is_everything())
    }

    /// The constant text that `StringEquals` compares with; with variables put in where the request knows them.
    pub fn exact_text(&self, view: &View<'_>) -> Option<String> {
        match &self.prepared {
            Prepared::Text(text) => Some(text.clone()),
            Prepared::Template(template) => match template.resolve(view) {
                Resolved::Tokens(tokens) => Some(literal(&tokens)),
                Resolved::Null | Resolved::Unknown(_) => None,
            },
            _ => None,
        }
    }

    /// The variable, if the value is one variable and nothing else.
    pub fn lone_variable(&self) -> Option<&str> {
        match &self.prepared {
            Prepared::Template(template) => template.lone_variable(),
            _ => None,
        }
    }

    /// The text, if it has neither wildcards nor variables.
    pub fn plain_text(&self) -> Option<String> {
        let is_text = matches!(self.prepared, Prepared::Text(_) | Prepared::Like(_) | Prepared::Arn(_));
        (is_text && !self.known_as.contains(['*', '?', '$'])).then(|| self.known_as.clone())
    }

    /// The keys of policy variables in the value, in lower case.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let template = match &self.prepared {
            Prepared::Template(template) => Some(template),
            _ => None,
        };
        template.into_iter().flat_map(Template::variables)
    }

    /// The variable, with the values of it that are worth trying where the value is compared with a text that is known.
    pub fn fitting(&self, value: &str) -> Option<(&str, Vec<String>)> {
        match &self.prepared {
            Prepared::Template(template) => template.fitting(value),
            _ => None,
        }
    }

    /// Is it the value of `key` that is compared with itself?
    fn is_itself(&self, key: &str, comparison: Comparison) -> bool {
        let compares_texts =
            matches!(comparison, Comparison::StringEquals | Comparison::StringLike | Comparison::StringEqualsIgnoreCase);
        compares_texts && self.lone_variable() == Some(key)
    }

    /// Whether the one value of `key` matches, as a question. Two keys that are compared as they are make one, whichever stands first:
    /// what a variable stands for has no wildcards.
    pub fn question<'a>(&'a self, key: &'a str, comparison: Comparison) -> Asked<'a> {
        match self.lone_variable() {
            Some(variable) if matches!(comparison, Comparison::StringEquals | Comparison::StringLike) => {
                Asked { comparison: Comparison::StringEquals, subject: Some(key.min(variable)), of: Of::Key(key.max(variable)) }
            }
            _ => Asked { comparison, subject: Some(key), of: Of::Text(&self.known_as) },
        }
    }

    pub fn number(&self) -> Option<&Decimal> {
        match &self.prepared {
            Prepared::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn network(&self) -> Option<IpNet> {
        match &self.prepared {
            Prepared::Network(network) => Some(*network),
            _ => None,
        }
    }

    pub fn date(&self) -> Option<i128> {
        match &self.prepared {
            Prepared::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// Can no text match both this value and the other?
    pub fn excludes(&self, other: &PolicyValue) -> bool {
        match (&self.prepared, &other.prepared) {
            (Prepared::Like(own), Prepared::Like(other)) => !own.meets(other),
            (Prepared::Arn(own), Prepared::Arn(other)) => !own.meets(other),
            (Prepared::IgnoreCase(own), Prepared::IgnoreCase(other)) => own != other,
            (Prepared::IgnoreCase(text), Prepared::Like(glob)) | (Prepared::Like(glob), Prepared::IgnoreCase(text)) => {
                !glob.in_lower_case().matches(text)
            }
            _ => false,
        }
    }

    /// Does every text that matches the other value match this one?
    pub fn includes(&self, other: &PolicyValue) -> bool {
        match (&self.prepared, &other.prepared) {
            (Prepared::Like(own), Prepared::Like(other)) => own.covers(other),
            (Prepared::Arn(own), Prepared::Arn(other)) => own.covers(other),
            _ => false,
        }
    }

    /// Can the value match no text that a pattern of a partly known text covers?
    pub fn misses(&self, partial: &str) -> bool {
        match &self.prepared {
            Prepared::Like(own) => !own.meets(&Glob::new(partial)),
            Prepared::Arn(own) => ArnGlob::from_tokens(&tokens(partial)).is_some_and(|partial| !own.meets(&partial)),
            Prepared::IgnoreCase(text) => !Glob::new(partial).in_lower_case().matches(text),
            _ => false,
        }
    }

    /// Does the value match every text that a pattern of a partly known text covers?
    pub fn takes_all(&self, partial: &str) -> bool {
        match &self.prepared {
            Prepared::Like(own) => own.covers(&Glob::new(partial)),
            Prepared::Arn(own) => ArnGlob::from_tokens(&tokens(partial)).is_some_and(|partial| own.covers(&partial)),
            _ => false,
        }
    }

    /// Can the value never match, whatever the request?
    pub fn is_impossible(&self) -> bool {
        matches!(self.prepared, Prepared::Nothing)
    }

    /// Is a policy variable in the value?
    pub fn has_variables(&self) -> bool {
        matches!(self.prepared, Prepared::Template(_))
    }
}

/// A variable without a value matches nothing; of another one nobody can tell.
fn null_or_unknown(template: &Template, view: &View<'_>) -> Truth {
    if template.resolve(view) == Resolved::Null { Truth::False } else { Truth::Unknown }
}

/// A comparison under way.
struct Evaluation<'a> {
    condition: &'a Condition,
    operator: Operator,
    comparison: Comparison,
    negated: bool,
    view: &'a View<'a>,
}

impl Evaluation<'_> {
    fn evaluate(&self, seen: Seen<'_>) -> Truth {
        match seen {
            Seen::Absent => self.absent(),
            Seen::Values(values) => self.values(values),
            Seen::Other(other) => self.unknown_value(Some(other)),
            Seen::Set(members) => self.set(members),
            Seen::Something => self.some_values(&[]),
            Seen::Unknown(unknown) => self.unknown(unknown),
        }
    }

    fn absent(&self) -> Truth {
        match self.operator.quantifier {
            Some(Quantifier::ForAllValues) => Truth::True,
            // Not documented: `IfExists` says true, `ForAnyValue` says false.
            Some(Quantifier::ForAnyValue) if self.operator.if_exists => Truth::Unknown,
            Some(Quantifier::ForAnyValue) => Truth::False,
            None => (self.operator.if_exists || self.negated).into(),
        }
    }

    fn values(&self, values: &[String]) -> Truth {
        match (self.operator.quantifier, values) {
            (_, []) => self.absent(),
            (Some(Quantifier::ForAllValues), values) => all(values.iter().map(|value| self.passes(value))),
            (Some(Quantifier::ForAnyValue), values) => any(values.iter().map(|value| self.passes(value))),
            (None, [value]) if !self.condition.multivalued => self.passes(value),
            // Not documented: see `Condition::undocumented`.
            (None, _) => Truth::Unknown,
        }
    }

    /// Values of which some are none that the policies name.
    fn set(&self, members: &[Member]) -> Truth {
        let mut passes = members.iter().map(|member| match member {
            Member::Text(text) => self.passes(text),
            Member::Other(other) => self.unknown_value(Some(other)),
        });
        match self.operator.quantifier {
            Some(Quantifier::ForAllValues) => all(passes),
            Some(Quantifier::ForAnyValue) => any(passes),
            None if members.len() == 1 && !self.condition.multivalued => passes.next().unwrap_or(Truth::Unknown),
            // Not documented: see `Condition::undocumented`.
            None => Truth::Unknown,
        }
    }

    fn unknown(&self, unknown: &Unknown) -> Truth {
        let may_be_absent = unknown.may_be_absent && unknown.known_members.is_empty();
        let present = match &unknown.candidates {
            Some(candidates) if !candidates.is_empty() => {
                candidates.iter().map(|values| self.values(values)).reduce(Truth::either).unwrap_or(Truth::Unknown)
            }
            _ => match &unknown.between {
                Some(ends) => self.between(ends),
                None if !unknown.excluded.is_empty() && unknown.known_members.is_empty() && !self.condition.is_set() => {
                    self.unknown_value(Some(&Other { excluded: unknown.excluded.clone(), supposed: Vec::new() }))
                }
                None => self.some_values(&unknown.known_members),
            },
        };
        if may_be_absent { present.either(self.absent()) } else { present }
    }

    /// A number or a date of which only bounds are known: a comparison by order is certain if both bounds answer alike, one for
    /// equality if the bounds leave no room for it.
    fn between(&self, [first, last]: &[String; 2]) -> Truth {
        let answers = self.passes(first).either(self.passes(last));
        match self.comparison {
            Comparison::Numeric(order) | Comparison::Date(order) if order.is_monotone() => answers,
            _ if first == last => answers,
            _ => Truth::Unknown,
        }
    }

    /// The key has values of which only some are known, if any.
    fn some_values(&self, known: &[String]) -> Truth {
        let another = self.unknown_value(None);
        if known.is_empty() {
            // A multivalued key without a set operator: not documented.
            let undocumented = self.operator.quantifier.is_none() && self.condition.multivalued;
            return if undocumented { Truth::Unknown } else { another };
        }
        match self.operator.quantifier {
            Some(Quantifier::ForAllValues) => {
                let more = if another.is_true() { Truth::True } else { Truth::Unknown };
                all(known.iter().map(|value| self.passes(value))).and(more)
            }
            Some(Quantifier::ForAnyValue) => {
                let more = if another.is_false() { Truth::False } else { Truth::Unknown };
                any(known.iter().map(|value| self.passes(value))).or(more)
            }
            None => Truth::Unknown,
        }
    }

    /// Does one value of the request pass: does any policy value match, or, negated, none?
    fn passes(&self, value: &str) -> Truth {
        let compared = match &self.condition.lookup {
            Lookup::Texts(texts) => Some(texts.contains(value).into()),
            Lookup::Networks(networks) => value.parse::<IpAddr>().ok().map(|address| networks.contains(address).into()),
            Lookup::None => self.compared(value),
        };
        // A request value that the operator cannot read passes neither way.
        compared.map_or(Truth::False, |truth: Truth| truth.negated_if(self.negated))
    }

    /// `None`: the operator cannot read the request value.
    fn compared(&self, value: &str) -> Option<Truth> {
        let values = self.condition.values.iter();
        Some(match self.comparison {
            Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike | Comparison::Bool => {
                any(values.map(|own| self.or_supposed(own, self.matches(&own.prepared, value))))
            }
            Comparison::Arn => {
                arn_parts(value)?;
                any(values.map(|own| self.or_supposed(own, self.matches(&own.prepared, value))))
            }
            Comparison::Numeric(order) => {
                let number = Decimal::parse(value)?;
                any(values.map(|own| match &own.prepared {
                    Prepared::Number(own) => order.holds(number.cmp(own)).into(),
                    _ => Truth::False,
                }))
            }
            Comparison::Date(order) => {
                let date = parse_date(value)?;
                any(values.map(|own| match &own.prepared {
                    Prepared::Date(own) => order.holds(date.cmp(own)).into(),
                    _ => Truth::False,
                }))
            }
            Comparison::Binary => {
                let bytes = parse_binary(value)?;
                any(values.map(|own| matches!(&own.prepared, Prepared::Binary(own) if *own == bytes).into()))
            }
            Comparison::IpAddress => {
                let address: IpAddr = value.parse().ok()?;
                any(values.map(|own| matches!(&own.prepared, Prepared::Network(own) if own.contains(&address)).into()))
            }
        })
    }

    fn matches(&self, prepared: &Prepared, value: &str) -> Truth {
        match prepared {
            Prepared::Text(text) => (*text == value).into(),
            Prepared::IgnoreCase(text) => (*text == value.to_lowercase()).into(),
            Prepared::Like(glob) => glob.matches(value).into(),
            Prepared::Arn(arn) => arn.matches(value).unwrap_or(false).into(),
            Prepared::Bool(own) => (parse_bool(value) == Some(*own)).into(),
            Prepared::Template(template) => match template.resolve(self.view) {
                Resolved::Tokens(tokens) => self.matches(&constant(self.comparison, &tokens), value),
                Resolved::Null => Truth::False,
                Resolved::Unknown(_) if self.is_another(template, value) => Truth::False,
                Resolved::Unknown(tokens) => self.may_match(tokens, value).and(Truth::Unknown),
            },
            Prepared::Number(_) | Prepared::Date(_) | Prepared::Binary(_) | Prepared::Network(_) | Prepared::Nothing => {
                Truth::False
            }
        }
    }

    /// Is the variable of the text supposed to be none of the values with which it would match?
    fn is_another(&self, template: &Template, value: &str) -> bool {
        let compares_texts = matches!(self.comparison, Comparison::StringEquals | Comparison::StringLike | Comparison::Arn);
        compares_texts && template.is_supposed_otherwise(value, self.view)
    }

    /// What is supposed of a comparison with a text that has variables, if values do not answer it.
    fn or_supposed(&self, value: &PolicyValue, truth: Truth) -> Truth {
        if truth.is_unknown() && self.operator.quantifier.is_none() && value.has_variables() {
            if value.is_itself(&self.condition.key, self.comparison) {
                return Truth::True;
            }
            self.view.answer(value.question(&self.condition.key, self.comparison))
        } else {
            truth
        }
    }

    /// May a text of these tokens, in which a run stands for a variable that is not known, match the value?
    fn may_match(&self, tokens: Vec<Token>, value: &str) -> Truth {
        if self.comparison == Comparison::StringEqualsIgnoreCase {
            return Glob::from_tokens(tokens).in_lower_case().matches(&value.to_lowercase()).into();
        }
        if self.comparison == Comparison::Bool {
            return Truth::Unknown;
        }
        Glob::from_tokens(tokens).matches(value).into()
    }

    /// One value that is present but not known, or of which only some answers are supposed.
    fn unknown_value(&self, other: Option<&Other>) -> Truth {
        let matches = |value: &PolicyValue| {
            if value.is_everything() {
                return Truth::True;
            }
            if value.is_impossible() {
                return Truth::False;
            }
            let Some(other) = other else { return Truth::Unknown };
            let answer = |text: &str| other.answer(self.comparison, text).map_or(Truth::Unknown, Truth::from);
            if self.comparison == Comparison::StringEquals {
                return match (value.exact_text(self.view), &value.prepared) {
                    (Some(text), _) => answer(&text),
                    (None, Prepared::Template(template)) => null_or_unknown(template, self.view),
                    (None, _) => Truth::Unknown,
                };
            }
            match &value.prepared {
                Prepared::Template(template) => match value.resolved(self.comparison, self.view) {
                    Some(constant) if constant.is_impossible() => Truth::False,
                    Some(constant) => answer(&constant.known_as),
                    None => null_or_unknown(template, self.view),
                },
                _ => answer(&value.known_as),
            }
        };
        let values = self.condition.values.iter();
        any(values.map(|value| self.or_supposed(value, matches(value)))).negated_if(self.negated)
    }
}
