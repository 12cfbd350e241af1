//! The dashboard in a real browser, driven by `tests/browser/drive.py`. With `FILAS_WRITE_DOCS=1` its pictures become those of
//! the README.
#![cfg(feature = "cloud")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use filas_e2e::Stack;

/// Which picture of the walk is which of the README.
const PICTURES: [(&str, &str); 7] = [
    ("checked", "checked"),
    ("progress", "progress"),
    ("failures", "failures"),
    ("records", "records"),
    ("queues", "queues"),
    ("thousand-batches", "thousand-batches"),
    ("phone-task", "phone"),
];

#[test]
fn a_person_sends_watches_mends_and_redrives_and_a_checker_finds_every_page_accessible() -> Result<()> {
    let stack = Stack::main()?;
    let needed = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set: run `cargo xtask test`"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let driven = Command::new(needed("FILAS_TEST_BROWSER_PYTHON")?)
        .arg(root.join("browser/drive.py"))
        .env("FILAS_TEST_URL", &stack.url)
        .env("FILAS_TEST_KEY", &stack.key)
        .env("FILAS_TEST_CHROMIUM", needed("FILAS_TEST_CHROMIUM")?)
        .env("FILAS_TEST_ARTIFACTS", needed("FILAS_TEST_ARTIFACTS")?)
        .output()?;
    let said = [driven.stdout, driven.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    println!("{said}");
    ensure!(driven.status.success(), "{said}");
    if std::env::var_os("FILAS_WRITE_DOCS").is_some() {
        let (taken, kept) = (PathBuf::from(needed("FILAS_TEST_ARTIFACTS")?), root.join("../docs/dashboard"));
        for (from, to) in PICTURES {
            let bytes = std::fs::read(taken.join(from).with_extension("png"))?;
            ensure!(bytes.len() < 150_000, "the picture {from} has {} bytes", bytes.len());
            std::fs::write(kept.join(to).with_extension("png"), bytes)?;
        }
    }
    Ok(())
}

#[test]
fn the_files_are_there_without_a_key_and_tell_a_browser_what_they_may_do() -> Result<()> {
    let stack = Stack::main()?;
    let answer = ureq::get(format!("{}/app", stack.url)).call()?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(header("content-type").starts_with("text/html"), "/app leads to the page");
    assert!(header("content-security-policy").contains("default-src 'none'"));
    let missing = ureq::get(format!("{}/app/nothing.js", stack.url)).config().http_status_as_error(false).build();
    assert_eq!(missing.call()?.status().as_u16(), 404);
    Ok(())
}
