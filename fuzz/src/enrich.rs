//! Of the steps only who denied a call.

mod denied;

/// The policy type that the message of a denied call names.
pub fn denied_by(error_code: Option<&str>, error_message: Option<&str>) -> Option<&'static str> {
    denied::denied_by(error_code, error_message)
}
