//! The command line as it may be stored: without secrets.

/// What stands in the place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Parts of an option's or variable's name whose value is a secret.
const SECRET_NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "sessionkey",
    "authorization",
    "externalid",
    "signature",
    "webhook",
];

/// How AWS key identifiers begin.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
const KEY_ID_PREFIXES: &[&str] = &["AKIA", "ASIA", "ABIA", "ACCA"];

/// The arguments with secrets replaced by [`REDACTED`]: values of options and variables that are named like one, passwords and
/// signed parameters in addresses, and values that look like AWS keys or web tokens wherever they stand. When in doubt, a value
/// is taken for a secret.
pub fn redact_arguments<I>(arguments: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut redacted = Vec::new();
    let mut next_is_secret = false;
    for argument in arguments {
        let argument = argument.as_ref();
        // An option without a value is followed by the next option; a value never starts with two hyphens.
        if std::mem::take(&mut next_is_secret) && !argument.starts_with("--") {
            redacted.push(REDACTED.to_owned());
            continue;
        }
        let name_and_value = argument.split_once('=').filter(|(name, _)| is_name(name));
        redacted.push(match name_and_value {
            Some((name, _)) if is_secret_name(name) => format!("{name}={REDACTED}"),
            Some((name, value)) => format!("{name}={}", redact_value(value)),
            None => {
                next_is_secret = argument.starts_with('-') && is_secret_name(argument);
                redact_value(argument)
            }
        });
    }
    redacted
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_secret_name(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| letters.contains(secret))
}

/// A value with its secrets removed, piece by piece, so that the rest of a long address stays readable.
fn redact_value(value: &str) -> String {
    let value = redact_user_of_address(value);
    let mut redacted = String::with_capacity(value.len());
    let mut rest = value.as_str();
    // A name before `=` or `:`, or a scheme such as `Bearer`, makes the next piece a secret.
    let mut secret_follows = false;
    while !rest.is_empty() {
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let separator = after.chars().next();
        if !piece.is_empty() {
            let names_secret = matches!(separator, Some('=' | ':' | ' ')) && (is_secret_name(piece) || is_scheme(piece));
            if names_secret && (!secret_follows || is_scheme(piece)) {
                redacted.push_str(piece);
                secret_follows = true;
            } else if std::mem::take(&mut secret_follows) || looks_secret(piece) {
                redacted.push_str(REDACTED);
            } else {
                redacted.push_str(piece);
            }
        }
        if let Some(separator) = separator {
            redacted.push(separator);
            if matches!(separator, '&' | '?' | ',' | ';') {
                secret_follows = false;
            }
            rest = after.get(separator.len_utf8()..).unwrap_or_default();
        } else {
            rest = "";
        }
    }
    redacted
}

fn is_separator(c: char) -> bool {
    matches!(c, '=' | '&' | '?' | ',' | ';' | ':' | ' ' | '\t' | '\n' | '"' | '\'' | '{' | '}')
}

fn is_scheme(piece: &str) -> bool {
    piece.eq_ignore_ascii_case("bearer") || piece.eq_ignore_ascii_case("basic")
}

/// `https://user:password@host` without the user and the password.
fn redact_user_of_address(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{path}"),
        None => value.to_owned(),
    }
}

fn looks_secret(piece: &str) -> bool {
    let key_id = piece.len() >= 16
        && piece.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        && KEY_ID_PREFIXES.iter().any(|prefix| piece.starts_with(prefix));
    // A secret access key has 40 characters of base64; a SHA-1 in hexadecimal has no upper case.
    let secret_key = piece.len() == 40
        && piece.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '+'))
        && piece.chars().any(|c| c.is_ascii_uppercase())
        && piece.chars().any(|c| c.is_ascii_lowercase());
    // A JSON Web Token begins with `{"` in base64; a session token of AWS is long base64.
    let web_token = piece.starts_with("eyJ") && piece.split('.').count() == 3;
    let session_token =
        piece.len() > 200 && piece.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '%' | '-' | '_'));
    key_id || secret_key || web_token || session_token
}
