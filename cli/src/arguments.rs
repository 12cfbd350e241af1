//! What can be typed.

#![expect(missing_docs, reason = "what stands above these is the help that a person reads")]

use std::path::PathBuf;

use crate::client::FailuresFormat;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use filas_domain::access::{KeyId, Scope};
use filas_domain::fate::RowState;
use filas_domain::ids::{Receipt, RowNumber, TaskId};
use filas_domain::limits::{CHECK_ROWS, CHECK_ROWS_MAX, IDEMPOTENCY_KEY_BYTES};
use filas_domain::task::TaskState;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; with `watch` and `upload --watch`: every row succeeded
  1  an error: wrong usage, no answer, the API says no, the task failed before it had rows
  2  `cat`, `check`: the file was refused
  3  `watch`, `upload --watch`: some rows failed or were not processed; `cat`: some rows could not be read;
     `check`: some rows would fail; `audit`: the counters do not agree with the batches

Without --url and --key the nearest .filas/local/cloud.json in this folder or above it tells which API to talk to:
`cargo xtask up` writes it.";

/// Sends spreadsheets through Filas, row by row, and says what became of each row.
#[derive(Parser)]
#[command(name = "filas", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
pub struct Common {
    /// JSON on standard output, for programs: one object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// The root of the API, without /v1
    #[arg(long, global = true, env = "FILAS_URL", value_name = "URL")]
    pub url: Option<String>,
    /// Your key for the API; better in FILAS_KEY than here, where others can see it
    #[arg(long, global = true, env = "FILAS_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<String>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Send a file in
    Upload(UploadArguments),
    /// Show a task, or the latest tasks
    Status(StatusArguments),
    /// Show the latest tasks
    Tasks(TasksArguments),
    /// Follow a task until it ends
    Watch {
        /// The task's id
        task: TaskId,
    },
    /// Print what changes, a line for each change, until interrupted or the one task has ended
    Tail {
        /// Only this task, until it has ended
        task: Option<TaskId>,
        /// Stop after so many changes
        #[arg(long, value_name = "N", value_parser = from_one())]
        changes: Option<u32>,
    },
    /// Show the batches of a task with their attempts
    Batches {
        /// The task's id
        task: TaskId,
        /// At most so many batches
        #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true, value_parser = from_one())]
        limit: u32,
    },
    /// Show rows of a task and what became of them
    Rows(RowsArguments),
    /// Show one row of a task, with what the file says in it
    Row {
        /// The task's id
        task: TaskId,
        /// The row's number, as in the spreadsheet
        row: RowNumber,
    },
    /// Show the rows that receipts name
    Receipts {
        /// The receipts: <task>.<row>
        #[arg(required = true, value_name = "RECEIPT")]
        receipts: Vec<Receipt>,
    },
    /// Show the records that `store` deliveries of a pipeline kept
    Records {
        /// The name of the pipeline
        pipeline: String,
        /// At most so many records
        #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true, value_parser = from_one())]
        limit: u32,
    },
    /// Erase everything of a task, in whatever state it is
    Delete {
        /// The task's id
        task: TaskId,
    },
    /// Show how full the queues are
    Queues {
        /// Again every second, until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// Fetch what became of every row, as NDJSON
    Results {
        /// The task's id
        task: TaskId,
        /// Into this file instead of standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Fetch the failed rows with what was wrong, to be mended and uploaded again
    Failures(FailuresArguments),
    /// End a task; rows that were not tried are unprocessed
    Cancel {
        /// The task's id
        task: TaskId,
    },
    /// Hold a task back until it is resumed
    Pause {
        /// The task's id
        task: TaskId,
    },
    /// Go on with a paused task
    Resume {
        /// The task's id
        task: TaskId,
    },
    /// Put dead batches, or failed rows, through again
    Redrive(RedriveArguments),
    /// Compare the counters of a task with its batches
    Audit {
        /// The task's id
        task: TaskId,
    },
    /// Process a file on this machine, without any API
    Run(RunArguments),
    /// Run the first rows of a file through everything but the delivery
    Check(CheckArguments),
    /// Show pipelines, and make new versions of them
    #[command(subcommand)]
    Pipelines(PipelinesCommand),
    /// Make keys for others and programs, list them, revoke them
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print the script that makes a shell complete these commands
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the rows of a file as NDJSON, read as an upload would be; needs no API
    Cat(CatArguments),
}

#[derive(Args)]
pub struct UploadArguments {
    /// xlsx, xlsb, xls, ods, csv, tsv, ndjson, or a JSON array
    pub file: PathBuf,
    /// What is done with each row: the name of a pipeline
    #[arg(long, value_name = "NAME")]
    pub pipeline: String,
    /// The sheet: a name or a number from 1; the first visible one unless given
    #[arg(long)]
    pub sheet: Option<String>,
    /// Rows in a batch
    #[arg(long, value_name = "N", value_parser = from_one())]
    pub batch_size: Option<u32>,
    /// Follow the task until it ends
    #[arg(long)]
    pub watch: bool,
    /// Send a JSON array as records, and show a receipt for each
    #[arg(long, conflicts_with_all = ["watch", "sheet"])]
    pub receipts: bool,
    /// The same key and file give the same task again; random unless given
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub idempotency_key: Option<String>,
}

#[derive(Args)]
pub struct StatusArguments {
    /// The task's id; without it, the latest tasks
    #[arg(conflicts_with_all = ["state", "limit"])]
    pub task: Option<TaskId>,
    #[command(flatten)]
    pub tasks: TasksArguments,
}

#[derive(Args)]
pub struct TasksArguments {
    /// Only tasks in this state
    #[arg(long, value_parser = state_parser())]
    pub state: Option<TaskState>,
    /// At most so many tasks
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = from_one())]
    pub limit: u32,
}

#[derive(Args)]
pub struct RowsArguments {
    /// The task's id
    pub task: TaskId,
    /// Only rows of which this became
    #[arg(long, value_parser = row_state_parser())]
    pub outcome: Option<RowState>,
    /// Only rows with this code
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true, value_parser = from_one())]
    pub limit: u32,
}

#[derive(Args)]
pub struct FailuresArguments {
    /// The task's id
    pub task: TaskId,
    /// Into this file; `-` is standard output, and failures-TASK.xlsx (or csv, ndjson) unless given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A workbook, csv or records
    #[arg(long, value_name = "FORMAT", default_value = FailuresFormat::default().as_str(), value_parser = format_parser())]
    pub format: FailuresFormat,
}

#[derive(Args)]
pub struct RedriveArguments {
    /// The task's id
    pub task: TaskId,
    /// The rows of dead batches
    #[arg(long, required_unless_present = "failed", conflicts_with = "failed")]
    pub dead: bool,
    /// The failed rows
    #[arg(long)]
    pub failed: bool,
    /// Only the rows that failed with this code
    #[arg(long, requires = "failed", value_name = "CODE")]
    pub code: Option<String>,
}

#[derive(Args)]
pub struct CheckArguments {
    /// The file
    pub file: PathBuf,
    /// A pipeline by name, which runs where it is kept; or a pipeline file (.yaml), which runs on this machine with the
    /// variables of this environment (PARTNER_URL, CATALOG_URL, OUTBOUND_ALLOW; secrets as FILAS_SECRET_NAME)
    #[arg(long, value_name = "NAME|FILE")]
    pub pipeline: String,
    /// How many rows
    #[arg(long, value_name = "N", default_value_t = CHECK_ROWS, value_parser = clap::value_parser!(u32).range(1..=i64::from(CHECK_ROWS_MAX)))]
    pub rows: u32,
    /// The sheet: a name or a number from 1; the first visible one unless given
    #[arg(long)]
    pub sheet: Option<String>,
    /// On this machine, also when an API is known
    #[arg(long)]
    pub local: bool,
}

#[derive(Args)]
pub struct RunArguments {
    /// The file
    pub file: PathBuf,
    /// A pipeline that comes with Filas, or a pipeline file (.yaml). It runs with the variables of this environment
    /// (PARTNER_URL, CATALOG_URL, OUTBOUND_ALLOW; secrets as FILAS_SECRET_NAME)
    #[arg(long, value_name = "NAME|FILE")]
    pub pipeline: String,
    /// The folder for the files of results, which is made; FILE-results unless given
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// The sheet: a name or a number from 1; the first visible one unless given
    #[arg(long)]
    pub sheet: Option<String>,
}

#[derive(Subcommand)]
pub enum PipelinesCommand {
    /// Your pipelines and those that come with Filas
    List,
    /// The text of a pipeline
    Show {
        /// Its name
        name: String,
        /// An earlier version; the present one unless given
        #[arg(long)]
        version: Option<String>,
    },
    /// Make files the present versions of their pipelines; tasks that began keep the version that they began with
    Apply {
        /// Pipeline files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Look at pipeline files without any API
    Check {
        /// Pipeline files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
pub enum KeysCommand {
    /// Make a key and show it, this once
    Create {
        /// What to call it: who has it, or where it is
        name: String,
        /// What its holder may do: look (read), upload and check (write), command tasks, pipelines and keys (operate)
        #[arg(long = "scope", required = true, value_delimiter = ',', value_parser = scope_parser())]
        scopes: Vec<Scope>,
        /// How long it is good; 90 days unless given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=365))]
        days: Option<u32>,
    },
    /// Show the keys of this owner, not the keys themselves
    List,
    /// Let a key open nothing from now on
    Revoke {
        /// The key's id, as the list has it
        id: KeyId,
    },
}

#[derive(Args)]
pub struct CatArguments {
    /// The file
    pub file: PathBuf,
    /// The sheet: a name or a number from 1; the first visible one unless given
    #[arg(long)]
    pub sheet: Option<String>,
    /// The row that holds the column names, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_one())]
    pub header_row: u32,
    /// Each record with the number of its row: {"row":N,"record":{…}}
    #[arg(long)]
    pub numbered: bool,
}

fn from_one() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..)
}

fn idempotency_key(text: &str) -> Result<String, String> {
    let fits = (1..=IDEMPOTENCY_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
        .ok_or(format!("a key is 1 to {IDEMPOTENCY_KEY_BYTES} ASCII characters without spaces"))
}

fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)).try_map(|name| Scope::parse(&name).ok_or("not a scope"))
}

fn row_state_parser() -> impl TypedValueParser<Value = RowState> {
    PossibleValuesParser::new(RowState::ALL.map(RowState::as_str))
        .try_map(|name| RowState::parse(&name).ok_or("not a state"))
}

fn format_parser() -> impl TypedValueParser<Value = FailuresFormat> {
    PossibleValuesParser::new(FailuresFormat::ALL.map(FailuresFormat::as_str))
        .try_map(|name| FailuresFormat::ALL.into_iter().find(|format| format.as_str() == name).ok_or("not a format"))
}

fn state_parser() -> impl TypedValueParser<Value = TaskState> {
    PossibleValuesParser::new(TaskState::ALL.map(TaskState::as_str))
        .try_map(|name| TaskState::parse(&name).ok_or("not a state"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
