//! `filas keys`: who else may call as this owner.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use filas_cli::progress::stderr_line;
use filas_cli::words::Heading::Left;
use filas_cli::words::{Table, plain};
use filas_domain::access::Scope;
use filas_domain::clock::Timestamp;
use filas_domain::view::{KeyRequest, KeyView};
use serde_json::json;

use super::Session;
use crate::arguments::KeysCommand;
use crate::output;

impl Session {
    pub(super) fn keys(&self, command: &KeysCommand) -> Result<u8> {
        match command {
            KeysCommand::Create { name, scopes, days } => self.create_key(name, scopes, *days)?,
            KeysCommand::List => self.list(&self.client.keys()?, "no keys", key_table)?,
            KeysCommand::Revoke { id } => self.revoke_key(id.as_str())?,
        }
        Ok(0)
    }

    fn create_key(&self, name: &str, scopes: &[Scope], days: Option<u32>) -> Result<()> {
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let expires = days.map(|days| after(days).to_rfc3339());
        let new = self.client.create_key(&KeyRequest { name: name.to_owned(), scopes, expires })?;
        if self.json {
            output::json([&new])?;
            return Ok(());
        }
        // The key alone on standard output, so that it can be put where it belongs without being seen.
        output::line(plain(&new.key))?;
        let (id, expires) = (plain(&new.view.id), plain(&new.view.expires));
        stderr_line(&format!(
            "key {id} is good until {expires}. It is shown this once; revoke it with: filas keys revoke {id}"
        ));
        Ok(())
    }

    fn revoke_key(&self, id: &str) -> Result<()> {
        self.client.revoke_key(id)?;
        if self.json {
            output::json([json!({"key": id, "revoked": true})])?;
        } else {
            output::line(format!("key {id} is revoked"))?;
        }
        Ok(())
    }
}

fn after(days: u32) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let hours = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    // Without the milliseconds, which say nothing here.
    Timestamp::from_millis((now + hours).as_secs() * 1000)
}

fn key_table(keys: &[KeyView]) -> Table {
    let mut table =
        Table::new(&[Left("KEY"), Left("NAME"), Left("SCOPES"), Left("CREATED"), Left("EXPIRES"), Left("REVOKED")]);
    for key in keys {
        let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        table.row(&[
            key.id.clone(),
            key.name.clone(),
            scopes.join(" "),
            key.created.clone(),
            key.expires.clone(),
            key.revoked.clone().unwrap_or_default(),
        ]);
    }
    table
}
