//! The stand-in for a partner's API, as a server of its own.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use filas_testkit::partner::{PartnerServer, PartnerSettings};

/// Serves on `port` (0: a free one) of this machine until the process is ended. `settings` is a JSON object in the words
/// of [`PartnerSettings`]; what it leaves out keeps its default.
///
/// # Errors
/// When the port is taken or a setting makes no sense.
pub fn serve(port: u16, settings: &str) -> Result<()> {
    let settings: PartnerSettings = serde_json::from_str(settings).context("--settings")?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = PartnerServer::start_with(address, settings).with_context(|| format!("cannot serve on {address}"))?;
    println!("{}", server.url());
    eprintln!("filas: the partner serves until Ctrl-C; what it received: {}/_partner/journal", server.url());
    loop {
        std::thread::park();
    }
}
