//! The parent: starts the child, hands its rows on, ends it when its time is over, and judges how it ended.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::ReaderProgram;
use super::wire::{self, BadRow, Done, Failure, Frames, Request};
use crate::error::{FileProblem, ReadError};
use crate::limits::Limits;
use crate::{Format, ReadOptions, ReadSummary, RowSink, SourceHint};

/// How much longer than its time a child lives: it looks at the clock itself, and knows better where it stood.
const GRACE: Duration = Duration::from_millis(250);
/// What is kept of standard error.
const STDERR_BYTES: usize = 4096;
/// A frame is a record, or the column names once more as JSON, or a message.
const MESSAGE_BYTES: u64 = 64 << 10;

const STARTING: &str = "start the process that reads the file";
const READING: &str = "read the file in a process of its own";

/// Reads a file in a process of its own.
pub(super) fn read(
    path: &Path,
    hint: &SourceHint,
    options: &ReadOptions,
    program: &ReaderProgram,
    format: Format,
    sink: &mut dyn RowSink,
) -> Result<ReadSummary, ReadError> {
    let clock = TimeLeft::now(options);
    let request = Request::new(hint, options);
    let child = OwnChild::start(program, path).map_err(|source| ReadError::machine(STARTING, source))?;
    let (heard, ended) = child.converse(&request, &clock, sink)?;
    match heard.answer {
        Answer::Done(done) if (done.rows, done.bad_rows) == (heard.rows, heard.bad_rows) => Ok(ReadSummary {
            format,
            sheet: done.sheet,
            columns: heard.columns,
            rows: done.rows,
            bad_rows: done.bad_rows,
            cells: done.cells,
            output_bytes: done.output_bytes,
        }),
        Answer::Failed(failure) => Err(failure.into_error()),
        Answer::Done(_) | Answer::Cut => Err(judge(heard.memory, &ended, &clock, &options.limits)),
    }
}

/// How long the child may take, and by which limit.
struct TimeLeft {
    started: Instant,
    limit: &'static str,
    time: Duration,
}

impl TimeLeft {
    fn now(options: &ReadOptions) -> Self {
        let started = Instant::now();
        let until_deadline = options.deadline.map(|deadline| deadline.saturating_duration_since(started));
        match until_deadline {
            Some(time) if time < options.limits.time => Self { started, limit: "deadline_seconds", time },
            _ => Self { started, limit: "time_seconds", time: options.limits.time },
        }
    }
}

/// What the child said.
struct Heard {
    /// The memory that it may use, once it had begun.
    memory: Option<u64>,
    columns: Vec<String>,
    rows: u64,
    bad_rows: u64,
    answer: Answer,
}

enum Answer {
    Done(Done),
    Failed(Failure),
    /// It ended in the middle, or said what is no frame.
    Cut,
}

/// How the child ended.
struct Ended {
    status: ExitStatus,
    overran: bool,
    stderr: Vec<u8>,
}

/// A child that never outlives its handle, nor stays behind unreaped.
struct OwnChild(Mutex<Child>);

impl Drop for OwnChild {
    fn drop(&mut self) {
        // Both do nothing to a child that was waited for.
        let child = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        child.kill().and_then(|()| child.wait()).ok();
    }
}

impl OwnChild {
    fn start(program: &ReaderProgram, path: &Path) -> io::Result<Self> {
        let mut command = program.command()?;
        command.arg(wire::ASKED).arg(path).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self(Mutex::new(command.spawn()?)))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands rows to the sink until the child ends, by itself or not. An error is trouble of the sink or the machine.
    fn converse(
        &self,
        request: &Request,
        clock: &TimeLeft,
        sink: &mut dyn RowSink,
    ) -> Result<(Heard, Ended), ReadError> {
        let machine = |source| ReadError::machine(READING, source);
        let (stdin, stdout, stderr) = {
            let mut child = self.child();
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        };
        let request_json = serde_json::to_vec(request).map_err(|error| machine(error.into()))?;
        let most = frame_bytes(&request.limits);
        thread::scope(|scope| {
            let (finished, still_reading) = channel::<()>();
            let watch = thread::Builder::new().spawn_scoped(scope, move || self.watch(&still_reading, clock));
            let watch = watch.map_err(machine)?;
            let listen = thread::Builder::new().spawn_scoped(scope, move || first_bytes(stderr));
            let listen = listen.map_err(machine)?;
            // A child that is gone already cannot take it, and is judged below.
            let _ = stdin.map(|mut stdin| stdin.write_all(&request_json));
            let heard = hear(stdout, most, sink);
            drop(finished);
            let overran = watch.join().unwrap_or(false);
            // It has said all, or there is nobody left to hear it. What ended by itself keeps its own status.
            let status = self.end().map_err(machine)?;
            let stderr = listen.join().unwrap_or_default();
            Ok((heard?, Ended { status, overran, stderr }))
        })
    }

    /// Waits for the end of the conversation and ends the child when that does not come in time, or comes too early.
    fn watch(&self, still_reading: &Receiver<()>, clock: &TimeLeft) -> bool {
        let overran = still_reading.recv_timeout(clock.time.saturating_add(GRACE)) == Err(RecvTimeoutError::Timeout);
        // Killing fails only for a process that is gone.
        self.child().kill().ok();
        overran
    }

    fn end(&self) -> io::Result<ExitStatus> {
        let mut child = self.child();
        child.kill()?;
        child.wait()
    }
}

/// Most bytes of an honest frame.
fn frame_bytes(limits: &Limits) -> usize {
    let bytes = limits.record_bytes.saturating_mul(2).saturating_add(MESSAGE_BYTES);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Hands on what the child says, until it has nothing more to say.
fn hear(stdout: Option<ChildStdout>, most: usize, sink: &mut dyn RowSink) -> Result<Heard, ReadError> {
    let mut heard = Heard { memory: None, columns: Vec::new(), rows: 0, bad_rows: 0, answer: Answer::Cut };
    let Some(stdout) = stdout else { return Ok(heard) };
    let mut frames = Frames::new(io::BufReader::with_capacity(MESSAGE_BYTES as usize, stdout), most);
    while let Some((kind, content)) = frames.next().map_err(|source| ReadError::machine(READING, source))? {
        if !heard.take(kind, content, sink)? {
            break;
        }
    }
    Ok(heard)
}

impl Heard {
    /// Takes one frame and says whether another is to follow.
    fn take(&mut self, kind: u8, content: &[u8], sink: &mut dyn RowSink) -> Result<bool, ReadError> {
        match (kind, self.memory) {
            (wire::READY, None) => self.memory = content.try_into().ok().map(u64::from_le_bytes),
            (wire::COLUMNS, Some(_)) => {
                let Ok(names) = serde_json::from_slice(content) else { return Ok(false) };
                self.columns = names;
                let taken = sink.columns(&self.columns);
                taken.map_err(|source| ReadError::machine("hand out the column names", source))?;
            }
            (wire::ROW, Some(_)) => {
                let Some((row, record)) = content.split_first_chunk::<4>() else { return Ok(false) };
                self.rows += 1;
                let taken = sink.row(u32::from_le_bytes(*row), record);
                taken.map_err(|source| ReadError::machine("hand out a row", source))?;
            }
            (wire::BAD_ROW, Some(_)) => {
                let Ok(BadRow { row, code, message }) = serde_json::from_slice(content) else { return Ok(false) };
                self.bad_rows += 1;
                let taken = sink.bad_row(row, &code, &message);
                taken.map_err(|source| ReadError::machine("hand out a bad row", source))?;
            }
            (wire::DONE, Some(_)) => {
                self.answer = serde_json::from_slice(content).map_or(Answer::Cut, Answer::Done);
                return Ok(false);
            }
            (wire::FAILED, Some(_)) => {
                self.answer = serde_json::from_slice(content).map_or(Answer::Cut, Answer::Failed);
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What the end of a child without an answer says: of the file, or of the machine.
fn judge(memory: Option<u64>, ended: &Ended, clock: &TimeLeft, limits: &Limits) -> ReadError {
    let said = words(&ended.stderr);
    let how = how_ended(ended.status);
    let Some(memory) = memory else {
        // It has not seen the file yet.
        return ReadError::machine(STARTING, io::Error::other(format!("it ended with {how}: {said}")));
    };
    if ended.overran {
        return FileProblem::limit(clock.limit, clock.time.as_secs(), clock.started.elapsed().as_secs()).into();
    }
    // The signals by which a person or a system asks a program to end. No file can raise them.
    let asked = [Signal::TERM, Signal::INT, Signal::HUP].map(|signal| Some(signal.as_raw()));
    if asked.contains(&ended.status.signal()) {
        return ReadError::machine(READING, io::Error::other(format!("it was ended from outside by {how}")));
    }
    match failed_allocation(&ended.stderr) {
        Some(bytes) => out_of_memory(memory.min(limits.memory_bytes), bytes),
        None => crashed(&how, &said),
    }
}

fn crashed(how: &str, said: &str) -> ReadError {
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let message = format!(
        "the file crashes the program that reads it ({how}{said}); open it in a spreadsheet program, save it as xlsx and \
         upload the new file"
    );
    FileProblem::new("FILE_CRASHES_READER", message).into()
}

fn out_of_memory(allowed: u64, asked: u64) -> ReadError {
    // What it held already is not known, but together it was more than allowed.
    let mut problem = FileProblem::limit("memory_bytes", allowed, asked.max(allowed.saturating_add(1)));
    problem.message = format!(
        "reading the file takes more memory than the limit memory_bytes allows, {allowed} bytes; save it as xlsx, which is \
         read row by row, or split it into smaller files"
    );
    problem.into()
}

/// The bytes that an aborted program could not have, by what Rust says of it.
fn failed_allocation(stderr: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(stderr);
    let (_, after) = text.split_once("memory allocation of ")?;
    after.split_once(" bytes failed")?.0.parse().ok()
}

fn how_ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "no status".to_owned(),
    }
}

/// The first line of standard error that tells what happened, fit for a message.
fn words(stderr: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(stderr);
    // The line above the words of a panic says where in the code, which helps nobody who uploads.
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("thread '"));
    line.unwrap_or_default().chars().filter(|character| !character.is_control()).take(SHOWN).collect()
}

/// The first bytes of a stream; the rest is read and dropped, so that who writes never waits.
fn first_bytes(source: Option<impl Read>) -> Vec<u8> {
    let Some(mut source) = source else { return Vec::new() };
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        match source.read(&mut chunk) {
            Ok(count @ 1..) => kept.extend_from_slice(&chunk[..count.min(STDERR_BYTES - kept.len())]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return kept,
        }
    }
}
