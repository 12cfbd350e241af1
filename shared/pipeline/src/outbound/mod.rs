//! Requests to others: where they may go, how often, and what their answers mean.
//!
//! * `address`, `allow`, `resolver`, `client`: https to public addresses only, unless the installation names the place
//! * `headers`, `signature`, `trace`: what each request carries; secrets are filled in when it is sent
//! * `answer`: one request, and what is read of its answer
//! * `judge`, `backoff`: transient or permanent, and how long to wait
//! * [`partner`](Partner): all of it together, with the rate, the pauses and the circuit breaker

mod address;
mod allow;
mod answer;
mod backoff;
mod client;
mod headers;
mod judge;
mod partner;
mod resolver;
mod signature;
mod trace;

pub(crate) use allow::{AllowList, VARIABLE as ALLOW_VARIABLE};
pub(crate) use answer::{Answer, CONTENT_READ, EXCERPT_READ, send};
pub(crate) use backoff::{random_share, wait as back_off};
pub use client::HttpClientError;
pub(crate) use client::{client_for, innermost};
pub(crate) use headers::Headers;
pub(crate) use judge::Trouble;
pub(crate) use partner::{Exchange, Limits, Partner, PartnerRequest};
pub(crate) use signature::headers as signature_headers;
pub(crate) use trace::{TRACEPARENT, traceparent};
