//! Keys that are made, found and revoked; requests that are counted.

use std::time::Duration;

use filas_domain::access::rate::Window;
use filas_domain::access::{ApiKey, KeyText, Scope, Scopes};
use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::ports::{Keys, Rates};
use futures::future::join_all;

use super::samples;

/// Keys, whole.
///
/// # Panics
/// Where they do not do what the port says.
pub async fn keys(keys: &impl Keys) {
    a_key_reads_back_to_its_owner_only(keys).await;
    a_key_is_revoked_once(keys).await;
    keys_are_listed_by_id(keys).await;
}

/// Counters of requests, whole.
///
/// # Panics
/// Where they do not do what the port says.
pub async fn rates(rates: &impl Rates) {
    let (owner, other) = (samples::owner(), samples::owner());
    let (minute, next) = (Window::of(samples::NOW), Window::of(samples::NOW.plus(Duration::from_secs(60))));
    assert_eq!(rates.count(&owner, minute).await.unwrap(), 1);
    assert_eq!(rates.count(&owner, minute).await.unwrap(), 2);
    assert_eq!(rates.count(&owner, next).await.unwrap(), 1, "another minute");
    assert_eq!(rates.count(&other, minute).await.unwrap(), 1, "another owner");
    let mut seen: Vec<u32> =
        join_all((0..20).map(|_| rates.count(&owner, minute))).await.into_iter().map(Result::unwrap).collect();
    seen.sort_unstable();
    assert_eq!(seen, (3..23).collect::<Vec<_>>(), "of many at once each is counted, and told its own number");
}

fn key(owner: &Owner, random: u8) -> ApiKey {
    let text = KeyText::new(owner.clone(), [random; 32]);
    let scopes = Scopes::from_iter([Scope::Read, Scope::Operate]);
    let expires = samples::NOW.plus(Duration::from_secs(3600));
    ApiKey::new(&text, "of CI, ñ #".to_owned(), scopes, samples::NOW, expires)
}

async fn a_key_reads_back_to_its_owner_only(keys: &impl Keys) {
    let (owner, other) = (samples::owner(), samples::owner());
    let stored = key(&owner, 1);
    assert_eq!(keys.key(&owner, &stored.id).await.unwrap(), None);
    keys.add(&stored).await.unwrap();
    assert_eq!(keys.key(&owner, &stored.id).await.unwrap(), Some(stored.clone()));
    assert_eq!(keys.key(&other, &stored.id).await.unwrap(), None);
    // A try without an answer is made again.
    keys.add(&stored).await.unwrap();
    assert_eq!(keys.keys(&owner, None, 9).await.unwrap(), [stored]);
    assert_eq!(keys.keys(&other, None, 9).await.unwrap(), []);
}

async fn a_key_is_revoked_once(keys: &impl Keys) {
    let (owner, other) = (samples::owner(), samples::owner());
    let stored = key(&owner, 2);
    let (first, second) = (Timestamp::from_millis(7), Timestamp::from_millis(9));
    assert!(!keys.revoke(&owner, &stored.id, first).await.unwrap(), "there is none");
    keys.add(&stored).await.unwrap();
    assert!(!keys.revoke(&other, &stored.id, first).await.unwrap(), "it is another's");
    assert_eq!(keys.key(&owner, &stored.id).await.unwrap().unwrap().revoked, None);
    for now in [first, second] {
        assert!(keys.revoke(&owner, &stored.id, now).await.unwrap());
        let revoked = ApiKey { revoked: Some(first), ..stored.clone() };
        assert_eq!(keys.key(&owner, &stored.id).await.unwrap(), Some(revoked));
    }
    assert_eq!(keys.key(&other, &stored.id).await.unwrap(), None, "nothing was made by the attempt");
}

async fn keys_are_listed_by_id(keys: &impl Keys) {
    let owner = samples::owner();
    let mut all: Vec<ApiKey> = (0..5).map(|random| key(&owner, 10 + random)).collect();
    join_all(all.iter().map(|key| keys.add(key))).await.into_iter().for_each(Result::unwrap);
    all.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(keys.keys(&owner, None, 9).await.unwrap(), all);
    assert_eq!(keys.keys(&owner, None, 2).await.unwrap(), all[..2]);
    assert_eq!(keys.keys(&owner, Some(&all[1].id), 2).await.unwrap(), all[2..4]);
    assert_eq!(keys.keys(&owner, Some(&all[4].id), 2).await.unwrap(), []);
}
