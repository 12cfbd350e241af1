//! One run: files in, faults, recovery, and the books.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::view::TaskView;
use filas_testkit::partner::JournalEntry;
use rust_xlsxwriter::Workbook as Xlsx;

use super::again::{self, Again};
use super::books::Findings;
use super::faults::{self, Done, Tasks};
use super::opened::Opened;
use super::plan::{Plan, Workbook};
use super::scene::{self, Scene};

/// How long after the last fault a task may take to end.
const RECOVERY_LIMIT: Duration = Duration::from_secs(120);
/// How often a task is looked at until it ends.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the sweeper is called meanwhile; by itself it comes every minute.
const SWEEP_EVERY: Duration = Duration::from_secs(2);

/// What came of a run.
#[derive(Debug, Default)]
pub struct Ran {
    /// What was done to it.
    pub done: Done,
    /// What the books have against each other.
    pub findings: Findings,
    /// From the last fault until the last task ended.
    pub recovery: Duration,
    /// The tasks as they ended.
    pub tasks: Vec<TaskView>,
    /// Rows that went in.
    pub rows: u64,
    /// Attempts whose worker was never heard of again.
    pub attempts_lost: u64,
    /// What was put through again in the end.
    pub again: Again,
    /// Files that were given up because they ended two readers, or rather because we did.
    pub given_up: u64,
}

/// Runs the plan, with its files and, if the books do not agree, all three of them in `folder`.
///
/// # Errors
/// When something else than what was planned goes wrong.
pub fn run(scene: &mut Scene<'_>, plan: &Plan, folder: &Path) -> Result<Ran> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    scene.partner.clear();
    faults::prepare(scene, plan);
    let tasks = Tasks::default();
    let begun = Instant::now();
    let (uploaded, done) = std::thread::scope(|scope| {
        let uploads: Vec<_> = plan
            .workbooks
            .iter()
            .map(|book| {
                let client = scene.new_client();
                let tasks = &tasks;
                scope.spawn(move || upload(&client, book, folder, tasks))
            })
            .collect();
        let done = faults::carry_out(scene, plan, begun, &tasks);
        let uploaded: Result<Vec<TaskId>> = uploads
            .into_iter()
            .map(|upload| upload.join().unwrap_or_else(|_| Err(anyhow::anyhow!("an upload panicked"))))
            .collect();
        (uploaded, done)
    });
    let mut ran = Ran { done: done?, ..Ran::default() };
    let last_fault = Instant::now();
    let ids = uploaded.context("cannot upload")?;
    for id in &ids {
        ran.findings.wrong.extend(wait(scene, *id, last_fault)?);
    }
    ran.recovery = last_fault.elapsed();
    ran.rows = plan.workbooks.iter().map(|book| u64::from(book.rows)).sum();
    if ran.findings.is_empty() {
        compare(scene, plan, &ids, folder, &mut ran)?;
    }
    if ran.findings.is_empty() {
        let wrong = again::redrive(scene, plan, &ids, &mut ran.done, &mut ran.again)?;
        ran.findings.wrong.extend(wrong);
        compare(scene, plan, &ids, folder, &mut ran)?;
    }
    if !ran.findings.is_empty() {
        keep_evidence(scene, plan, &ran, folder)?;
    }
    Ok(ran)
}

/// Opens the books of every task, as they are now, and holds them against each other.
fn compare(scene: &Scene<'_>, plan: &Plan, ids: &[TaskId], folder: &Path, ran: &mut Ran) -> Result<()> {
    let journal = scene.partner.journal();
    (ran.tasks, ran.attempts_lost, ran.given_up) = (Vec::new(), 0, 0);
    for (book, id) in plan.workbooks.iter().zip(ids) {
        let opened = Opened::open(&scene.client, *id, &journal, folder)?;
        ran.attempts_lost += opened.attempts_lost();
        ran.given_up += u64::from(opened.is_given_up());
        ran.findings.add(opened.compare(book));
        ran.tasks.push(opened.task);
    }
    ran.findings.wrong.extend(foreign(&journal, ids));
    Ok(())
}

fn upload(client: &Client, book: &Workbook, folder: &Path, tasks: &Mutex<Vec<TaskId>>) -> Result<TaskId> {
    let path = folder.join(format!("{}.xlsx", book.name));
    write(book, &path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut upload = Upload::new(path, scene::PIPELINE);
    upload.batch_size = Some(book.batch_size);
    let id = client.upload(&upload, &mut Silent)?.id;
    if let Ok(mut tasks) = tasks.lock() {
        tasks.push(id);
    }
    Ok(id)
}

fn write(book: &Workbook, path: &Path) -> Result<()> {
    let mut workbook = Xlsx::new();
    let sheet = workbook.add_worksheet();
    sheet.write_string(0, 0, "sku")?.write_string(0, 1, "price")?;
    for row in book.row_numbers() {
        let price = if book.bad_rows.contains(&row) { -1.0 } else { f64::from(row) / 4.0 };
        sheet.write_string(row - 1, 0, book.sku(row))?.write_number(row - 1, 1, price)?;
    }
    Ok(workbook.save(path)?)
}

/// Waits until the task ends; says what is wrong when it does not.
///
/// # Errors
/// When the API does not answer.
pub(super) fn wait(scene: &Scene<'_>, id: TaskId, since: Instant) -> Result<Option<String>> {
    let mut swept = Instant::now();
    loop {
        let task = scene.client.task(id)?;
        if task.state.is_final() {
            return Ok(None);
        }
        if since.elapsed() > RECOVERY_LIMIT {
            let state = task.state.as_str();
            return Ok(Some(format!("task {id} is {state} for {RECOVERY_LIMIT:?} after the last fault")));
        }
        if swept.elapsed() >= SWEEP_EVERY {
            scene.services.invoke(&format!("{}-sweeper", scene.cloud.deployed.stack))?;
            swept = Instant::now();
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Deliveries for tasks that ended in an earlier run: their rows were recorded, and nobody may deliver them again.
fn foreign(journal: &[JournalEntry], ids: &[TaskId]) -> Vec<String> {
    let ours: Vec<String> = ids.iter().map(|id| format!("{id}.")).collect();
    let foreign = journal.iter().filter(|entry| !ours.iter().any(|prefix| entry.key.starts_with(prefix)));
    foreign.map(|entry| format!("{} was delivered after its task had ended", entry.key)).collect()
}

/// The plan, what happened, the findings and the partner's book, beside the files and the other two.
fn keep_evidence(scene: &Scene<'_>, plan: &Plan, ran: &Ran, folder: &Path) -> Result<()> {
    let lines: Result<Vec<String>, _> = scene.partner.journal().iter().map(serde_json::to_string).collect();
    let findings: Vec<&str> = ran.findings.all().map(String::as_str).collect();
    fs::write(folder.join("journal.ndjson"), lines?.join("\n"))?;
    fs::write(folder.join("plan.txt"), format!("{plan:#?}\n"))?;
    fs::write(folder.join("history.txt"), ran.done.history.join("\n"))?;
    fs::write(folder.join("findings.txt"), findings.join("\n"))?;
    fs::copy(scene.folder().join("ministack.log"), folder.join("ministack.log"))?;
    Ok(())
}
