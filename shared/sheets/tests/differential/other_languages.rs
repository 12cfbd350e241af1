//! Workbooks of XlsxWriter and openpyxl read by us, and our workbooks read by openpyxl, xlrd and pyxlsb.
//!
//! `cargo xtask test` makes the Python environment and names its interpreter in `FILAS_TEST_READERS`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use filas_testkit::workbooks::random::by_hand::{self, Habits};
use filas_testkit::workbooks::random::{RandomSheet, Value, by_library, old_binary, other_formats};

use crate::cell::{Cell, Cells, ours_says, says, values};
use crate::explained::{assert_all_needed, compare, without_escapes};
use crate::random_workbooks::seeds;
use crate::{calamine_reader, ours};

const SEEDS: u64 = 40;

type Truth = BTreeMap<(u32, u32), Value>;

/// A file, what wrote it, and what it says.
struct Written {
    path: PathBuf,
    writer: &'static str,
    seed: u64,
    truth: Truth,
}

/// The files of all seeds by our own writers, and those that Python is going to write.
fn files(folder: &Path) -> Vec<Written> {
    let mut files = Vec::new();
    for seed in seeds(SEEDS) {
        let sheet = RandomSheet::new(seed);
        let mut add = |name: &str, writer: &'static str, bytes: Option<Vec<u8>>, sheet: &RandomSheet| {
            let path = folder.join(format!("{seed:04}{name}"));
            if let Some(bytes) = bytes {
                std::fs::write(&path, bytes).unwrap();
            }
            files.push(Written { path, writer, seed, truth: values(sheet) });
        };
        let habits = Habits::new(seed);
        let by_hand = by_hand::truth(&sheet, habits);
        add("-hand.xlsx", "by hand", Some(by_hand::write(&by_hand, habits)), &by_hand);
        let (xlsb, truth) = other_formats::xlsb(&sheet);
        add(".xlsb", "by hand", Some(xlsb), &truth);
        add(".xls", "by hand", Some(old_binary::xls(&sheet)), &sheet);
        add("-library.xlsx", "rust_xlsxwriter", None, &sheet);
        by_library::write(&sheet, &folder.join(format!("{seed:04}-library.xlsx"))).unwrap();
        std::fs::write(folder.join(format!("{seed:04}.json")), sheet.to_json()).unwrap();
        add("-xlsxwriter.xlsx", "XlsxWriter", None, &with_sixteen_digits(&sheet));
        add("-openpyxl.xlsx", "openpyxl", None, &as_openpyxl_writes(&sheet));
    }
    files
}

/// Both writers write numbers with 16 digits.
fn with_sixteen_digits(sheet: &RandomSheet) -> RandomSheet {
    map(sheet, |value| match value {
        Value::Number(number) => Value::Number(format!("{number:.15e}").parse().unwrap()),
        other => other,
    })
}

/// openpyxl refuses control characters, so the script leaves them out; and it writes a text that looks like an escape as
/// it is, so that it is one.
fn as_openpyxl_writes(sheet: &RandomSheet) -> RandomSheet {
    map(&with_sixteen_digits(sheet), |value| match value {
        Value::Text(text) => {
            let text: String =
                text.chars().filter(|character| *character >= ' ' || "\t\n\r".contains(*character)).collect();
            // XML makes one line feed of each of these.
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            // A text that Python takes for nothing but white space gets no xml:space, so its edges do not count.
            let kept = if text.trim().is_empty() { text.trim_matches([' ', '\t', '\n']) } else { &text };
            Value::Text(without_escapes(kept))
        }
        other => other,
    })
}

fn map(sheet: &RandomSheet, change: impl Fn(Value) -> Value) -> RandomSheet {
    let mut sheet = sheet.clone();
    for value in sheet.rows.iter_mut().flatten() {
        *value = change(std::mem::replace(value, Value::Empty));
    }
    sheet
}

fn run_python(folder: &Path) {
    let python = std::env::var_os("FILAS_TEST_READERS")
        .expect("FILAS_TEST_READERS names the Python of tests/readers/requirements.txt: run cargo xtask test");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/write_and_read.py");
    let output = Command::new(python).arg(script).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a reader of Python found in a file.
fn cells_of_python(path: &Path) -> Result<Cells, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".cells");
    let text = std::fs::read_to_string(name).unwrap();
    if let Ok((_, reason)) = serde_json::from_str::<(String, String)>(&text) {
        return Err(reason);
    }
    let cell = |line: &str| {
        let (row, column, kind, text): (u32, u32, String, String) = serde_json::from_str(line).unwrap();
        let cell = match kind.as_str() {
            "text" => Cell::Text(text),
            "number" => Cell::Number(text.parse().unwrap()),
            "bool" => Cell::Bool(text == "true"),
            "error" => Cell::Error(text),
            "serial" => Cell::Serial(text.parse().unwrap()),
            "clock" => Cell::Clock(text),
            "seconds" => Cell::Seconds(text.parse().unwrap()),
            other => panic!("a new kind of cell: {other}"),
        };
        ((row, column), cell)
    };
    Ok(text.lines().map(cell).collect())
}

#[test]
#[ignore = "needs the Python of tests/readers/requirements.txt: cargo xtask test runs it"]
fn readers_and_writers_of_another_language_agree_with_ours() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    run_python(folder.path());
    let mut wrong = Vec::new();
    for file in &files {
        let extension = file.path.extension().unwrap().to_str().unwrap();
        let python = match extension {
            "xlsx" => "openpyxl",
            "xls" => "xlrd",
            _ => "pyxlsb",
        };
        let mut judge = |reader: &str, cells: Result<Cells, String>, says: fn(&Cell, &Value) -> bool| {
            let judged = cells.and_then(|cells| compare(reader, &file.truth, &cells, says));
            wrong.extend(judged.err().map(|reason| format!("seed {} by {}: {reason}", file.seed, file.writer)));
        };
        judge(&format!("ours {extension}"), ours::read(&file.path), ours_says);
        if file.writer == "by hand" && extension == "xlsx" && Habits::new(file.seed).strict {
            assert_eq!(cells_of_python(&file.path), Ok(Cells::new()), "openpyxl sees nothing in a strict file");
        } else {
            judge(python, cells_of_python(&file.path), says);
        }
        if matches!(file.writer, "XlsxWriter" | "openpyxl") {
            judge("calamine xlsx", calamine_reader::read(&file.path), says);
        }
    }
    let shown: Vec<&String> = wrong.iter().take(30).collect();
    assert!(wrong.is_empty(), "{} of {} files are read wrongly:\n{shown:#?}", wrong.len(), files.len());
    assert_all_needed(&["openpyxl", "xlrd", "pyxlsb"]);
}
