//! The deployed API does what `docs/openapi.json` says, and only that: a property-based client looks for a difference.
#![cfg(feature = "cloud")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use filas_e2e::Stack;

#[test]
fn a_property_based_client_finds_no_difference_to_the_document() -> Result<()> {
    let stack = Stack::main()?;
    let python = std::env::var("FILAS_TEST_CONFORMANCE")
        .context("there is no schemathesis: run `cargo xtask test`, which installs it")?;
    let program = Path::new(&python).with_file_name("st");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Whoever may read must be the owner: the client has the keys of two.
    let folder = tempfile::tempdir()?;
    let auth = folder.path().join("auth.yaml");
    std::fs::write(&auth, format!("auth:\n{}{}", entry("local", &stack.key), entry("other", &stack.other_key)))?;
    let begun = Instant::now();
    let output = Command::new(&program)
        .current_dir(&root)
        .args(["--config-file", "tests/conformance/schemathesis.toml", "run", "docs/openapi.json", "--no-color"])
        .args(["--url", &stack.url])
        .env("FILAS_AUTH", &auth)
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    println!("schemathesis took {:.0} s", begun.elapsed().as_secs_f64());
    ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // A run that tested nothing would pass as well.
    let operations = operations(&root)?;
    ensure!(
        said.contains(&format!("{operations} selected / {operations} total")),
        "not every call was tested:\n{said}"
    );
    Ok(())
}

/// An owner, as the file of the Web Fuzzing Commons has it.
fn entry(name: &str, key: &str) -> String {
    let header = format!("{{ name: Authorization, value: Bearer {key} }}");
    format!("  - {{ name: {name}, fixedHeaders: [{header}] }}\n")
}

fn operations(root: &Path) -> Result<usize> {
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(root.join("docs/openapi.json"))?)?;
    let paths = document["paths"].as_object().context("the document has no paths")?;
    Ok(paths.values().filter_map(|path| path.as_object()).map(serde_json::Map::len).sum())
}
