//! The commands about rows: what became of them, and the records that they left; and the one that erases a task.

use anyhow::Result;
use filas_cli::client::Upload;
use filas_cli::progress::stderr_line;
use filas_cli::words::Heading::{Left, Right};
use filas_cli::words::{Table, plain};
use filas_domain::ids::{Receipt, RowNumber, TaskId};
use filas_domain::view::{RecordView, RowInFull, RowView};
use serde_json::json;

use super::Session;
use crate::arguments::RowsArguments;
use crate::output;

impl Session {
    pub(super) fn rows(&self, arguments: &RowsArguments) -> Result<u8> {
        let (outcome, code) = (arguments.outcome.map(filas_domain::fate::RowState::as_str), arguments.code.as_deref());
        let rows = self.client.rows(arguments.task, outcome, code, arguments.limit)?;
        self.list(&rows, "no such rows", row_table)?;
        Ok(0)
    }

    pub(super) fn row(&self, id: TaskId, row: RowNumber) -> Result<u8> {
        let row = self.client.row(id, row)?;
        self.show_rows(&[row])
    }

    pub(super) fn receipts(&self, receipts: &[Receipt]) -> Result<u8> {
        let rows: Result<Vec<RowInFull>, _> = receipts.iter().map(|receipt| self.client.receipt(*receipt)).collect();
        self.show_rows(&rows?)
    }

    fn show_rows(&self, rows: &[RowInFull]) -> Result<u8> {
        if self.json {
            output::json(rows)?;
            return Ok(0);
        }
        let shown: Vec<RowView> = rows.iter().map(|row| row.row.clone()).collect();
        output::line(row_table(&shown))?;
        for record in rows.iter().filter_map(|row| row.record.as_ref()).filter(|_| rows.len() == 1) {
            output::line(plain(record.get()))?;
        }
        Ok(0)
    }

    pub(super) fn records(&self, pipeline: &str, limit: u32) -> Result<u8> {
        self.list(&self.client.records(pipeline, limit)?, "no records", record_table)?;
        Ok(0)
    }

    pub(super) fn delete(&self, id: TaskId) -> Result<u8> {
        self.client.delete(id)?;
        if self.json {
            output::json([json!({"task": id, "deleted": true})])?;
        } else {
            output::line(format!("task {id} and everything of it is gone"))?;
        }
        Ok(0)
    }

    pub(super) fn send_records(&self, upload: &Upload) -> Result<u8> {
        let accepted = self.client.send_records(upload)?;
        if self.json {
            output::json([&accepted])?;
            return Ok(0);
        }
        let mut table = Table::new(&[Right("ROW"), Left("RECEIPT"), Left("STATE"), Left("CODE"), Left("MESSAGE")]);
        for receipt in accepted.receipts.unwrap_or_default() {
            table.row(&[
                receipt.row.to_string(),
                receipt.receipt.to_string(),
                receipt.state.as_str().to_owned(),
                receipt.code.unwrap_or_default(),
                receipt.message.unwrap_or_default(),
            ]);
        }
        output::line(table)?;
        stderr_line(&format!("task {}", accepted.task.id));
        Ok(0)
    }
}

fn row_table(rows: &[RowView]) -> Table {
    let mut table = Table::new(&[Right("ROW"), Left("STATE"), Left("STAGE"), Left("CODE"), Left("MESSAGE")]);
    for row in rows {
        table.row(&[
            row.row.to_string(),
            row.state.as_str().to_owned(),
            row.stage.map(|stage| super::tables::name(&stage)).unwrap_or_default(),
            row.code.clone().unwrap_or_default(),
            row.message.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn record_table(records: &[RecordView]) -> Table {
    let mut table = Table::new(&[Left("KEY"), Left("TASK"), Right("ROW"), Left("STORED"), Left("RECORD")]);
    for record in records {
        table.row(&[
            record.key.clone(),
            record.task.to_string(),
            record.row.to_string(),
            record.stored.clone(),
            record.record.get().to_owned(),
        ]);
    }
    table
}
