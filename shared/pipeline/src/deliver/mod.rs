//! The `deliver` stages: what becomes of a row that passed everything else.
//!
//! * [`http`](HttpDelivery): to a partner, once in effect
//! * [`store`](StoreDelivery): into the records, once for each key
//! * [`queue`](QueueDelivery): as a message to a queue of the user's

mod content;
mod http;
mod queue;
mod store;

pub(crate) use http::HttpDelivery;
pub(crate) use queue::QueueDelivery;
pub(crate) use store::StoreDelivery;
