//! Which issuer, and what its claims mean.

use reqwest::Url;
use thiserror::Error;

/// The variable that names the issuer.
pub const ISSUER: &str = "FILAS_OIDC_ISSUER";
/// The variable that names the audience.
pub const AUDIENCE: &str = "FILAS_OIDC_AUDIENCE";
/// The variable that names the claim of the owner.
pub const OWNER_CLAIM: &str = "FILAS_OIDC_OWNER_CLAIM";
/// The variable that says where the issuer's keys are, where it does not say so itself.
pub const JWKS_URI: &str = "FILAS_OIDC_JWKS_URI";

/// Which issuer, and what its claims mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    issuer: String,
    audience: String,
    owner_claim: String,
    keys: Place,
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the issuer's configuration says, which is here.
    Discovered(Url),
    /// Here.
    Known(Url),
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// An issuer without an audience: any token of that issuer would do, whomever it is for.
    #[error("{ISSUER} is set, and {AUDIENCE} is not")]
    NoAudience,
    /// Not an address that keys may come from.
    #[error("{0} is not an https URL")]
    NotAnAddress(&'static str),
}

impl IssuerSettings {
    /// What the variables say; `None` when they name no issuer.
    ///
    /// # Errors
    /// When there is no audience, or an address is not https. Plain http is taken on the machine itself only.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let set = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let Some(issuer) = set(ISSUER) else { return Ok(None) };
        let audience = set(AUDIENCE).ok_or(SettingsError::NoAudience)?;
        let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovery = address(&discovery).ok_or(SettingsError::NotAnAddress(ISSUER))?;
        let keys = match set(JWKS_URI) {
            Some(uri) => Place::Known(address(&uri).ok_or(SettingsError::NotAnAddress(JWKS_URI))?),
            None => Place::Discovered(discovery),
        };
        let owner_claim = set(OWNER_CLAIM).unwrap_or_else(|| "sub".to_owned());
        Ok(Some(Self { issuer, audience, owner_claim, keys }))
    }

    /// What tokens have as `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What tokens have as `aud`, or among it.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The claim that names the owner.
    pub fn owner_claim(&self) -> &str {
        &self.owner_claim
    }

    pub(super) const fn keys(&self) -> &Place {
        &self.keys
    }
}

/// An address that keys may come from.
pub(super) fn address(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    (url.scheme() == "https" || (url.scheme() == "http" && is_here)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<IssuerSettings>, SettingsError> {
        IssuerSettings::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_issuer_needs_an_audience_and_https() {
        let audience = (AUDIENCE, "filas");
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(ISSUER, ""), audience]), Ok(None));
        assert_eq!(read(&[(ISSUER, "https://issuer.example")]), Err(SettingsError::NoAudience));
        for (issuer, is_good) in [
            ("https://issuer.example/realm/", true),
            ("http://127.0.0.1:9000", true),
            ("http://issuer.example", false),
            ("http://127.0.0.1.issuer.example", false),
            ("file:///etc/passwd", false),
            ("issuer.example", false),
        ] {
            assert_eq!(read(&[(ISSUER, issuer), audience]).is_ok(), is_good, "{issuer}");
        }
        let known = [(ISSUER, "https://issuer.example"), audience, (JWKS_URI, "http://keys.example")];
        assert_eq!(read(&known), Err(SettingsError::NotAnAddress(JWKS_URI)));
    }

    #[test]
    fn the_owner_is_the_subject_unless_said_otherwise() {
        let settings = read(&[(ISSUER, "https://issuer.example"), (AUDIENCE, "filas")]).unwrap().unwrap();
        assert_eq!(settings.owner_claim(), "sub");
        let told = [(ISSUER, "https://issuer.example"), (AUDIENCE, "filas"), (OWNER_CLAIM, "org")];
        assert_eq!(read(&told).unwrap().unwrap().owner_claim(), "org");
    }
}
