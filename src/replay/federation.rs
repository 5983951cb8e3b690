//! What a record tells of the token that somebody assumes a role with, before any credentials: the identity provider, and the claims.
//!
//! The unique id of somebody with a web identity is provider, audience and subject:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>.

use serde_json::Value;

use super::call::Call;

/// Providers that IAM knows without their being set up; policies write them as they are.
const BUILT_IN: [&str; 4] = ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// What stands in `userIdentity.principalId` of a `WebIdentityUser`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'c> {
    /// ARN or host.
    pub(super) provider: &'c str,
    /// Audience and subject, where one can be told from the other.
    pub(super) audience: Option<&'c str>,
    pub(super) subject: Option<&'c str>,
}

/// The token of a call that was made with a web identity.
pub(super) fn token(call: &Call) -> Option<Token<'_>> {
    if call.principal_type.as_deref() != Some("WebIdentityUser") {
        return None;
    }
    let id = call.principal_id.as_deref()?;
    let before_host = id.find(":oidc-provider/").map_or(0, |at| at + ":oidc-provider/".len());
    let end = before_host + id.get(before_host..)?.find(':')?;
    let (provider, claims) = (id.get(..end)?, id.get(end + 1..)?);
    if !provider.contains('.') {
        return None;
    }
    let (audience, subject) = claims_of(provider, claims).unzip();
    Some(Token { provider, audience, subject })
}

/// Audience and subject: either may hold colons.
fn claims_of<'c>(provider: &str, claims: &'c str) -> Option<(&'c str, &'c str)> {
    let split_at = |at: usize| Some((claims.get(..at)?, claims.get(at + 1..).filter(|subject| !subject.is_empty())?));
    if provider == "cognito-identity.amazonaws.com" {
        // The ids of pools and identities begin with the region: `us-east-1:1234…`.
        let at = claims.match_indices(':').nth(1)?.0;
        return split_at(at);
    }
    if let Some(at) = claims.find("://") {
        let host = at + "://".len();
        let end = host + claims.get(host..)?.find(':')?;
        let is_port = claims.get(end + 1..)?.starts_with(|character: char| character.is_ascii_digit());
        return if is_port { None } else { split_at(end) };
    }
    if claims.starts_with("urn:") {
        return None;
    }
    split_at(claims.find(':')?)
}

fn parameter(call: &Call, name: &str) -> Option<String> {
    let parameters: Value = serde_json::from_str(call.request_parameters.as_deref()?).ok()?;
    parameters.get(name)?.as_str().map(str::to_owned)
}

/// The provider as a role's trust policy names it.
pub(super) fn provider(call: &Call) -> Option<String> {
    if call.principal_type.as_deref() == Some("SAMLUser") {
        // `identityProvider` of the record is a name that the token has.
        return parameter(call, "principalArn").filter(|arn| arn.contains(":saml-provider/"));
    }
    let told = call.federated_provider.as_deref().or(call.issued_issuer.as_deref());
    let told = told.or_else(|| token(call).map(|token| token.provider))?;
    if told.starts_with("arn:") || BUILT_IN.contains(&told) {
        return Some(told.to_owned());
    }
    // A provider of OpenID Connect is one of the role's account.
    let role = parameter(call, "roleArn")?;
    let (start, _) = role.split_once(":role/")?;
    Some(format!("{start}:oidc-provider/{}", told.trim_start_matches("https://").trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(id: &str) -> Option<(String, Option<String>, Option<String>)> {
        let call = Call { principal_type: Some("WebIdentityUser".into()), principal_id: Some(id.into()), ..Call::default() };
        let token = token(&call)?;
        Some((token.provider.to_owned(), token.audience.map(str::to_owned), token.subject.map(str::to_owned)))
    }

    fn told(provider: &str, audience: &str, subject: &str) -> Option<(String, Option<String>, Option<String>)> {
        Some((provider.to_owned(), Some(audience.to_owned()), Some(subject.to_owned())))
    }

    #[test]
    fn the_unique_id_of_a_web_identity_is_taken_apart() {
        let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
        assert_eq!(
            claims(&format!("{github}:sts.amazonaws.com:repo:corp/app:ref:refs/heads/main")),
            told(github, "sts.amazonaws.com", "repo:corp/app:ref:refs/heads/main")
        );
        assert_eq!(
            claims(&format!("{github}:https://github.com/corp:repo:corp/app")),
            told(github, "https://github.com/corp", "repo:corp/app")
        );
        assert_eq!(claims("accounts.google.com:app.example:1234"), told("accounts.google.com", "app.example", "1234"));
        assert_eq!(
            claims("cognito-identity.amazonaws.com:us-east-1:pool:us-east-1:identity"),
            told("cognito-identity.amazonaws.com", "us-east-1:pool", "us-east-1:identity")
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_guessed() {
        assert_eq!(claims("x"), None);
        assert_eq!(claims("x:ana"), None);
        assert_eq!(claims("idp.example:urn:app:1:ana"), Some(("idp.example".to_owned(), None, None)));
        assert_eq!(claims("idp.example:https://app.example:8443:ana"), Some(("idp.example".to_owned(), None, None)));
    }
}
