//! Who is let in.

use std::future::Future;

use filas_domain::access::{Caller, OwnerKeys, Scopes, bearer};
use filas_domain::problem::Problem;

use crate::Refusal;

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who it is.
    pub caller: Caller,
    /// Fields that every answer to this request has.
    pub headers: Vec<(&'static str, String)>,
}

/// Tells who a request is from, and whether they may make one now. What they may do is not its affair.
pub trait Gate: Sync {
    /// Who calls with this `Authorization` header.
    ///
    /// # Errors
    /// When it carries no good key or token, when the owner has called too often, or when it cannot be told.
    fn admit(&self, authorization: Option<&str>) -> impl Future<Output = Result<Admitted, Refusal>> + Send;
}

/// The first keys of an installation may do everything, as often as they like: for tests of what lies behind a gate.
impl Gate for OwnerKeys {
    async fn admit(&self, authorization: Option<&str>) -> Result<Admitted, Refusal> {
        let owner = bearer(authorization).and_then(|key| self.owner_of_key(key)).ok_or_else(Problem::unauthorized)?;
        let caller = Caller { owner: owner.clone(), scopes: Scopes::all(), key_expires: None };
        Ok(Admitted { caller, headers: Vec::new() })
    }
}
