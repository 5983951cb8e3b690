//! Did-you-mean: the known name that a misspelt one most resembles.

/// The known name closest to `given`, if it is close enough to be what was meant. Case and the difference between `-` and `_` do
/// not count. On equal distance the first of `known` wins.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let given = plain(given);
    // A third of the name may be wrong: more would suggest names that only share a few letters.
    let allowed = (given.chars().count() / 3).clamp(1, 6);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Help for an unknown name: the closest known one, else the list of all of them.
pub fn help(given: &str, known: &[&str]) -> String {
    match closest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected one of {}", quoted_list(known)),
    }
}

/// `a`, `b` and `c`, each in backquotes.
pub fn quoted_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::from("nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_meant_one() {
        let known = ["trusted_identities", "trusted_resources", "expected_networks"];
        assert_eq!(closest("trusted_ressources", known), Some("trusted_resources"));
        assert_eq!(closest("Trusted-Identities", known), Some("trusted_identities"));
        assert_eq!(closest("organizations", known), None);
        assert_eq!(help("x", &["a", "b", "c"]), "did you mean `a`?");
        assert_eq!(help("something", &["a", "b", "c"]), "expected one of `a`, `b` and `c`");
    }
}
