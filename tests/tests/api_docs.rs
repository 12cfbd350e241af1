//! docs/API.md: every line in it runs, and is answered with what is written there.
//!
//! Ids, times, rates and addresses are another each time, and only have to be there. With `FILAS_WRITE_DOCS=1` the answers
//! are written anew.
#![cfg(feature = "cloud")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use filas_domain::TaskId;
use filas_domain::access::{KeyId, KeyText};
use filas_domain::batch::BatchState;
use filas_domain::problem::Problem;
use filas_domain::trace::TraceParent;
use filas_e2e::{PATIENCE, Stack};
use serde_json::Value;

/// What stands in for what is another each time.
const ANY: &str = "~";

/// Members that are another each time.
const VOLATILE: [&str; 23] = [
    "lambda_gb_seconds",
    "lambda_requests",
    "sqs_requests",
    "s3_writes",
    "s3_reads",
    "table_reads",
    "table_writes",
    "dollars",
    "ticket",
    "rows_per_second",
    "seconds_left",
    "worker",
    "url",
    "visible",
    "in_flight",
    "delayed",
    "next_cursor",
    "version",
    "attempts",
    "headers",
    "micros",
    "slowest_micros",
    "ended",
];

/// A thing on the page: a fenced block, or a remark for this program.
enum Piece<'a> {
    Block { language: &'a str, text: &'a str, range: std::ops::Range<usize> },
    Remark(Vec<&'a str>),
}

/// The page as it runs.
struct Run {
    stack: Stack,
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    said: String,
    is_quiet: bool,
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md")
}

fn pieces(page: &str) -> Result<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < page.len() {
        let line_end = page[from..].find('\n').map_or(page.len(), |at| from + at + 1);
        let line = &page[from..line_end];
        if let Some(language) = line.strip_prefix("```") {
            let length = match page[line_end..].starts_with("```") {
                true => 0,
                false => page[line_end..].find("\n```").context("a block without an end")? + 1,
            };
            let range = line_end..line_end + length;
            pieces.push(Piece::Block { language: language.trim(), text: &page[range.clone()], range: range.clone() });
            from = range.end + 4;
            continue;
        }
        if let Some(remark) = line.trim().strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) {
            pieces.push(Piece::Remark(remark.split(' ').collect()));
        }
        from = line_end;
    }
    Ok(pieces)
}

impl Run {
    fn shell(&mut self, script: &str) -> Result<()> {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env("FILAS_URL", &self.stack.url)
            .env("FILAS_KEY", &self.stack.key)
            .envs(&self.variables)
            .output()?;
        ensure!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        self.said = String::from_utf8(output.stdout)?;
        Ok(())
    }

    fn task(&self, variable: &str) -> Result<TaskId> {
        Ok(self.variables.get(variable).with_context(|| format!("there is no {variable}"))?.parse()?)
    }

    fn remark(&mut self, words: &[&str]) -> Result<()> {
        match *words {
            ["file", _] => {}
            ["quiet"] => self.is_quiet = true,
            ["let", name, "=", pointer] => {
                let answer: Value = serde_json::from_str(&self.said)?;
                let value = answer.pointer(pointer).and_then(Value::as_str);
                let value = value.with_context(|| format!("no {pointer} in {answer}"))?;
                self.variables.insert(name.to_owned(), value.to_owned());
            }
            ["wait", name] => drop(self.stack.wait(self.task(name)?)?),
            ["held", name] => self.until_held(self.task(name)?)?,
            _ => bail!("a remark that nobody knows: {words:?}"),
        }
        Ok(())
    }

    /// Waits until a worker has the task's first batch.
    fn until_held(&self, id: TaskId) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let batches = self.stack.client().batches(id, 1)?;
            if batches.first().is_some_and(|batch| batch.state == BatchState::Processing) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("no worker took a batch of {id}")
    }

    /// What was said, as it is written on the page.
    fn shown(&self, language: &str) -> Result<String> {
        match language {
            "json" => {
                let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&self.said)?)?;
                // A signature is long, good for minutes and says nothing.
                Ok(pretty.lines().map(|line| format!("{}\n", shortened(line))).collect())
            }
            "text" => Ok(self.said.clone()),
            "http" => {
                let head = self.said.lines().map(str::trim_end).take_while(|line| !line.is_empty());
                let telling = head.filter(|line| {
                    let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
                    line.starts_with("HTTP/") || name == "location"
                });
                Ok(telling.map(|line| format!("{}\n", shortened(line))).collect())
            }
            other => bail!("a block of {other:?} that nobody checks"),
        }
    }
}

/// A line without the signature of an address in it.
fn shortened(line: &str) -> String {
    match line.split_once('?') {
        Some((before, rest)) if rest.contains("X-Amz-") => {
            format!("{before}?…{}", rest.find('"').map_or("", |end| &rest[end..]))
        }
        _ => line.to_owned(),
    }
}

/// The same without what is another each time.
fn steady(text: &str, language: &str) -> Result<String> {
    if language != "json" {
        return Ok(text.split_inclusive([' ', '/', '\n', '"']).map(steady_word).collect());
    }
    let mut value = serde_json::from_str(text).with_context(|| format!("not JSON: {text}"))?;
    steady_value(&mut value);
    Ok(serde_json::to_string_pretty(&value)?)
}

fn steady_word(word: &str) -> String {
    let inner = word.trim_end_matches([' ', '/', '\n', '"']);
    let is_id = inner.get(..36).is_some_and(|id| id.parse::<TaskId>().is_ok());
    let is_place = inner.contains("127.0.0.1") || inner.contains("localhost");
    // A bucket has the stack's name in its own, which is another at each endpoint, and then the account.
    let is_bucket = inner.contains("-000000000000-");
    // Files of results lie under the millisecond at which their task ended.
    let is_moment = inner.len() == 13 && inner.bytes().all(|byte| byte.is_ascii_digit());
    let is_key = inner.parse::<KeyId>().is_ok() || KeyText::parse(inner).is_some();
    let is_trace = inner.parse::<TraceParent>().is_ok();
    if is_id || is_place || is_bucket || is_moment || is_key || is_trace {
        ANY.to_owned() + &word[inner.len()..]
    } else {
        word.to_owned()
    }
}

fn steady_value(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if VOLATILE.contains(&name.as_str()) && !member.is_array() {
                    *member = ANY.into();
                } else {
                    steady_value(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(steady_value),
        Value::String(text) => {
            let is_time = text.len() > 18 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
            let words: String = text.split_inclusive(['/', '\'', ' ']).map(steady_word).collect();
            let with_id = text.split('\'').any(|part| part.parse::<TaskId>().is_ok());
            *text = if is_time || with_id { ANY.to_owned() } else { words };
        }
        _ => {}
    }
}

#[test]
fn every_call_is_answered_as_the_page_says() -> Result<()> {
    let written = std::fs::read_to_string(page())?;
    let mut run = Run {
        stack: Stack::main()?,
        folder: tempfile::tempdir()?,
        variables: BTreeMap::new(),
        said: String::new(),
        is_quiet: false,
    };
    let (mut anew, mut shift, mut answers, mut differences) = (written.clone(), 0_isize, 0, Vec::new());
    let mut file = None;
    for piece in pieces(&written)? {
        match piece {
            Piece::Remark(words) => {
                if let ["file", name] = words[..] {
                    file = Some(name);
                }
                run.remark(&words)?;
            }
            Piece::Block { language: "csv" | "yaml", text, .. } => {
                std::fs::write(run.folder.path().join(file.take().context("a file without a name")?), text)?;
            }
            Piece::Block { language: "sh", text, .. } => run.shell(text)?,
            Piece::Block { language, text, range } => {
                let now = run.shown(language)?;
                answers += 1;
                if steady(&now, language)? != steady(if text.is_empty() { "null" } else { text }, language)? {
                    differences.push(format!("written:\n{text}\nanswered:\n{now}"));
                }
                let at = |place: usize| usize::try_from(isize::try_from(place)? + shift).map_err(anyhow::Error::from);
                anew.replace_range(at(range.start)?..at(range.end)?, &now);
                shift += isize::try_from(now.len())? - isize::try_from(text.len())?;
            }
        }
    }
    ensure!(answers > 20, "only {answers} answers on the page");
    if std::env::var_os("FILAS_WRITE_DOCS").is_some() {
        std::fs::write(page(), anew)?;
        return Ok(());
    }
    ensure!(differences.is_empty(), "docs/API.md is not what happens: {}", differences.join("\n\n"));
    Ok(())
}

#[test]
fn every_call_of_the_document_and_every_kind_of_problem_is_on_the_page() -> Result<()> {
    let page = std::fs::read_to_string(page())?;
    let document: Value = serde_json::from_str(&std::fs::read_to_string(page_beside("openapi.json"))?)?;
    let lines: Vec<(String, Vec<&str>)> = page.lines().filter_map(call_of).collect();
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for method in methods.as_object().context("no methods")?.keys() {
            let is_there = lines.iter().any(|(called, segments)| called == method && leads_to(segments, path));
            ensure!(is_there, "docs/API.md has no curl line for {method} {path}");
        }
    }
    for kind in Problem::KINDS {
        ensure!(page.contains(&format!("\n### /problems/{kind}\n")), "docs/API.md does not explain {kind}");
    }
    Ok(())
}

/// The method and the path's segments of a curl line.
fn call_of(line: &str) -> Option<(String, Vec<&str>)> {
    let url = line.trim().strip_prefix("curl ")?.split_once("$FILAS_URL/")?.1.split(['"', '?']).next()?;
    let method = line.split_once("-X ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or("GET");
    Some((method.to_ascii_lowercase(), url.split('/').collect()))
}

/// Whether these segments are the path's; its parameters may be anything.
fn leads_to(segments: &[&str], path: &str) -> bool {
    let wanted: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    wanted.len() == segments.len()
        && wanted.iter().zip(segments).all(|(wanted, segment)| wanted.starts_with('{') || wanted == segment)
}

fn page_beside(name: &str) -> PathBuf {
    page().with_file_name(name)
}
