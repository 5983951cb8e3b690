//! Addresses of AWS that the environment sets, for emulators and private endpoints. The SDK ends the program over one that is empty, and
//! tells of a wrong one only with the first request.

/// The services that are asked, as the names of variables end.
const SERVICES: [&str; 10] =
    ["ACCESSANALYZER", "ACCOUNT", "ATHENA", "CONFIG_SERVICE", "ORGANIZATIONS", "S3", "SECURITYHUB", "SSO", "SSO_OIDC", "STS"];
const ALL_SERVICES: &str = "AWS_ENDPOINT_URL";

/// A variable that holds no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("{variable} is set and empty: unset it, or give an address such as https://vpce-0123456789abcdef0.example.com")]
    Empty { variable: String },
    #[error(
        "{variable} is `{value}`, which is no address of a server: expected one such as https://vpce-0123456789abcdef0.example.com"
    )]
    NoAddress { variable: String, value: String },
}

/// Looks at every variable that sets an address of a service that may be asked. `environment` reads one.
///
/// # Errors
/// With the first that holds none.
pub fn check(environment: &dyn Fn(&str) -> Option<String>) -> Result<(), EndpointError> {
    if environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    let of_services = SERVICES.iter().map(|service| format!("{ALL_SERVICES}_{service}"));
    for variable in std::iter::once(ALL_SERVICES.to_owned()).chain(of_services) {
        let Some(value) = environment(&variable) else { continue };
        if value.trim().is_empty() {
            return Err(EndpointError::Empty { variable });
        }
        let is_address = reqwest::Url::parse(&value)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()));
        if !is_address {
            return Err(EndpointError::NoAddress { variable, value });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<(), EndpointError> {
        check(&|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for good in ["http://127.0.0.1:5000", "https://athena.eu-west-1.amazonaws.com/", "http://[::1]:80"] {
            assert_eq!(checked(&[("AWS_ENDPOINT_URL", good), ("AWS_ENDPOINT_URL_S3", good)]), Ok(()), "{good}");
        }
        for wrong in ["nonsense", "localhost:5000", "http://", "s3://bucket"] {
            let error = checked(&[("AWS_ENDPOINT_URL_ATHENA", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("AWS_ENDPOINT_URL_ATHENA is `{wrong}`, ")), "{error}");
        }
        for empty in ["", " "] {
            let error = checked(&[("AWS_ENDPOINT_URL", empty)]).unwrap_err().to_string();
            assert!(error.starts_with("AWS_ENDPOINT_URL is set and empty"), "{error}");
        }
    }

    #[test]
    fn what_is_not_asked_or_ignored_does_not_matter() {
        assert_eq!(checked(&[("AWS_ENDPOINT_URL_DYNAMODB", "")]), Ok(()));
        assert_eq!(checked(&[("AWS_ENDPOINT_URL", ""), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]), Ok(()));
    }
}
