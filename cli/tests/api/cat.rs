//! `filas cat` on generated files.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::fake::{Said, filas, file};
use filas_testkit::workbooks::XlsParts;
use rust_xlsxwriter::Workbook;
use serde_json::Value;

fn cat(name: &str, content: &[u8], more: &[&str]) -> Said {
    let (_folder, path) = file(name, content);
    Said::from(filas(&[&["cat", &path], more].concat()).output().unwrap())
}

fn workbook() -> Vec<u8> {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("first").unwrap().write_row(0, 0, ["x"]).unwrap();
    let orders = workbook.add_worksheet().set_name("orders").unwrap();
    orders.write_row(0, 0, ["a title above"]).unwrap();
    orders.write_row(1, 0, ["sku", "quantity", "paid", "note"]).unwrap();
    orders.write_string(2, 0, "007").unwrap();
    orders.write_number(2, 1, 3).unwrap();
    orders.write_boolean(2, 2, true).unwrap();
    workbook.save_to_buffer().unwrap()
}

#[test]
fn rows_come_out_as_records_with_their_meaning() {
    let said = cat("orders.xlsx", &workbook(), &["--sheet", "orders", "--header-row", "2"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    assert_eq!(said.stdout, "{\"sku\":\"007\",\"quantity\":3,\"paid\":true,\"note\":null}\n");
}

#[test]
fn rows_are_numbered_as_in_the_spreadsheet() {
    let said = cat("orders.xlsx", &workbook(), &["--sheet", "2", "--header-row", "2", "--numbered"]);
    assert_eq!(said.stdout, "{\"row\":3,\"record\":{\"sku\":\"007\",\"quantity\":3,\"paid\":true,\"note\":null}}\n");
}

#[test]
fn a_row_that_cannot_be_read_is_told_and_the_others_come_out() {
    let said = cat("a.csv", b"a,b\n1,2\n3\n4,5\n", &[]);
    assert_eq!(said.code, 3, "{said:?}");
    assert_eq!(said.stdout.lines().count(), 2, "{said:?}");
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    let told: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!((told["row"].clone(), told["error"]["code"].clone()), (3.into(), "RAGGED_ROW".into()));
}

#[test]
fn a_refused_file_is_2_and_one_json_object() {
    let check = |name: &str, content: &[u8], more: &[&str]| {
        let said = cat(name, content, more);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
        let told: Value = serde_json::from_str(&said.stderr).unwrap();
        assert!(told["code"].is_string() && told["message"].is_string(), "{told}");
    };
    let whole = workbook();
    check("empty.csv", b"", &[]);
    check("cut.xlsx", &whole[..whole.len() / 2], &[]);
    check("junk.xlsx", b"PK\x03\x04 and then nothing of the sort", &[]);
    check("orders.xlsx", &whole, &["--sheet", "missing"]);
    check("a.csv", b"a,a\n1,2\n", &[]);
}

#[test]
fn a_file_that_is_not_there_is_1_and_one_json_object() {
    let (folder, path) = file("a.csv", b"a\n1\n");
    for wrong in [format!("{path}.missing"), folder.path().to_str().unwrap().to_owned()] {
        let said = Said::from(filas(&["cat", &wrong]).output().unwrap());
        assert_eq!(said.code, 1, "{said:?}");
        let told: Value = serde_json::from_str(&said.stderr).unwrap();
        assert!(told["message"].as_str().unwrap().contains(&wrong), "{told}");
    }
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let check = |name: &str, content: &[u8]| {
        let (_folder, path) = file(name, content);
        let mut child = filas(&["cat", &path]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["b"], "some text to fill the pipe");
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{name}");
    };
    let csv = format!("a,b\n{}", "1,some text to fill the pipe\n".repeat(100_000));
    check("a.csv", csv.as_bytes());
    // Read in a process of its own, which has to end too.
    let xls = (1..20_000).fold(XlsParts::new().text(0, 0, "a").text(0, 1, "b"), |parts, row| {
        parts.number(row, 0, 1.0).text(row, 1, "some text to fill the pipe")
    });
    check("a.xls", &xls.build());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_not_taken_for_a_reader_that_left() {
    let (_folder, path) = file("a.csv", b"a\n1\n");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let said = Said::from(filas(&["cat", &path]).stdout(full).stderr(Stdio::piped()).output().unwrap());
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("MACHINE_TROUBLE"), "{said:?}");
}
