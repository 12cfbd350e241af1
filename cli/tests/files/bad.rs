//! Files that cannot be read.

use filas_testkit::workbooks::broken::{self, Broken};
use serde_json::Value;

use crate::measured::{Measured, cat};
use crate::{OnDisk, alone};

/// What a run may have, whatever the file.
const MEGABYTES: u64 = 64;

/// What a person can do, in the words of the messages.
const ADVICE: [&str; 9] =
    ["split", "save it", "upload", "give every column", "name it", "name the", "put the names", "remove", "say which"];

/// Each file is told as what it is: by an exit code, and one JSON object that says what to do.
fn check(files: fn() -> Vec<Broken>) {
    let _alone = alone();
    // On disk before anything is measured: this process is to be small by then.
    let files: Vec<(OnDisk, Broken)> = files()
        .into_iter()
        .map(|file| (OnDisk::new(file.filename, &file.bytes), Broken { bytes: Vec::new(), ..file }))
        .collect();
    let mut wrong = Vec::new();
    for (on_disk, file) in &files {
        let run = cat(&on_disk.path, MEGABYTES);
        let peak = run.peak_bytes.div_ceil(1 << 20);
        println!("{:6.3} s {peak:3} MB  {:<48} {}", run.time.as_secs_f64(), shown(file), told(&run));
        if let Err(why) = judge(file, &run) {
            wrong.push(format!("{}: {why}\n{run:?}", shown(file)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

fn shown(file: &Broken) -> String {
    format!("{} ({})", file.what, file.filename)
}

/// What was said, in short.
fn told(run: &Measured) -> String {
    let told: Value = serde_json::from_str(&run.stderr).unwrap_or_default();
    [&told["code"], &told["limit"]["name"]].map(|name| name.as_str().unwrap_or_default()).join(" ")
}

fn judge(file: &Broken, run: &Measured) -> Result<(), String> {
    if run.peak_bytes >= MEGABYTES << 20 {
        return Err(format!("{} bytes at once", run.peak_bytes));
    }
    let Some(code) = file.code else {
        return if (run.code, run.stdout_bytes, run.stderr.as_str()) == (Some(0), 0, "") {
            Ok(())
        } else {
            Err("it is fine and has no rows".to_owned())
        };
    };
    if run.code != Some(2) || run.stderr.lines().count() != 1 {
        return Err("that is not exit code 2 and one line".to_owned());
    }
    let told: Value = serde_json::from_str(&run.stderr).map_err(|error| error.to_string())?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if (text(&told["code"]), text(&told["limit"]["name"])) != (code.to_owned(), file.limit.unwrap_or("").to_owned()) {
        return Err(format!("it should be {code} {:?}", file.limit));
    }
    let numbers = [&told["limit"]["allowed"], &told["limit"]["found"]].map(Value::as_u64);
    if file.limit.is_some() && !matches!(numbers, [Some(allowed), Some(found)] if found > allowed) {
        return Err("the numbers of the limit are missing, or no breach".to_owned());
    }
    let message = text(&told["message"]);
    if !ADVICE.iter().any(|words| message.contains(words)) {
        return Err("it does not say what to do".to_owned());
    }
    Ok(())
}

#[test]
fn a_file_uploaded_by_mistake_is_told_as_what_it_is() {
    check(broken::everyday);
}

#[test]
fn a_hostile_file_costs_little_and_names_its_limit() {
    check(broken::hostile);
}
