//! Names to addresses, of which every one must be public.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use super::address::is_public;

/// A name that leads inside. It is refused whole: a name with a public and a private address is a trick, or a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{host} has the address {address}, which is not public")]
pub(super) struct NotPublic {
    host: String,
    address: std::net::IpAddr,
}

/// A resolver that answers with public addresses only. The client connects to what it answers and asks nobody else, so what
/// was checked is what is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            // The port is the client's to fill in.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let addresses: Addrs = Box::new(checked(&host, found.collect())?.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses, if all of them are public.
pub(super) fn checked(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NotPublic> {
    match found.iter().find(|address| !is_public(address.ip())) {
        None => Ok(found),
        Some(inside) => Err(NotPublic { host: host.to_owned(), address: inside.ip() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_inside_refuses_the_name() {
        let check = |found: &[&str], expected: Option<&str>| {
            let found = found.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect::<Vec<_>>();
            let seen = checked("p", found.clone());
            match expected {
                None => assert_eq!(seen, Ok(found)),
                Some(address) => {
                    assert_eq!(
                        seen.unwrap_err().to_string(),
                        format!("p has the address {address}, which is not public")
                    );
                }
            }
        };
        check(&["1.1.1.1", "2606:4700::1111"], None);
        check(&["1.1.1.1", "10.0.0.7"], Some("10.0.0.7"));
        check(&["::ffff:1.1.1.1"], Some("::ffff:1.1.1.1"));
        check(&["169.254.169.254"], Some("169.254.169.254"));
        check(&[], None);
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        let Err(error) = PublicOnly.resolve("localhost".parse().unwrap()).await else {
            panic!("localhost was resolved");
        };
        assert!(error.downcast_ref::<NotPublic>().is_some(), "{error}");
    }
}
