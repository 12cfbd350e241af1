//! Reading secrets.

use filas_domain::ids::Owner;
use filas_domain::secrets::Secrets;

use super::samples;

/// Secrets, whole. `put` stores one, or another text for one.
///
/// # Panics
/// Where they do not do what the port says.
pub async fn secrets(secrets: &impl Secrets, put: impl AsyncFn(&Owner, &str, &str)) {
    let (one, other) = (samples::owner(), samples::owner());
    let read = async |owner: &Owner, name: &str| {
        let secret = secrets.secret(owner, name).await.unwrap();
        secret.map(|secret| secret.expose().to_owned())
    };
    assert_eq!(read(&one, "partner-token").await, None);
    put(&one, "partner-token", "hunter2 ñ\"\\").await;
    assert_eq!(read(&one, "partner-token").await.as_deref(), Some("hunter2 ñ\"\\"));
    assert_eq!(read(&one, "partner").await, None, "a name is not a beginning of a name");
    assert_eq!(read(&other, "partner-token").await, None, "another owner has other secrets");
    put(&other, "partner-token", "other").await;
    put(&one, "partner-token", "rotated").await;
    assert_eq!(read(&one, "partner-token").await.as_deref(), Some("rotated"));
    // No name leads to another's secret.
    let way_out = format!("../{other}/partner-token");
    let refused = secrets.secret(&one, &way_out).await;
    assert!(matches!(&refused, Ok(None)) || refused.is_err_and(|error| !error.is_transient()));
}
