//! The places inside that an installation lets its pipelines talk to.

use reqwest::Url;
use url_host::HostAndPort;

/// The variable that names them.
pub(crate) const VARIABLE: &str = "OUTBOUND_ALLOW";

/// Hosts with ports, as `OUTBOUND_ALLOW` has them: `127.0.0.1:4600,partner.internal:8443,[::1]:4600`. A host is compared as
/// it is written and not by its address, and there are no wildcards. Nothing is allowed unless it is set, and the template
/// has no way to set it in a deployed stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowList(Vec<HostAndPort>);

impl AllowList {
    /// Reads the variable's value, or says which part of it is no host with a port.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let read = |part: &str| HostAndPort::parse(part).ok_or_else(|| format!("`{part}` is no host with a port"));
        parts.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it names the URL's host and port.
    pub(crate) fn names(&self, url: &Url) -> bool {
        HostAndPort::of(url).is_some_and(|place| self.0.contains(&place))
    }
}

mod url_host {
    use reqwest::Url;

    /// A host as URLs have it after parsing, and a port.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct HostAndPort {
        host: String,
        port: u16,
    }

    impl HostAndPort {
        /// Where the URL leads.
        pub(super) fn of(url: &Url) -> Option<Self> {
            Some(Self { host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
        }

        /// Reads `host:port`. The URL parser makes one spelling of a host out of many.
        pub(super) fn parse(text: &str) -> Option<Self> {
            let (host, port) = text.rsplit_once(':')?;
            let port: u16 = port.parse().ok()?;
            let url = Url::parse(&format!("http://{host}:{port}/")).ok()?;
            let is_only_a_host = url.path() == "/" && url.username().is_empty() && url.password().is_none();
            // A port of 80 is the scheme's own, so the URL does not keep it.
            (is_only_a_host && url.query().is_none()).then_some(())?;
            Some(Self { host: url.host_str()?.to_owned(), port })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_must_both_be_named() {
        let allowed = AllowList::parse(" 127.0.0.1:4600, Partner.Internal:8443,[::1]:80 ,host:443,").unwrap();
        for (url, expected) in [
            ("http://127.0.0.1:4600/a?b", true),
            ("https://127.0.0.1:4600/", true),
            ("http://127.1:4600/", true),
            ("http://127.0.0.1:4601/", false),
            ("http://127.0.0.1/", false),
            ("http://127.0.0.2:4600/", false),
            ("http://localhost:4600/", false),
            ("https://partner.internal:8443/", true),
            ("https://partner.internal/", false),
            ("https://x.partner.internal:8443/", false),
            ("http://[::1]/", true),
            ("http://[0:0:0:0:0:0:0:1]:80/", true),
            ("https://[::1]/", false),
            ("https://host/", true),
            ("http://host/", false),
        ] {
            assert_eq!(allowed.names(&Url::parse(url).unwrap()), expected, "{url}");
        }
        assert!(!AllowList::default().names(&Url::parse("http://127.0.0.1:4600/").unwrap()));
    }

    #[test]
    fn what_is_no_host_with_a_port_is_an_error() {
        for wrong in ["127.0.0.1", "host:", "host:99999", "*", ":80", "http://host:80", "a/b:80", "me@host:80", "::1:x"]
        {
            let error = AllowList::parse(&format!("ok:1,{wrong}")).unwrap_err();
            assert_eq!(error, format!("`{wrong}` is no host with a port"));
        }
        assert_eq!(AllowList::parse(""), Ok(AllowList::default()));
    }
}
