//! Keys as the API takes and shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::key::{ApiKey, KEY_NAME_CHARS};
use crate::access::scope::Scope;

/// The body of `POST /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// What to call it: who has it, or where it is.
    #[schemars(length(min = 1, max = KEY_NAME_CHARS))]
    pub name: String,
    /// What its holder may do. Whoever makes a key gives no more than they have.
    #[schemars(length(min = 1, max = 3))]
    pub scopes: Vec<Scope>,
    /// Until when it is good, at most 366 days from now; 90 days unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires: Option<String>,
}

/// A key as the API shows it. The key itself is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyView {
    /// What the API calls it.
    #[schemars(extend("pattern" = "^[0-9a-f]{16}$"))]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What its holder may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: String,
    /// Until when it is good.
    pub expires: String,
    /// When it was revoked; null when it was not.
    pub revoked: Option<String>,
}

/// The answer of `POST /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NewKey {
    /// The key itself. It is shown here and never again.
    pub key: String,
    /// What is remembered of it.
    #[serde(flatten)]
    pub view: KeyView,
}

impl KeyView {
    /// What is shown of a stored key.
    pub fn new(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().collect(),
            created: key.created.to_rfc3339(),
            expires: key.expires.to_rfc3339(),
            revoked: key.revoked.map(crate::clock::Timestamp::to_rfc3339),
        }
    }
}
