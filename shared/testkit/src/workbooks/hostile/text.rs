//! csv and JSON.

use super::{limit, named};
use crate::workbooks::broken::Broken;

pub(super) fn all() -> Vec<Broken> {
    let csv = |what, text: String, name| limit("a.csv", what, text.into_bytes(), name);
    let json = |what, text: String, name| limit("a.json", what, text.into_bytes(), name);
    let lines = |what, text: String, name| limit("a.ndjson", what, text.into_bytes(), name);
    let names: Vec<String> = (0..20_000).map(|name| format!("n{name}")).collect();
    let small = 4 << 20;
    vec![
        csv("a quote that is never closed", format!("id,note\n1,\"{}", "lorem,\n".repeat(small / 7)), "cell_bytes"),
        csv("one huge field", format!("id,note\n1,{}\n", "x".repeat(small)), "cell_bytes"),
        csv("one huge row", format!("id\n{}", format!("{},", "x".repeat(1000)).repeat(small / 1000)), "record_bytes"),
        csv("one huge name", "x".repeat(small), "cell_bytes"),
        csv("more columns than a sheet has", format!("{}\n1\n", names.join(",")), "columns"),
        csv("more rows than a sheet has", format!("id\n{}", "1\n".repeat(1_048_577)), "rows"),
        named("a.csv", "a quoted name that is never closed", b"\"id,note\n1,2\n".to_vec(), "FILE_CORRUPT"),
        json("deep nesting", format!("[{}", "[".repeat(small)), "nesting"),
        json("deep nesting of objects", format!("[{}", "{\"a\":".repeat(small / 5)), "nesting"),
        json("one huge element", format!("[{{\"a\":\"{}\"}}]", "x".repeat(small)), "record_bytes"),
        json("one huge number", format!("[{{\"a\":{}}}]", "9".repeat(small)), "record_bytes"),
        lines("one huge line", format!("{{\"a\":\"{}\"}}", "x".repeat(small)), "record_bytes"),
    ]
}
