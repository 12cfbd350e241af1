//! The ports behind one type, so that a pipeline has no parameters: what they answer comes over a network, and a box more
//! is nothing.

use std::future::Future;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::permits::{self, Destination, Micros, Permits, Rate};
use filas_domain::ports::{Clock, PortError};
use filas_domain::record::{Record, Records, Stored};
use filas_domain::row_queue::{Rejected, RowMessage, RowQueue};
use filas_domain::secrets::{SecretText, Secrets};

use super::Ports;

/// An answer to come.
pub(super) type Coming<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// Every port at once.
pub(super) trait Outside: Send + Sync {
    fn now(&self) -> Timestamp;
    fn keep<'a>(&'a self, record: &'a Record) -> Coming<'a, Stored>;
    fn take<'a>(&'a self, of: &'a Destination, rate: Rate, wanted: u32) -> Coming<'a, permits::Answer>;
    fn pause<'a>(&'a self, of: &'a Destination, until: Micros) -> Coming<'a, ()>;
    fn paused_until<'a>(&'a self, of: &'a Destination) -> Coming<'a, Micros>;
    fn secret<'a>(&'a self, owner: &'a Owner, name: &'a str) -> Coming<'a, Option<SecretText>>;
    fn send<'a>(&'a self, url: &'a str, messages: &'a [RowMessage]) -> Coming<'a, Vec<Result<(), Rejected>>>;
}

impl<R: Records, P: Permits, S: Secrets, Q: RowQueue, C: Clock> Outside for Ports<R, P, S, Q, C> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn keep<'a>(&'a self, record: &'a Record) -> Coming<'a, Stored> {
        Box::pin(self.records.keep(record))
    }

    fn take<'a>(&'a self, of: &'a Destination, rate: Rate, wanted: u32) -> Coming<'a, permits::Answer> {
        Box::pin(permits::take(&self.permits, &self.clock, of, rate, wanted))
    }

    fn pause<'a>(&'a self, of: &'a Destination, until: Micros) -> Coming<'a, ()> {
        Box::pin(permits::pause(&self.permits, of, until))
    }

    fn paused_until<'a>(&'a self, of: &'a Destination) -> Coming<'a, Micros> {
        Box::pin(async move { Ok(self.permits.bucket(of).await?.unwrap_or_default().paused_until) })
    }

    fn secret<'a>(&'a self, owner: &'a Owner, name: &'a str) -> Coming<'a, Option<SecretText>> {
        Box::pin(self.secrets.secret(owner, name))
    }

    fn send<'a>(&'a self, url: &'a str, messages: &'a [RowMessage]) -> Coming<'a, Vec<Result<(), Rejected>>> {
        Box::pin(self.queue.send(url, messages))
    }
}

/// No port at all but the machine's clock. Nobody else can have paused a partner, and nothing else is to be had.
pub(super) struct Unwired;

impl Outside for Unwired {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn keep<'a>(&'a self, _: &'a Record) -> Coming<'a, Stored> {
        missing("store a record")
    }

    fn take<'a>(&'a self, _: &'a Destination, _: Rate, _: u32) -> Coming<'a, permits::Answer> {
        missing("take permits")
    }

    fn pause<'a>(&'a self, _: &'a Destination, _: Micros) -> Coming<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn paused_until<'a>(&'a self, _: &'a Destination) -> Coming<'a, Micros> {
        Box::pin(async { Ok(Micros::default()) })
    }

    fn secret<'a>(&'a self, _: &'a Owner, _: &'a str) -> Coming<'a, Option<SecretText>> {
        missing("read a secret")
    }

    fn send<'a>(&'a self, _: &'a str, _: &'a [RowMessage]) -> Coming<'a, Vec<Result<(), Rejected>>> {
        missing("send rows to a queue")
    }
}

fn missing<T: Send + 'static>(operation: &'static str) -> Coming<'static, T> {
    Box::pin(async move { Err(PortError::permanent(operation, "the pipeline was compiled without services")) })
}
