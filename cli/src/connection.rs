//! Which API to talk to, with which key: as told, or as the nearest local cloud says.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// Where `cargo xtask up` writes down the local cloud, from the folder of the project.
pub const LOCAL_CLOUD: &str = ".filas/local/cloud.json";

/// An API and the key for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// The root of the API, without `/v1`.
    pub url: String,
    /// The key of the owner who calls.
    pub key: String,
    /// The file that named the API, if it was not named by hand.
    pub local: Option<PathBuf>,
}

/// By hand, so that a key never gets into a message.
impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("url", &self.url).field("local", &self.local).finish_non_exhaustive()
    }
}

/// It is not known which API to talk to, or with which key.
#[derive(Debug, Error)]
pub enum ConnectionError {
    /// Nothing was told, and no local cloud is near.
    #[error(
        "there is no API to talk to: no {LOCAL_CLOUD} in {} or above it. Start the local cloud with `cargo xtask up`, \
         or give --url and --key (FILAS_URL and FILAS_KEY)", .from.display()
    )]
    Nowhere {
        /// Where the search began.
        from: PathBuf,
    },
    /// The API was named, but no key.
    #[error("there is no key for {url}: give one with --key (FILAS_KEY)")]
    NoKey {
        /// The API.
        url: String,
    },
    /// Not a key: such a header cannot be sent. The key itself is not repeated.
    #[error("the key has characters that no key has: spaces, line breaks or accents; copy it again")]
    NotAKey,
    /// Not an address of an API.
    #[error("'{url}' is not the address of an API: it begins with http:// or https://")]
    NotAnAddress {
        /// What was given.
        url: String,
    },
    /// The file is there and cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file is there and says something else.
    #[error("{} does not describe a local cloud; write it again with `cargo xtask up`", .path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// What is used of the file.
#[derive(Deserialize)]
struct LocalCloud {
    api_url: String,
    api_key: String,
}

impl Connection {
    /// The API at `url` with `key` where they are given; the rest from the nearest [`LOCAL_CLOUD`] in `from` or its
    /// ancestors. The key of a local cloud is never used for another address.
    ///
    /// # Errors
    /// When the address or the key is missing, or the file of the local cloud is of no use.
    pub fn find(url: Option<&str>, key: Option<&str>, from: &Path) -> Result<Self, ConnectionError> {
        // An empty variable is as good as none: that is how one unsets it for a single command.
        let given = |text: Option<&'_ str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let (url, key) = (given(url), given(key));
        if key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(ConnectionError::NotAKey);
        }
        let named = url.as_deref().map(root).transpose()?;
        if let (Some(url), Some(key)) = (&named, &key) {
            return Ok(Self { url: url.clone(), key: key.clone(), local: None });
        }
        let local = nearest(from)?;
        match (named, local) {
            (None, Some((path, cloud))) => {
                let key = key.unwrap_or(cloud.api_key);
                Ok(Self { url: root(&cloud.api_url)?, key, local: Some(path) })
            }
            (Some(url), Some((path, cloud))) if root(&cloud.api_url)? == url => {
                Ok(Self { url, key: cloud.api_key, local: Some(path) })
            }
            (Some(url), _) => Err(ConnectionError::NoKey { url }),
            (None, None) => Err(ConnectionError::Nowhere { from: from.to_owned() }),
        }
    }
}

/// The address without the slashes at its end.
fn root(url: &str) -> Result<String, ConnectionError> {
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        Err(ConnectionError::NotAnAddress { url: url.to_owned() })
    }
}

fn nearest(from: &Path) -> Result<Option<(PathBuf, LocalCloud)>, ConnectionError> {
    for folder in from.ancestors() {
        let path = folder.join(LOCAL_CLOUD);
        match std::fs::read(&path) {
            Ok(bytes) => {
                return match serde_json::from_slice(&bytes) {
                    Ok(cloud) => Ok(Some((path, cloud))),
                    Err(source) => Err(ConnectionError::Garbled { path, source }),
                };
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(ConnectionError::Unreadable { path, source }),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUD: &str = r#"{"api_url":"http://localhost:4566/api/","api_key":"local-key","more":1}"#;

    /// A project with a local cloud described by `text`, and a folder deep inside it.
    fn project(text: Option<&str>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        if let Some(text) = text {
            let path = folder.path().join(LOCAL_CLOUD);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        (folder, deep)
    }

    fn check(cloud: Option<&str>, url: Option<&str>, key: Option<&str>, expected: Result<(&str, &str), &str>) {
        let (_folder, deep) = project(cloud);
        match (Connection::find(url, key, &deep), expected) {
            (Ok(found), Ok(expected)) => assert_eq!((found.url.as_str(), found.key.as_str()), expected),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_is_told_comes_first_and_the_nearest_local_cloud_fills_in() {
        let elsewhere = Some("https://api.example.com");
        check(Some(CLOUD), None, None, Ok(("http://localhost:4566/api", "local-key")));
        check(Some(CLOUD), Some(""), Some(""), Ok(("http://localhost:4566/api", "local-key")));
        check(Some(CLOUD), None, Some("other"), Ok(("http://localhost:4566/api", "other")));
        check(Some(CLOUD), Some("http://localhost:4566/api"), None, Ok(("http://localhost:4566/api", "local-key")));
        check(None, elsewhere, Some("k\r\n"), Ok(("https://api.example.com", "k")));
        check(Some("{"), elsewhere, Some("k"), Ok(("https://api.example.com", "k")));
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        check(None, None, None, Err("cargo xtask up"));
        check(None, None, Some("k"), Err("cargo xtask up"));
        check(Some("{"), None, None, Err("write it again"));
        check(None, Some("api.example.com"), Some("k"), Err("begins with http"));
        check(None, Some("https://api.example.com"), Some("a b"), Err("copy it again"));
    }

    #[test]
    fn the_local_key_does_not_leave_for_another_address() {
        check(Some(CLOUD), Some("https://api.example.com"), None, Err("--key"));
    }

    #[test]
    fn a_key_is_not_in_what_is_printed_for_debugging() {
        let (_folder, deep) = project(Some(CLOUD));
        assert!(!format!("{:?}", Connection::find(None, None, &deep).unwrap()).contains("local-key"));
    }
}
