//! Places by url.

use std::path::Path;
use std::sync::Arc;

use super::{Directory, Memory, Place, Result};
use crate::result::error::{Problem, ResultStoreError};

/// What stands where a url is wrong.
const ACCEPTED: &str =
    "`memory://`, `file:///folder`, `s3://bucket/folder`, `gs://bucket/folder` or `az://container/folder`";

pub(super) fn open(url: &str) -> Result<Place> {
    let invalid = |problem: &str| {
        ResultStoreError::new(
            Problem::Place,
            format!("`{url}` cannot be the url of a result store: {problem}"),
        )
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(invalid(&format!("write {ACCEPTED}, or use `ResultStore::directory` for a path")));
    };
    if rest.contains(['?', '#']) {
        return Err(invalid(
            "it has a `?` or a `#`, which is written as `%3F` or `%23` where it belongs to a name",
        ));
    }
    match scheme {
        "memory" if rest.trim_matches('/').is_empty() => Ok(Place::Memory(Arc::new(Memory::default()))),
        "memory" => Err(invalid("write `memory://`: what is in memory has no folder")),
        "file" => {
            let path =
                percent_decode(rest).ok_or_else(|| invalid("after a `%` stand two hexadecimal digits"))?;
            if !path.starts_with('/') {
                return Err(invalid("write `file:///folder`, with three slashes before an absolute path"));
            }
            // `file:///C:/folder`
            let path = if cfg!(windows) { &path[1..] } else { &path };
            Ok(Place::Directory(Arc::new(Directory::at(Path::new(path))?)))
        }
        "s3" | "gs" | "az" => {
            let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(invalid(&format!("the name of the bucket is missing; write {ACCEPTED}")));
            }
            let folder =
                percent_decode(folder).ok_or_else(|| invalid("after a `%` stand two hexadecimal digits"))?;
            let folder = folder.trim_matches('/');
            let prefix = match folder {
                "" => String::new(),
                folder => crate::result::key::name_of(folder).map_err(|problem| invalid(&problem))? + "/",
            };
            cloud(scheme, url, &format!("{scheme}://{bucket}"), prefix)
        }
        _ => Err(invalid(&format!("there is no `{scheme}://`; write {ACCEPTED}"))),
    }
}

/// The text that `%` and two digits stand in for bytes of.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A bucket, where the feature of its service is on.
#[cfg_attr(
    not(any(feature = "s3", feature = "gcs", feature = "azure")),
    expect(clippy::needless_pass_by_value, reason = "no feature of a service is on")
)]
#[allow(unused_variables, reason = "no feature of a service is on")]
fn cloud(scheme: &str, url: &str, bucket: &str, prefix: String) -> Result<Place> {
    match scheme {
        #[cfg(feature = "s3")]
        "s3" => service(url, prefix, object_store::aws::AmazonS3Builder::from_env().with_url(bucket).build()),
        #[cfg(feature = "gcs")]
        "gs" => service(
            url,
            prefix,
            object_store::gcp::GoogleCloudStorageBuilder::from_env().with_url(bucket).build(),
        ),
        #[cfg(feature = "azure")]
        "az" => service(
            url,
            prefix,
            object_store::azure::MicrosoftAzureBuilder::from_env().with_url(bucket).build(),
        ),
        _ => {
            let feature = match scheme {
                "s3" => "s3",
                "gs" => "gcs",
                _ => "azure",
            };
            Err(ResultStoreError::new(
                Problem::Feature,
                format!(
                    "`{url}` needs the feature `{feature}` of millrun: in Cargo.toml, \
                     `millrun = {{ version = \"{}\", features = [\"{feature}\"] }}`",
                    env!("CARGO_PKG_VERSION")
                ),
            ))
        }
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn service(
    url: &str,
    prefix: String,
    opened: object_store::Result<impl object_store::ObjectStore>,
) -> Result<Place> {
    match opened {
        Ok(store) => Ok(Place::Objects(super::Objects::new(Arc::new(store), prefix, url.to_owned()))),
        Err(error) => Err(ResultStoreError::object("open", format_args!("`{url}`"), error)),
    }
}
