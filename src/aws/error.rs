//! What went wrong with a call to AWS, and what to do about it.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Call;

/// Longest message of AWS that is repeated. Some carry the statement, or the whole request.
const LONGEST_MESSAGE: usize = 600;

/// What kind of failure it was: what a caller may do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The credentials are good and do not allow it.
    AccessDenied,
    /// The credentials were good, once.
    CredentialsExpired,
    /// There are no credentials, or they are wrong.
    NoCredentials,
    /// Too many calls; more waiting may help.
    Throttled,
    /// What was asked for is not there.
    NotFound,
    /// The request is wrong and stays so.
    Invalid,
    /// No answer in time, or no connection. Whether the call took effect is not known.
    Unreachable,
    /// AWS failed.
    Server,
    Other,
}

/// A call that failed for good.
#[derive(Clone)]
pub struct AwsError {
    pub call: &'static Call,
    pub kind: Kind,
    /// The error code of the service, such as `AccessDeniedException`.
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<String>,
    /// Whose credentials were used.
    pub caller: String,
}

impl AwsError {
    /// An answer that cannot be used.
    pub fn unusable(call: &'static Call, caller: &str, message: impl Into<String>) -> Self {
        AwsError {
            call,
            kind: Kind::Other,
            code: None,
            message: readable(&message.into()),
            request_id: None,
            caller: caller.to_owned(),
        }
    }

    /// Reads what the SDK says.
    pub fn of<E, R>(call: &'static Call, caller: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
        SdkError<E, R>: RequestId + Error,
    {
        let request_id = error.request_id().map(str::to_owned);
        let service_error = match error {
            SdkError::ServiceError(service) => Some(service.err()),
            _ => None,
        };
        let code = service_error.and_then(|error| error.code()).map(str::to_owned);
        let message = match service_error {
            Some(service) => service.message().map_or_else(|| chain(service), str::to_owned),
            None => chain(error),
        };
        let kind = match (&code, error) {
            (Some(code), _) => kind_of_code(code),
            (None, SdkError::ServiceError(_)) => Kind::Server,
            (None, SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_)) => {
                credentials_problem(error).unwrap_or(Kind::Unreachable)
            }
            (None, SdkError::TimeoutError(_)) => Kind::Unreachable,
            (None, _) => Kind::Other,
        };
        AwsError { call, kind, code, message: readable(&message), request_id, caller: caller.to_owned() }
    }

    /// What the user can do about it.
    pub fn help(&self) -> String {
        let lower = self.message.to_ascii_lowercase();
        if self.kind == Kind::AccessDenied && (lower.contains("kms:") || lower.contains("ciphertext")) {
            return format!(
                "the object is encrypted with a key of AWS KMS: allow {} `kms:Decrypt` on it, in the policy of the key, too",
                self.caller
            );
        }
        if matches!(self.code.as_deref(), Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "301")) {
            return "the bucket is in another region: set `region` of `s3` in the section `aws` of the settings".to_owned();
        }
        match self.kind {
            Kind::AccessDenied => {
                let actions: Vec<&str> = self.call.permissions.iter().map(|permission| permission.action).collect();
                let first = actions.first().copied().unwrap_or("the call");
                let others = if actions.len() > 1 { " and what it depends on" } else { "" };
                format!(
                    "allow {first}{others} to {}; `palisade setup permissions` prints the policy. A policy of the organization, of the \
                     resource or of its key may deny it, too",
                    self.caller
                )
            }
            Kind::CredentialsExpired => {
                "log in again (for IAM Identity Center: `aws sso login`), then run it again with `--resume`".to_owned()
            }
            Kind::NoCredentials => {
                "log in (`aws sso login`, or keys in the environment), or name a profile in the section `aws` of the settings; \
                 `aws sts get-caller-identity` shows whether it works"
                    .to_owned()
            }
            Kind::Throttled => "wait and try again, lower `athena.concurrency`, or ask AWS for a larger quota".to_owned(),
            Kind::NotFound => "check the name, the region and the account".to_owned(),
            Kind::Invalid => "check the names in the settings".to_owned(),
            Kind::Unreachable => "check the network, the proxy, the region and AWS_ENDPOINT_URL, and try again".to_owned(),
            Kind::Server => "AWS failed: try again later".to_owned(),
            Kind::Other => "run it with `-vv` for what happened".to_owned(),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} as {} failed", self.call.service, self.call.operation, self.caller)?;
        if let Some(code) = &self.code {
            write!(formatter, " with {code}")?;
        }
        write!(formatter, ": {}", self.message)?;
        if let Some(request_id) = &self.request_id {
            write!(formatter, " (request {request_id})")?;
        }
        write!(formatter, "; {}", self.help())
    }
}

impl fmt::Debug for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AwsError({self})")
    }
}

impl Error for AwsError {}

/// The kind of failure that a code of any service names. S3 and the older services have codes without `Exception`.
fn kind_of_code(code: &str) -> Kind {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    let name = name.strip_suffix("Error").unwrap_or(name);
    match name {
        "AccessDenied"
        | "Forbidden"
        | "UnauthorizedOperation"
        | "Unauthorized"
        | "NotAuthorized"
        | "AllAccessDisabled"
        | "403"
        | "KMSAccessDenied"
        | "KmsAccessDenied" => Kind::AccessDenied,
        "ExpiredToken" | "TokenRefreshRequired" | "RequestExpired" | "ExpiredTokenId" => Kind::CredentialsExpired,
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignature"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "AuthFailure"
        | "IncompleteSignature" => Kind::NoCredentials,
        "Throttling"
        | "Throttled"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "RequestThrottled"
        | "LimitExceeded"
        | "ProvisionedThroughputExceeded"
        | "PriorRequestNotComplete" => Kind::Throttled,
        "NoSuchKey" | "NoSuchBucket" | "NotFound" | "ResourceNotFound" | "EntityNotFound" | "Metadata" | "404" => {
            Kind::NotFound
        }
        "InternalServer" | "Internal" | "InternalFailure" | "ServiceUnavailable" | "ServiceFailure" | "500" | "503" => {
            Kind::Server
        }
        "Validation" | "InvalidRequest" | "InvalidParameter" | "InvalidParameterValue" | "InvalidInput" | "MalformedQuery" => {
            Kind::Invalid
        }
        _ => Kind::Other,
    }
}

/// Is it the credentials, rather than the network, that a request could not be sent for?
fn credentials_problem(error: &(dyn Error + 'static)) -> Option<Kind> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            let text = chain(credentials).to_ascii_lowercase();
            return Some(match credentials {
                CredentialsError::ProviderTimedOut(_) => Kind::NoCredentials,
                _ if text.contains("accessdenied") => Kind::AccessDenied,
                _ if text.contains("expired") => Kind::CredentialsExpired,
                _ => Kind::NoCredentials,
            });
        }
        next = error.source();
    }
    None
}

/// An error with everything that caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// A message of AWS on one line, cut, and without the request that some messages repeat: it holds the session token.
pub fn readable(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let secret = ["the canonical string", "x-amz-security-token", "authorization:"]
        .iter()
        .filter_map(|start| lower.find(start))
        .min()
        .and_then(|position| message.get(..position));
    let words: Vec<&str> = secret.unwrap_or(message).split_whitespace().collect();
    let line = words.join(" ");
    let mut text: String = line.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(LONGEST_MESSAGE).collect();
    if text.len() < line.len() || secret.is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_repeats_the_request_is_cut_before_it() {
        let message = "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for \
                       this request should have been\n'POST\n/\nx-amz-security-token:FwoGZXIvYXdzEXAMPLE'";
        let text = readable(message);
        assert!(text.starts_with("The request signature") && text.ends_with('…'), "{text}");
        assert!(!text.contains("FwoG"), "{text}");
    }

    #[test]
    fn codes_of_all_generations_have_a_kind() {
        for (code, kind) in [
            ("AccessDeniedException", Kind::AccessDenied),
            ("AccessDenied", Kind::AccessDenied),
            ("ExpiredTokenException", Kind::CredentialsExpired),
            ("ExpiredToken", Kind::CredentialsExpired),
            ("TooManyRequestsException", Kind::Throttled),
            ("SlowDown", Kind::Throttled),
            ("NoSuchKey", Kind::NotFound),
            ("MetadataException", Kind::NotFound),
            ("UnrecognizedClientException", Kind::NoCredentials),
            ("InternalServerException", Kind::Server),
            ("InternalError", Kind::Server),
            ("InvalidRequestException", Kind::Invalid),
            ("SomethingNew", Kind::Other),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
    }
}
