//! docs/PIPELINES.md: every pipeline in it compiles, and rows that follow one end as is written there.
//!
//! `FILAS_WRITE_DOCS=1` writes the outcomes anew.

use std::path::{Path, PathBuf};

use filas_pipeline::check::{Verdict, check};
use filas_pipeline::{Pipeline, SourceRow, Variables, parse};

use crate::context;

/// A fenced block: its language, and its text with where it lies.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
    range: std::ops::Range<usize>,
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PIPELINES.md")
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut from = 0;
    while let Some(open) = page[from..].find("\n```").map(|at| from + at + 4) {
        let begin = open + page[open..].find('\n').unwrap() + 1;
        // A block may be empty.
        let end = begin - 1 + page[begin - 1..].find("\n```").unwrap() + 1;
        blocks.push(Block { language: &page[open..begin - 1], text: &page[begin..end], range: begin..end });
        from = end + 3;
    }
    blocks
}

fn compile(yaml: &str) -> Pipeline {
    let variables = Variables::new()
        .with("PARTNER_URL", "https://partner.example")
        .with("CATALOG_URL", "https://catalog.example")
        .with("ORDERS_QUEUE_URL", "https://sqs.example/1/orders");
    Pipeline::compile(&parse(yaml).unwrap(), &variables).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

async fn outcomes(pipeline: &Pipeline, rows: &str) -> String {
    let rows = rows.lines().map(|line| SourceRow::parse(line.as_bytes()).unwrap()).collect();
    let report = check(pipeline, rows, &context()).await;
    let mut told = String::new();
    for row in report.rows {
        let what = match row.verdict {
            Verdict::Passed => row.record.unwrap().get().to_owned(),
            Verdict::Failed(failure) => format!("{} {}", failure.code, failure.message),
            Verdict::Interrupted { reason } => panic!("{reason}"),
        };
        told += &format!("{} {what}\n", row.row);
    }
    told
}

#[tokio::test]
async fn the_documented_pipelines_do_what_the_page_says() {
    let written = std::fs::read_to_string(page()).unwrap();
    let (mut page_now, mut shift) = (written.clone(), 0_isize);
    let (mut pipelines, mut runs) = (0, 0);
    let (mut pipeline, mut rows) = (None, "");
    for block in blocks(&written) {
        match block.language {
            "yaml" => {
                pipeline = Some(compile(block.text));
                pipelines += 1;
            }
            "ndjson" => rows = block.text,
            "text" => {
                let told = outcomes(pipeline.as_ref().unwrap(), rows).await;
                let at = |place: usize| usize::try_from(isize::try_from(place).unwrap() + shift).unwrap();
                page_now.replace_range(at(block.range.start)..at(block.range.end), &told);
                shift += isize::try_from(told.len()).unwrap() - isize::try_from(block.text.len()).unwrap();
                runs += 1;
            }
            other => panic!("a block of {other:?} that nobody checks"),
        }
    }
    assert!(pipelines >= 5 && runs >= 2, "{pipelines} pipelines, {runs} runs");
    if std::env::var_os("FILAS_WRITE_DOCS").is_some() {
        std::fs::write(page(), page_now).unwrap();
    } else {
        assert!(page_now == written, "docs/PIPELINES.md says something else than happens; it should be\n{page_now}");
    }
}
