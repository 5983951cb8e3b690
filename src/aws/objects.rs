//! Objects in S3: listing them, and downloading them although connections are cut.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_s3::types::RequestPayer;

use super::{AwsError, Call, Kind, Pages, Session, calls};

/// Times that a download is taken up again where it was cut, without a byte of progress in between.
const RESUMPTIONS: u32 = 5;

/// A client for S3. Emulators and gateways behind an endpoint of their own have no host for each bucket.
pub fn client(config: &SdkConfig) -> aws_sdk_s3::Client {
    let own_endpoint = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(own_endpoint).build())
}

/// A bucket and the beginning of keys, from `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    pub bucket: String,
    pub prefix: String,
}

impl Location {
    /// `None` for anything else than `s3://bucket…`.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        (!bucket.is_empty()).then(|| Location { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    pub key: String,
    pub size: u64,
}

/// What lies right below a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Level {
    /// Prefixes that end in `/`.
    pub folders: Vec<String>,
    pub objects: Vec<Object>,
}

/// Reads objects with the credentials of a session.
#[derive(Debug, Clone)]
pub struct Objects {
    session: Arc<Session>,
    requester_pays: bool,
}

impl Objects {
    pub fn new(session: Arc<Session>, requester_pays: bool) -> Self {
        Objects { session, requester_pays }
    }

    fn payer(&self) -> Option<RequestPayer> {
        self.requester_pays.then_some(RequestPayer::Requester)
    }

    /// What lies right below a prefix that ends in `/` or is empty.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn level(&self, bucket: &str, prefix: &str) -> Result<Level, AwsError> {
        self.pages(bucket, prefix, Some("/"), None, &mut |_| true).await
    }

    /// All objects whose key begins with `prefix`, from the first key after `start_after`, up to the first for which `goes_on` is
    /// false.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
        goes_on: &mut (dyn FnMut(&str) -> bool + Send),
    ) -> Result<Vec<Object>, AwsError> {
        self.pages(bucket, prefix, None, start_after, goes_on).await.map(|level| level.objects)
    }

    async fn pages(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        start_after: Option<&str>,
        goes_on: &mut (dyn FnMut(&str) -> bool + Send),
    ) -> Result<Level, AwsError> {
        let call = &calls::s3::LIST_OBJECTS;
        let mut level = Level::default();
        let (mut pages, mut token) = (Pages::default(), None::<String>);
        loop {
            let page = self
                .session
                .call(call, |config| {
                    client(&config)
                        .list_objects_v2()
                        .bucket(bucket)
                        .prefix(prefix)
                        .set_delimiter(delimiter.map(str::to_owned))
                        .set_start_after(start_after.filter(|_| token.is_none()).map(str::to_owned))
                        .set_continuation_token(token.clone())
                        .set_request_payer(self.payer())
                        .send()
                })
                .await?;
            level.folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().map(str::to_owned)));
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                if !goes_on(key) {
                    return Ok(level);
                }
                // Folders that the console makes are empty objects.
                if !key.ends_with('/') {
                    level.objects.push(Object {
                        key: key.to_owned(),
                        size: u64::try_from(object.size().unwrap_or_default()).unwrap_or_default(),
                    });
                }
            }
            token = pages.next(&self.session, call, page.next_continuation_token)?;
            if token.is_none() {
                return Ok(level);
            }
        }
    }

    /// Writes an object into a file and gives its size. A connection that is cut is taken up where it was; an object that was
    /// replaced meanwhile is read from the beginning.
    ///
    /// # Errors
    /// When the object cannot be read, or the file cannot be written.
    pub async fn download(&self, call: &'static Call, bucket: &str, key: &str, into: &mut File) -> Result<u64, DownloadError> {
        let mut read = 0_u64;
        let mut version: Option<String> = None;
        let mut in_vain = 0;
        loop {
            let range = (read > 0).then(|| format!("bytes={read}-"));
            let answer = if call.why == calls::s3::GET_RESULT.why {
                self.session
                    .call(&calls::s3::GET_RESULT, |config| {
                        client(&config)
                            .get_object()
                            .bucket(bucket)
                            .key(key)
                            .set_range(range.clone())
                            .set_if_match(version.clone())
                            .send()
                    })
                    .await
            } else {
                self.session
                    .call(&calls::s3::GET_OBJECT, |config| {
                        client(&config)
                            .get_object()
                            .bucket(bucket)
                            .key(key)
                            .set_range(range.clone())
                            .set_if_match(version.clone())
                            .set_request_payer(self.payer())
                            .send()
                    })
                    .await
            };
            let replaced = |error: &AwsError| {
                let codes = ["PreconditionFailed", "InvalidRange", "412", "416"];
                read > 0 && error.code.as_deref().is_some_and(|code| codes.contains(&code))
            };
            let mut object = match answer {
                Ok(object) => object,
                Err(error) if replaced(&error) && in_vain < RESUMPTIONS => {
                    (read, version, in_vain) = (0, None, in_vain + 1);
                    into.set_len(0)?;
                    std::io::Seek::rewind(into)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let left = object.content_length().and_then(|length| u64::try_from(length).ok());
            version = object.e_tag.take();
            let start = read;
            let cut = loop {
                match object.body.try_next().await {
                    Ok(Some(piece)) => {
                        into.write_all(&piece)?;
                        read += piece.len() as u64;
                    }
                    Ok(None) => break left.is_some_and(|left| read - start < left).then(|| "it ended early".to_owned()),
                    Err(error) => break Some(error.to_string()),
                }
            };
            let Some(why) = cut else { return Ok(read) };
            in_vain = if read > start { 0 } else { in_vain + 1 };
            if in_vain >= RESUMPTIONS {
                let message =
                    format!("the connection was cut {RESUMPTIONS} times at byte {read} of s3://{bucket}/{key}: {why}");
                let kind = Kind::Unreachable;
                return Err(AwsError { kind, ..AwsError::unusable(call, &self.session.caller(), message) }.into());
            }
            tracing::debug!(bucket, key, read, why, "download taken up again");
        }
    }
}

/// Why an object could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("{0}")]
    Aws(#[from] AwsError),
    #[error("temporary file: {0}; free some space in the temporary folder or set TMPDIR to another")]
    File(#[from] std::io::Error),
}
