//! One CloudTrail record, read in place.
//!
//! The shapes are those that the CloudTrail user guide documents ("CloudTrail record contents", "userIdentity element"), and the
//! deviations that real logs hold: values of another type than documented, fields that are absent, records wrapped in the
//! envelope of the tool that exported them.

use super::json::{Cursor, RawString, Stop, Value};

/// A resource of a record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resource<'a> {
    pub arn: Option<RawString<'a>>,
    pub account_id: Option<RawString<'a>>,
    pub resource_type: Option<RawString<'a>>,
}

/// The parts of a record that the relation is made of, as they stand in the text. A field that is absent, `null` or empty is
/// `None`.
#[derive(Debug, Clone, Default)]
pub struct Record<'a> {
    pub event_id: Option<RawString<'a>>,
    pub event_time: Option<RawString<'a>>,
    pub event_category: Option<RawString<'a>>,
    pub event_type: Option<RawString<'a>>,
    pub management_event: Option<RawString<'a>>,
    pub shared_event_id: Option<RawString<'a>>,
    pub region: Option<RawString<'a>>,
    pub recipient_account_id: Option<RawString<'a>>,
    pub event_source: Option<RawString<'a>>,
    pub event_name: Option<RawString<'a>>,
    pub read_only: Option<RawString<'a>>,
    pub error_code: Option<RawString<'a>>,
    pub error_message: Option<RawString<'a>>,
    pub source_address: Option<RawString<'a>>,
    pub user_agent: Option<RawString<'a>>,
    pub vpc_endpoint_id: Option<RawString<'a>>,
    pub vpc_endpoint_account_id: Option<RawString<'a>>,
    pub tls_version: Option<RawString<'a>>,
    pub identity: Identity<'a>,
    pub request_parameters: Option<&'a [u8]>,
    pub response_elements: Option<&'a [u8]>,
    pub additional_event_data: Option<&'a [u8]>,
    pub resources: Option<&'a [u8]>,
    pub addendum: Option<&'a [u8]>,
    pub event_context: Option<&'a [u8]>,
    pub session_from_console: Option<RawString<'a>>,
}

/// `userIdentity`.
#[derive(Debug, Clone, Default)]
pub struct Identity<'a> {
    pub principal_type: Option<RawString<'a>>,
    pub principal_id: Option<RawString<'a>>,
    pub arn: Option<RawString<'a>>,
    pub account_id: Option<RawString<'a>>,
    pub access_key_id: Option<RawString<'a>>,
    pub invoked_by: Option<RawString<'a>>,
    pub on_behalf_of_user_id: Option<RawString<'a>>,
    pub issuer_arn: Option<RawString<'a>>,
    pub issuer_account_id: Option<RawString<'a>>,
    pub mfa_authenticated: Option<RawString<'a>>,
    pub creation_date: Option<RawString<'a>>,
    pub federated_provider: Option<RawString<'a>>,
    pub source_identity: Option<RawString<'a>>,
    pub ec2_role_delivery: Option<RawString<'a>>,
    pub invoked_by_delegate_account_id: Option<RawString<'a>>,
    pub in_scope_of: Option<&'a [u8]>,
    pub federation_attributes: Option<&'a [u8]>,
    pub assumed_root: Option<RawString<'a>>,
    pub sign_in_session_arn: Option<RawString<'a>>,
}

/// What an object in a file turned out to be.
#[derive(Debug)]
pub enum Object<'a> {
    Record(Box<Record<'a>>),
    /// A record inside a JSON string: `lookup-events`, or an export that wraps the raw line.
    Wrapped(RawString<'a>),
    /// An array of records starts at this position (`Records`, or `Events` of `lookup-events`).
    Array(usize),
    /// A digest file's only object.
    Digest,
    /// An Insight record.
    Insight,
    /// JSON, but nothing that CloudTrail writes.
    Other,
}

/// Takes a scalar as text; steps over a container (a field of another type than documented has no value that can be used).
fn scalar<'a>(cursor: &mut Cursor<'a>) -> Result<Option<RawString<'a>>, Stop> {
    Ok(match cursor.value()? {
        Value::String(text) if !text.bytes.is_empty() => Some(text),
        Value::Bare(bytes) => Some(RawString { bytes, has_escape: false }),
        Value::String(_) | Value::Null | Value::Container(_) => None,
    })
}

/// Takes a container as it stands; anything else has no value.
fn container<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Stop> {
    Ok(match cursor.value()? {
        Value::Container(bytes) => Some(bytes),
        _ => None,
    })
}

/// Reads the fields of an object with `field`, which must take each value. A value that is no object is stepped over.
pub fn fields<'a>(
    cursor: &mut Cursor<'a>,
    mut field: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    if cursor.peek()? != b'{' {
        return cursor.skip();
    }
    cursor.begin_object()?;
    let mut first = true;
    while let Some(key) = cursor.next_key(&mut first)? {
        field(key.bytes, cursor)?;
    }
    Ok(())
}

/// Reads the object that starts at the cursor. On success the cursor stands behind it (behind the `[` for [`Object::Array`]).
pub fn read_object<'a>(cursor: &mut Cursor<'a>) -> Result<Object<'a>, Stop> {
    read_nested(cursor, 0)
}

/// An envelope around an envelope is read, one around that is not: the text must not decide how deep the program nests.
const DEEPEST_ENVELOPE: u8 = 2;

fn read_nested<'a>(cursor: &mut Cursor<'a>, depth: u8) -> Result<Object<'a>, Stop> {
    cursor.begin_object()?;
    let mut record = Box::<Record<'a>>::default();
    let mut wrapped: Option<RawString<'a>> = None;
    let mut detail: Option<(usize, &'a [u8])> = None;
    let mut digest = false;
    let mut time_of_arrival: Option<RawString<'a>> = None;
    let mut first = true;
    while let Some(key) = cursor.next_key(&mut first)? {
        // By length first: a record has some 25 keys, and comparing each with all names would cost more than reading it.
        match (key.bytes.len(), key.bytes) {
            (12, b"userIdentity") => read_identity(cursor, &mut record.identity)?,
            (9, b"eventTime") => record.event_time = scalar(cursor)?,
            (11, b"eventSource") => record.event_source = scalar(cursor)?,
            (9, b"eventName") => record.event_name = scalar(cursor)?,
            (9, b"awsRegion") => record.region = scalar(cursor)?,
            (15, b"sourceIPAddress") => record.source_address = scalar(cursor)?,
            (9, b"userAgent") => record.user_agent = scalar(cursor)?,
            (9, b"errorCode") => record.error_code = scalar(cursor)?,
            (12, b"errorMessage") => record.error_message = scalar(cursor)?,
            (17, b"requestParameters") => record.request_parameters = container(cursor)?,
            (16, b"responseElements") => record.response_elements = container(cursor)?,
            (19, b"additionalEventData") => record.additional_event_data = container(cursor)?,
            (7, b"eventID") => record.event_id = scalar(cursor)?,
            (8, b"readOnly") => record.read_only = scalar(cursor)?,
            (9, b"resources") => record.resources = container(cursor)?,
            (9, b"eventType") => record.event_type = scalar(cursor)?,
            (15, b"managementEvent") => record.management_event = scalar(cursor)?,
            (18, b"recipientAccountId") => record.recipient_account_id = scalar(cursor)?,
            (13, b"sharedEventID") => record.shared_event_id = scalar(cursor)?,
            (13, b"vpcEndpointId") => record.vpc_endpoint_id = scalar(cursor)?,
            (20, b"vpcEndpointAccountId") => record.vpc_endpoint_account_id = scalar(cursor)?,
            (13, b"eventCategory") => record.event_category = scalar(cursor)?,
            (8, b"addendum") => record.addendum = container(cursor)?,
            (12, b"eventContext") => record.event_context = container(cursor)?,
            (28, b"sessionCredentialFromConsole") => record.session_from_console = scalar(cursor)?,
            (10, b"tlsDetails") => fields(cursor, |key, cursor| {
                match key {
                    b"tlsVersion" => record.tls_version = scalar(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?,
            (7, b"Records") | (6, b"Events") if cursor.peek()? == b'[' => {
                cursor.expect(b'[')?;
                return Ok(Object::Array(cursor.position()));
            }
            (15, b"CloudTrailEvent") | (4, b"_raw") | (7, b"message") | (8, b"@message") => match cursor.value()? {
                Value::String(text) => wrapped = Some(text),
                _ => continue,
            },
            (6, b"detail") => {
                detail = container(cursor)?.map(|detail| (cursor.position() - detail.len(), detail));
            }
            (10, b"@timestamp") => time_of_arrival = scalar(cursor)?,
            (14, b"digestS3Object") | (14, b"digestS3Bucket") | (23, b"previousDigestHashValue") => {
                digest = true;
                cursor.skip()?;
            }
            _ => cursor.skip()?,
        }
    }
    if record.event_name.is_none() && record.event_source.is_none() {
        if let Some(text) = wrapped {
            return Ok(Object::Wrapped(text));
        }
        if let Some((start, detail)) = detail
            && depth < DEEPEST_ENVELOPE
        {
            // An EventBridge event: the record is the detail. Its own text was balanced, so it cannot be incomplete.
            return Ok(match read_nested(&mut Cursor::new(detail, 0), depth + 1) {
                Ok(Object::Array(position)) => Object::Array(start + position),
                Ok(object) => object,
                Err(_) => Object::Other,
            });
        }
        return Ok(if digest { Object::Digest } else { Object::Other });
    }
    if record.event_time.is_none() {
        record.event_time = time_of_arrival;
    }
    let is = |value: Option<RawString<'_>>, text: &[u8]| value.is_some_and(|value| value.bytes == text);
    if is(record.event_category, b"Insight") || is(record.event_type, b"AwsCloudTrailInsight") {
        return Ok(Object::Insight);
    }
    Ok(Object::Record(record))
}

/// Reads `userIdentity`.
pub fn read_identity<'a>(cursor: &mut Cursor<'a>, identity: &mut Identity<'a>) -> Result<(), Stop> {
    fields(cursor, |key, cursor| {
        match (key.len(), key) {
            (4, b"type") => identity.principal_type = scalar(cursor)?,
            (11, b"principalId") => identity.principal_id = scalar(cursor)?,
            (3, b"arn") => identity.arn = scalar(cursor)?,
            (9, b"accountId") => identity.account_id = scalar(cursor)?,
            (11, b"accessKeyId") => identity.access_key_id = scalar(cursor)?,
            (9, b"invokedBy") => identity.invoked_by = scalar(cursor)?,
            (10, b"onBehalfOf") => fields(cursor, |key, cursor| {
                match key {
                    b"userId" => identity.on_behalf_of_user_id = scalar(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?,
            (17, b"invokedByDelegate") => fields(cursor, |key, cursor| {
                match key {
                    b"accountId" => identity.invoked_by_delegate_account_id = scalar(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?,
            (9, b"inScopeOf") => identity.in_scope_of = container(cursor)?,
            (14, b"sessionContext") => fields(cursor, |key, cursor| read_session(key, cursor, identity))?,
            _ => cursor.skip()?,
        }
        Ok(())
    })
}

fn read_session<'a>(key: &'a [u8], cursor: &mut Cursor<'a>, identity: &mut Identity<'a>) -> Result<(), Stop> {
    match key {
        b"sessionIssuer" => fields(cursor, |key, cursor| {
            match key {
                b"arn" => identity.issuer_arn = scalar(cursor)?,
                b"accountId" => identity.issuer_account_id = scalar(cursor)?,
                _ => cursor.skip()?,
            }
            Ok(())
        }),
        b"attributes" => fields(cursor, |key, cursor| {
            match key {
                b"mfaAuthenticated" => identity.mfa_authenticated = scalar(cursor)?,
                b"creationDate" => identity.creation_date = scalar(cursor)?,
                _ => cursor.skip()?,
            }
            Ok(())
        }),
        b"webIdFederationData" => fields(cursor, |key, cursor| {
            match key {
                b"federatedProvider" => identity.federated_provider = scalar(cursor)?,
                b"attributes" => identity.federation_attributes = container(cursor)?,
                _ => cursor.skip()?,
            }
            Ok(())
        }),
        b"sourceIdentity" => {
            identity.source_identity = scalar(cursor)?;
            Ok(())
        }
        b"ec2RoleDelivery" => {
            identity.ec2_role_delivery = scalar(cursor)?;
            Ok(())
        }
        b"assumedRoot" => {
            identity.assumed_root = scalar(cursor)?;
            Ok(())
        }
        b"signInSessionArn" => {
            identity.sign_in_session_arn = scalar(cursor)?;
            Ok(())
        }
        _ => cursor.skip(),
    }
}

/// The `resources` of a record. What is not an object with an ARN, an ARN prefix or an account is left out.
pub fn read_resources(text: &[u8]) -> Vec<Resource<'_>> {
    let mut out = Vec::new();
    let mut cursor = Cursor::new(text, 0);
    let mut read = || -> Result<(), Stop> {
        cursor.expect(b'[')?;
        let mut first = true;
        while cursor.next_element(&mut first)? {
            let mut resource = Resource::default();
            let mut prefix = None;
            fields(&mut cursor, |key, cursor| {
                match key {
                    b"ARN" | b"arn" => resource.arn = scalar(cursor)?,
                    b"ARNPrefix" | b"arnPrefix" => prefix = scalar(cursor)?,
                    b"accountId" => resource.account_id = scalar(cursor)?,
                    b"type" => resource.resource_type = scalar(cursor)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?;
            resource.arn = resource.arn.or(prefix);
            if resource.arn.is_some() || resource.account_id.is_some() {
                out.push(resource);
            }
        }
        Ok(())
    };
    // The text is balanced; an element that is none of JSON's ends the list, and what was read before it stands.
    let _ = read();
    out
}

/// The scalar at a path of keys inside a container, such as `["credentials", "accessKeyId"]`.
pub fn scalar_at<'a>(text: &'a [u8], path: &[&str]) -> Option<RawString<'a>> {
    let (key, rest) = path.split_first()?;
    let mut cursor = Cursor::new(text, 0);
    let mut found = None;
    fields(&mut cursor, |name, cursor| {
        if name == key.as_bytes() && found.is_none() {
            found = if rest.is_empty() { scalar(cursor)? } else { container(cursor)?.and_then(|inner| scalar_at(inner, rest)) };
        } else {
            cursor.skip()?;
        }
        Ok(())
    })
    .ok()?;
    found
}
