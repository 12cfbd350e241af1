//! The `live` function: clients that look on over a WebSocket.
//!
//! * [`tickets`]: who has a key gets a ticket, with which a browser can connect
//! * [`socket`]: connecting, subscribing, leaving
//! * [`pushes`]: what changed, told to whoever watches it
//! * [`clients`]: saying something to many clients, of which some are slow or gone

pub mod clients;
pub mod pushes;
pub mod socket;
pub mod tickets;
