//! Did-you-mean for names in policies.

/// The known name that `given` most resembles, if it is close enough to be what was meant. Case does not count.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let allowed = (given.chars().count() / 4).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The closest known name, else all of them.
pub fn did_you_mean(given: &str, known: &[&str]) -> String {
    match closest(given, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected one of `{}`", known.join("`, `")),
    }
}
