//! What a pipeline needs from the outside, as its owner may use it.
//!
//! The worker makes one [`Services`] of its [`Ports`] at start, and one of that for each owner. A compiled pipeline is its
//! owner's: what it remembers of look-ups and secrets is never another's.

mod ports;
mod secret_cache;

use std::fmt;
use std::sync::Arc;

use filas_domain::clock::Timestamp;
use filas_domain::error_chain;
use filas_domain::ids::Owner;
use filas_domain::metrics::Metrics;
use filas_domain::permits::{Answer, Destination, Micros, Rate};
use filas_domain::ports::{Clock, PortError};
use filas_domain::record::{Record, Records, Stored};
use filas_domain::row_queue::{Rejected, RowMessage, RowQueue};
use filas_domain::secrets::Secrets;

use crate::stage::Interrupted;
use crate::variables::Variables;
use ports::{Outside, Unwired};
use secret_cache::SecretCache;
pub(crate) use secret_cache::{KnownSecret, SecretVersion};

/// The outside of a worker.
#[derive(Debug, Clone)]
pub struct Ports<R, P, S, Q, C> {
    /// Where `store` keeps records.
    pub records: R,
    /// How often all workers together may ask a partner.
    pub permits: P,
    /// Where secrets are.
    pub secrets: S,
    /// Sends rows to queues of the user's.
    pub queue: Q,
    /// The time.
    pub clock: C,
}

/// What a pipeline needs from the outside, as one owner may use it. Its clones share what they remember.
#[derive(Clone)]
pub struct Services {
    outside: Arc<dyn Outside>,
    owner: Option<Owner>,
    secrets: Arc<SecretCache>,
    metrics: Metrics,
}

impl fmt::Debug for Services {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Services").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// What all stages are compiled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// The pipeline's name.
    pub(crate) pipeline: &'a str,
    /// The column that tells the records apart.
    pub(crate) key: Option<&'a str>,
    /// What stands for `${NAME}`.
    pub(crate) variables: &'a Variables,
    /// The outside.
    pub(crate) services: &'a Services,
}

impl Services {
    /// The outside, as `owner` may use it.
    pub fn new<R, P, S, Q, C>(ports: Ports<R, P, S, Q, C>, owner: Owner) -> Self
    where
        R: Records + 'static,
        P: filas_domain::permits::Permits + 'static,
        S: Secrets + 'static,
        Q: RowQueue + 'static,
        C: Clock + 'static,
    {
        Self { outside: Arc::new(ports), owner: Some(owner), secrets: Arc::default(), metrics: Metrics::new() }
    }

    /// The outside of a worker, before it is known for whom: [`for_owner`](Self::for_owner) makes it an owner's.
    pub fn of_worker<R, P, S, Q, C>(ports: Ports<R, P, S, Q, C>) -> Self
    where
        R: Records + 'static,
        P: filas_domain::permits::Permits + 'static,
        S: Secrets + 'static,
        Q: RowQueue + 'static,
        C: Clock + 'static,
    {
        Self { outside: Arc::new(ports), owner: None, secrets: Arc::default(), metrics: Metrics::new() }
    }

    /// The same outside, as another owner may use it. Nothing that was remembered goes with it.
    #[must_use]
    pub fn for_owner(&self, owner: Owner) -> Self {
        Self {
            outside: self.outside.clone(),
            owner: Some(owner),
            secrets: Arc::default(),
            metrics: self.metrics.clone(),
        }
    }

    /// Nothing but the clock: enough to check a pipeline, and to run one without `rate`, secrets, `store` or `queue`.
    /// Whatever else a row asks for is a [`Fault`](Interrupted::Fault).
    pub fn none() -> Self {
        Self { outside: Arc::new(Unwired), owner: None, secrets: Arc::default(), metrics: Metrics::new() }
    }

    /// What is observed on the way: its clones observe together, whoever the owner is.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.outside.now()
    }

    /// Whose pipeline it is.
    pub(crate) fn owner(&self) -> Result<&Owner, Interrupted> {
        self.owner
            .as_ref()
            .ok_or_else(|| Interrupted::Fault("nobody's pipeline has no records and no secrets".to_owned()))
    }

    /// What a rate is kept for, at this place of a pipeline.
    pub(crate) fn destination(&self, pipeline: &str, place: &str) -> Destination {
        // No owner is named so: names are not empty.
        let owner = self.owner.as_ref().map_or("", Owner::as_str);
        Destination::new(owner, pipeline, place)
    }

    /// Stores a record.
    pub(crate) async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        self.outside.keep(record).await
    }

    /// Takes permits.
    pub(crate) async fn take(&self, of: &Destination, rate: Rate, wanted: u32) -> Result<Answer, PortError> {
        self.outside.take(of, rate, wanted).await
    }

    /// Lets no worker ask the partner before `until`.
    pub(crate) async fn pause(&self, of: &Destination, until: Micros) -> Result<(), PortError> {
        self.outside.pause(of, until).await
    }

    /// Until when no worker may ask the partner.
    pub(crate) async fn paused_until(&self, of: &Destination) -> Result<Micros, PortError> {
        self.outside.paused_until(of).await
    }

    /// Sends messages to a queue of the user's.
    pub(crate) async fn send(
        &self,
        url: &str,
        messages: &[RowMessage],
    ) -> Result<Vec<Result<(), Rejected>>, PortError> {
        self.outside.send(url, messages).await
    }

    /// The secret of this name, as it was at most a few minutes ago.
    pub(crate) async fn secret(&self, name: &str) -> Result<KnownSecret, Interrupted> {
        self.secrets.get(name, None, || self.read_secret(name)).await
    }

    /// The secret of this name, read anew unless it is another already than the one that was refused.
    pub(crate) async fn secret_other_than(
        &self,
        name: &str,
        refused: SecretVersion,
    ) -> Result<KnownSecret, Interrupted> {
        self.secrets.get(name, Some(refused), || self.read_secret(name)).await
    }

    async fn read_secret(&self, name: &str) -> Result<filas_domain::secrets::SecretText, Interrupted> {
        let secret = self.outside.secret(self.owner()?, name).await.map_err(|error| interrupted(&error))?;
        secret.ok_or_else(|| Interrupted::Fault(format!("there is no secret `{name}`")))
    }
}

/// What trouble with a port means for the row that needs it.
pub(crate) fn interrupted(error: &PortError) -> Interrupted {
    let reason = error_chain(error);
    if error.is_transient() { Interrupted::Unavailable(reason) } else { Interrupted::Fault(reason) }
}
