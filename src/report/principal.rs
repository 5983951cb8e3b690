//! Who made the calls of a finding: the one definition by which every output counts, names and filters callers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::Table;

/// Everybody who calls without credentials.
pub const ANONYMOUS: &str = "anonymous";

/// The caller as exactly as the record tells, which is also its identity: two rows with the same name have the same caller.
/// `None`: the record hides the caller entirely. `field` gives the value of a finding column.
///
/// An ARN or unique id names the caller. A service that calls for nobody named is one caller. Of a caller of another account
/// sometimes nothing but the account is known: those of different accounts are different callers.
pub fn name<'a>(field: impl Fn(&'static str) -> Option<&'a str>) -> Option<Cow<'a, str>> {
    if let Some(arn) = field("principal_arn") {
        return Some(Cow::Borrowed(arn));
    }
    let (id, account) = (field("principal_id"), field("principal_account_id"));
    if [id, account].into_iter().flatten().any(is_anonymous) {
        return Some(Cow::Borrowed(ANONYMOUS));
    }
    match (id.or_else(|| field("invoked_by")), account) {
        (Some(name), _) => Some(Cow::Borrowed(name)),
        (None, Some(account)) => Some(Cow::Owned(format!("somebody in account {account}"))),
        (None, None) => None,
    }
}

/// Unsigned calls are recorded with the one word or the other, as the id or as the account.
pub fn is_anonymous(text: &str) -> bool {
    text.eq_ignore_ascii_case(ANONYMOUS) || text.eq_ignore_ascii_case("ANONYMOUS_PRINCIPAL")
}

/// The callers of all rows of a table.
pub struct Principals {
    /// Different names, in order of first use.
    pub names: Vec<String>,
    /// For each row the place of its caller in `names`; `None` when the record hides the caller.
    pub codes: Vec<Option<u32>>,
}

impl Principals {
    pub fn of(table: &Table) -> Principals {
        let columns =
            ["principal_arn", "principal_id", "principal_account_id", "invoked_by"].map(|name| (name, table.column(name)));
        let mut names: Vec<String> = Vec::new();
        let mut code_of: HashMap<String, u32> = HashMap::new();
        let mut codes = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let field = |wanted: &str| {
                let (_, column) = columns.iter().find(|(name, _)| *name == wanted)?;
                column.and_then(|column| column.text(row))
            };
            let code = name(field).and_then(|name| match code_of.get(name.as_ref()) {
                Some(code) => Some(*code),
                None => {
                    let code = u32::try_from(names.len()).ok()?;
                    names.push(name.clone().into_owned());
                    code_of.insert(name.into_owned(), code);
                    Some(code)
                }
            });
            codes.push(code);
        }
        Principals { names, codes }
    }

    /// The name of the caller of a row.
    pub fn name(&self, row: usize) -> Option<&str> {
        let code = self.codes.get(row).copied().flatten()?;
        self.names.get(usize::try_from(code).ok()?).map(String::as_str)
    }
}

/// For unique ids, which only AWS can read: what the findings tell about them, for people.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub fn ids_in_words(table: &Table) -> BTreeMap<&str, String> {
    let mut known: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for row in 0..table.rows() {
        let Some(id) = table.text("principal_id", row) else { continue };
        let (arns, accounts) = known.entry(id).or_default();
        arns.extend(table.text("principal_arn", row));
        accounts.extend(table.text("principal_account_id", row));
    }
    let in_words = |id: &str, arns: &BTreeSet<&str>, accounts: &BTreeSet<&str>| {
        let kind = match id.get(..4) {
            Some("AROA") => "a role session",
            Some("AIDA") => "a user",
            _ => "",
        };
        match (arns.first(), accounts.first()) {
            (Some(arn), _) => (*arn).to_owned(),
            (None, Some(account)) if !kind.is_empty() => format!("{kind} of account {account}"),
            (None, Some(account)) => format!("of account {account}"),
            (None, None) => kind.to_owned(),
        }
    };
    known.into_iter().map(|(id, (arns, accounts))| (id, in_words(id, &arns, &accounts))).collect()
}
