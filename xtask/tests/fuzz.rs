//! `cargo xtask fuzz`: some thousand damaged files of every format, and what it makes of a reader that misbehaves.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn fuzz(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let Output { status, stdout, stderr } =
        command.arg("fuzz").args(arguments).env("CARGO_MANIFEST_DIR", root()).output().unwrap();
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn five_thousand_damaged_files_end_in_rows_or_in_an_error_of_the_file() {
    let binary = ["--format", "xls", "--mutants", "200"];
    let ours = "xlsx,xlsb,ods,csv,json".split(',').flat_map(|name| ["--format", name]);
    let ours: Vec<&str> = ours.chain(["--mutants", "4800"]).collect();
    for arguments in [binary.as_slice(), &ours] {
        let (is_fine, told) = fuzz(arguments);
        assert!(is_fine, "{told}");
    }
}

#[test]
fn a_reader_that_misbehaves_is_told_kept_and_repeated() {
    for (seed, plant, told) in [
        ("7001", "panic@17", "a panic: "),
        ("7002", "abort@17", "an abort, signal 6"),
        ("7003", "hang@17", "a hang: more than 0.5 s"),
        ("7004", "memory@17", "an abort, signal 6"),
    ] {
        let arguments = ["--format", "csv", "--seed", seed, "--hang-seconds", "0.5", "--plant", plant];
        let (is_fine, output) = fuzz(&[&arguments[..], &["--mutants", "40", "--workers", "1"]].concat());
        assert!(!is_fine, "{plant}: {output}");
        assert!(output.contains(&format!("FAILED csv seed {seed} number 17: {told}")), "{plant}: {output}");
        // The 39 others are read all the same.
        assert!(output.contains("| csv | 40 |") && output.contains("1 mutants failed"), "{plant}: {output}");
        let kept = root().join(format!(".filas/fuzz/csv-{seed}-17.csv"));
        assert!(kept.is_file(), "{plant}: {output}");
        let (is_fine, output) = fuzz(&["--replay", kept.to_str().unwrap()]);
        assert!(is_fine, "the file itself is harmless: {output}");
        let (is_fine, output) = fuzz(&[&arguments[..], &["--only", "17"]].concat());
        assert!(!is_fine && output.contains("number 17"), "{plant}: {output}");
        std::fs::remove_file(kept).unwrap();
    }
}
