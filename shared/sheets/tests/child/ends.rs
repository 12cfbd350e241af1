//! How a child can end without an answer, and what that says.

use std::time::{Duration, Instant};

use filas_sheets::child::ReaderProgram;
use filas_sheets::{ReadError, ReadOptions};
use filas_testkit::workbooks::XlsParts;

use crate::{OnDisk, Test, read_by};

pub const TESTS: &[Test] = &[
    ("a_child_that_dies_is_an_outcome_of_the_file", a_child_that_dies_is_an_outcome_of_the_file),
    ("a_child_without_memory_names_the_limit", a_child_without_memory_names_the_limit),
    ("a_child_that_hangs_is_ended_at_its_time", a_child_that_hangs_is_ended_at_its_time),
    ("a_child_that_cannot_start_is_trouble_of_the_machine", a_child_that_cannot_start_is_trouble_of_the_machine),
    ("a_child_ended_from_outside_is_trouble_of_the_machine", a_child_ended_from_outside_is_trouble_of_the_machine),
    ("a_child_sees_nothing_of_the_environment", a_child_sees_nothing_of_the_environment),
    ("nothing_stays_behind", nothing_stays_behind),
];

/// What a child says before it looks at the file: that it may use 512 MiB.
const BEGUN: &str = "printf 'B\\010\\000\\000\\000\\000\\000\\000\\040\\000\\000\\000\\000'";

/// A child that does what the shell is told.
fn shell(script: &str) -> ReaderProgram {
    ReaderProgram::other("/bin/sh", ["-c", script])
}

fn workbook() -> OnDisk {
    OnDisk::new("a.xls", &XlsParts::new().text(0, 0, "a").number(1, 0, 1.0).build())
}

fn error_of(script: &str, options: &ReadOptions) -> ReadError {
    read_by(&shell(script), &workbook().path, options).expect_err("there was no answer")
}

fn a_child_that_dies_is_an_outcome_of_the_file() {
    let check = |script: &str, words: &[&str]| {
        let error = error_of(&format!("{BEGUN}; {script}"), &ReadOptions::default());
        assert_eq!((error.code(), error.is_transient()), ("FILE_CRASHES_READER", false), "{script}: {error}");
        for word in words.iter().chain(&["save it as xlsx"]) {
            assert!(error.to_string().contains(word), "{script}: {error}");
        }
    };
    check("kill -SEGV $$", &["signal 11"]);
    check("kill -ABRT $$", &["signal 6"]);
    check("kill -KILL $$", &["signal 9"]);
    check("exit 101", &["exit code 101"]);
    check("exit 0", &["exit code 0"]);
    check(
        "printf \"thread 'main' panicked at a.rs:1:\\nindex out of bounds\\n\" >&2; exit 101",
        &["index out of bounds"],
    );
    check("printf 'Q\\001\\000\\000\\000x'; exec /bin/sleep 60", &[]);
    check("printf 'R\\377\\377\\377\\377x'; exec /bin/sleep 60", &[]);
    check("printf 'D\\002\\000\\000\\000{}'", &[]);
    // It says that there were five rows, and there was none.
    let five = r#"{"sheet":null,"rows":5,"bad_rows":0,"cells":0,"output_bytes":0}"#;
    check(&format!("printf 'D\\{:03o}\\000\\000\\000{five}'", five.len()), &[]);
    // More on standard error than a pipe holds.
    check("/usr/bin/head -c 1000000 /dev/zero >&2; exit 3", &["exit code 3"]);
}

/// The library copies a shared string for every cell that points to it: here 600 MB of text from 1 MB.
fn a_child_without_memory_names_the_limit() {
    let long = "x".repeat(32_000);
    let mut parts = XlsParts::new().strings(&["id", &long]).shared(0, 0, 0);
    for row in 1..20_000 {
        parts = parts.shared(row, 0, 1);
    }
    let file = OnDisk::new("a.xls", &parts.build());
    for megabytes in [64, 256] {
        let mut options = ReadOptions::default();
        options.limits.memory_bytes = megabytes << 20;
        let read = read_by(&ReaderProgram::this(), &file.path, &options);
        if cfg!(target_os = "linux") {
            let error = read.unwrap_err();
            let limit = error.problem().and_then(|problem| problem.limit.clone()).unwrap();
            assert_eq!((error.code(), limit.name, limit.allowed), ("LIMIT_EXCEEDED", "memory_bytes", megabytes << 20));
            assert!(limit.found > limit.allowed, "{limit:?}");
        }
    }
}

fn a_child_that_hangs_is_ended_at_its_time() {
    let check = |change: fn(&mut ReadOptions), limit: &str| {
        let mut options = ReadOptions::default();
        change(&mut options);
        let begun = Instant::now();
        let error = error_of(&format!("{BEGUN}; exec /bin/sleep 60"), &options);
        let took = begun.elapsed();
        let found = error.problem().and_then(|problem| problem.limit.as_ref()).map(|limit| limit.name);
        assert_eq!((error.code(), found), ("LIMIT_EXCEEDED", Some(limit)), "{error}");
        assert!((Duration::from_millis(300)..Duration::from_secs(30)).contains(&took), "{took:?}");
    };
    check(|options| options.limits.time = Duration::from_millis(300), "time_seconds");
    check(|options| options.deadline = Some(Instant::now() + Duration::from_millis(300)), "deadline_seconds");
}

fn a_child_that_cannot_start_is_trouble_of_the_machine() {
    let check = |program: &ReaderProgram| {
        let error = read_by(program, &workbook().path, &ReadOptions::default()).unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(error.to_json().contains("cannot start the process"), "{}", error.to_json());
    };
    check(&ReaderProgram::other("/nonexistent", [""; 0]));
    check(&ReaderProgram::other("/bin/false", [""; 0]));
    // A program whose `main` does not serve, as far as can be told.
    check(&shell("echo usage; exit 2"));
    check(&shell("kill -SEGV $$"));
}

fn a_child_ended_from_outside_is_trouble_of_the_machine() {
    for (signal, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        // Who starts the tests in the background, or by nohup, has them and all their children ignore it.
        if is_ignored(number) {
            continue;
        }
        let error = error_of(&format!("{BEGUN}; kill -{signal} $$"), &ReadOptions::default());
        assert!(error.is_transient(), "{signal}: {error}");
    }
}

/// Whether this process ignores the signal, where that can be told.
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored >> (number - 1) & 1 == 1
}

fn a_child_sees_nothing_of_the_environment() {
    // The shell itself adds these three.
    let script = format!("{BEGUN}; /usr/bin/env | /bin/grep -v -e ^PWD= -e ^SHLVL= -e ^_= >&2; exit 7");
    let error = error_of(&script, &ReadOptions::default());
    assert!(error.to_string().contains("(exit code 7)"), "{error}");
}

/// No process that was started, ended by whom it may be, is left over, not even unreaped.
fn nothing_stays_behind() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let task = format!("/proc/self/task/{}/children", std::process::id());
    let _ = read_by(&ReaderProgram::this(), &workbook().path, &ReadOptions::default());
    let _ = error_of(&format!("{BEGUN}; exec /bin/sleep 60 <&- >&- 2>&-"), &ReadOptions::default());
    if let Ok(children) = std::fs::read_to_string(task) {
        assert_eq!(children.trim(), "");
    }
}
