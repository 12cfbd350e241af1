//! Pipeline files on this machine.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use filas_domain::limits::PIPELINE_BYTES;
use filas_pipeline::Variables;

/// The text of a pipeline file.
///
/// # Errors
/// When it cannot be read, or is too long for one.
pub fn read_text(file: &Path) -> Result<String> {
    let cannot = || format!("cannot read {}", file.display());
    let mut text = String::new();
    let bytes = File::open(file).with_context(cannot)?.take(PIPELINE_BYTES as u64 + 1).read_to_string(&mut text);
    ensure!(
        bytes.with_context(cannot)? <= PIPELINE_BYTES,
        "{} is no pipeline: it has more than {PIPELINE_BYTES} bytes",
        file.display()
    );
    Ok(text)
}

/// The variables of this environment.
pub fn variables() -> Variables {
    Variables::of_installation(variable)
}

/// A variable of this environment.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The variables of this environment, those that it does not set as if they were set to some public place; and which these
/// are.
pub fn assumed_variables() -> (Variables, Vec<&'static str>) {
    const URLS: [&str; 3] = ["PARTNER_URL", "CATALOG_URL", "ORDERS_QUEUE_URL"];
    let missing: Vec<_> = URLS.into_iter().filter(|name| variable(name).is_none_or(|value| value.is_empty())).collect();
    let assumed = missing.iter().fold(variables(), |variables, name| variables.with(*name, "https://filas.example"));
    (assumed, missing)
}
