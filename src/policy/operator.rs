//! Condition operators: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.

use std::fmt;

/// How a request value is compared with a policy value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// Exact.
    StringEquals,
    StringEqualsIgnoreCase,
    /// `*` and `?` are wildcards that cross every character.
    StringLike,
    /// `ArnEquals` and `ArnLike`: each of the six parts on its own, with wildcards.
    Arn,
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
}

/// The order that numbers and dates are asked for: `request value ORDER policy value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Equal => ordering.is_eq(),
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// Does every value between two have the answer that both have?
    pub fn is_monotone(self) -> bool {
        self != Order::Equal
    }
}

/// `ForAllValues:` or `ForAnyValue:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

/// What an operator asks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Test {
    /// `Null`: is the key absent?
    Null,
    /// Does a value compare? With several policy values, any of them; negated, none of them.
    Compare { comparison: Comparison, negated: bool },
}

/// An operator with its prefix and suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operator {
    pub quantifier: Option<Quantifier>,
    pub test: Test,
    /// The suffix `IfExists`: an absent key makes the condition true.
    pub if_exists: bool,
    /// The canonical name, without prefix and suffix.
    pub base: &'static str,
}

const fn compare(comparison: Comparison, negated: bool) -> Test {
    Test::Compare { comparison, negated }
}

/// Every operator by its canonical name.
pub const OPERATORS: [(&str, Test); 27] = [
    ("StringEquals", compare(Comparison::StringEquals, false)),
    ("StringNotEquals", compare(Comparison::StringEquals, true)),
    ("StringEqualsIgnoreCase", compare(Comparison::StringEqualsIgnoreCase, false)),
    ("StringNotEqualsIgnoreCase", compare(Comparison::StringEqualsIgnoreCase, true)),
    ("StringLike", compare(Comparison::StringLike, false)),
    ("StringNotLike", compare(Comparison::StringLike, true)),
    ("NumericEquals", compare(Comparison::Numeric(Order::Equal), false)),
    ("NumericNotEquals", compare(Comparison::Numeric(Order::Equal), true)),
    ("NumericLessThan", compare(Comparison::Numeric(Order::Less), false)),
    ("NumericLessThanEquals", compare(Comparison::Numeric(Order::LessOrEqual), false)),
    ("NumericGreaterThan", compare(Comparison::Numeric(Order::Greater), false)),
    ("NumericGreaterThanEquals", compare(Comparison::Numeric(Order::GreaterOrEqual), false)),
    ("DateEquals", compare(Comparison::Date(Order::Equal), false)),
    ("DateNotEquals", compare(Comparison::Date(Order::Equal), true)),
    ("DateLessThan", compare(Comparison::Date(Order::Less), false)),
    ("DateLessThanEquals", compare(Comparison::Date(Order::LessOrEqual), false)),
    ("DateGreaterThan", compare(Comparison::Date(Order::Greater), false)),
    ("DateGreaterThanEquals", compare(Comparison::Date(Order::GreaterOrEqual), false)),
    ("Bool", compare(Comparison::Bool, false)),
    ("BinaryEquals", compare(Comparison::Binary, false)),
    ("IpAddress", compare(Comparison::IpAddress, false)),
    ("NotIpAddress", compare(Comparison::IpAddress, true)),
    ("ArnEquals", compare(Comparison::Arn, false)),
    ("ArnNotEquals", compare(Comparison::Arn, true)),
    ("ArnLike", compare(Comparison::Arn, false)),
    ("ArnNotLike", compare(Comparison::Arn, true)),
    ("Null", Test::Null),
];

impl Operator {
    /// Reads the name of an operator, in any case. `None`: AWS has no such operator.
    pub fn parse(name: &str) -> Option<Operator> {
        let (quantifier, rest) = match name.split_once(':') {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => (Some(Quantifier::ForAllValues), rest),
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => (Some(Quantifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let suffix = "IfExists";
        let split = rest.len().checked_sub(suffix.len());
        let (plain, if_exists) = match split.and_then(|at| Some((rest.get(..at)?, rest.get(at..)?))) {
            Some((plain, end)) if end.eq_ignore_ascii_case(suffix) => (plain, true),
            _ => (rest, false),
        };
        let (base, test) = OPERATORS.iter().find(|(base, _)| base.eq_ignore_ascii_case(plain))?;
        // `IfExists` may be added to every operator but `Null`.
        if *test == Test::Null && if_exists {
            return None;
        }
        Some(Operator { quantifier, test: *test, if_exists, base })
    }

    /// Is it one of the negated operators, which are true of an absent key?
    pub fn is_negated(self) -> bool {
        matches!(self.test, Test::Compare { negated: true, .. })
    }

    pub fn comparison(self) -> Option<Comparison> {
        match self.test {
            Test::Compare { comparison, .. } => Some(comparison),
            Test::Null => None,
        }
    }

    /// May its values hold policy variables? Only those of text, ARN and boolean operators
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>).
    pub fn takes_variables(self) -> bool {
        matches!(
            self.comparison(),
            Some(
                Comparison::StringEquals
                    | Comparison::StringEqualsIgnoreCase
                    | Comparison::StringLike
                    | Comparison::Arn
                    | Comparison::Bool
            )
        )
    }

    /// Are `*` and `?` wildcards in its values?
    pub fn takes_wildcards(self) -> bool {
        matches!(self.comparison(), Some(Comparison::StringLike | Comparison::Arn))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantifier {
            Some(Quantifier::ForAllValues) => formatter.write_str("ForAllValues:")?,
            Some(Quantifier::ForAnyValue) => formatter.write_str("ForAnyValue:")?,
            None => {}
        }
        formatter.write_str(self.base)?;
        if self.if_exists { formatter.write_str("IfExists") } else { Ok(()) }
    }
}
