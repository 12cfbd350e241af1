//! `filas`: what a person types.

mod cat;
mod commands;
mod dry_run;
mod output;
mod pipeline_file;
mod run;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use filas_cli::arguments::{self, Arguments};

fn main() -> ExitCode {
    // Started by itself to read a file that may crash its reader.
    if filas_sheets::child::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    match Arguments::try_parse() {
        Ok(arguments) => ExitCode::from(commands::run(&arguments)),
        Err(error) => {
            let _ = error.print();
            // clap would exit with 2, which here means a refused file.
            ExitCode::from(u8::from(!matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)))
        }
    }
}
