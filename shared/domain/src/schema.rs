//! JSON Schemas of the names of things, by hand: a derived one would say how they are kept and not how they are spelled.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::ids::{Receipt, TaskId};

/// A UUIDv7 in its canonical spelling.
const UUID_V7: &str = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

impl JsonSchema for TaskId {
    fn schema_name() -> Cow<'static, str> {
        "TaskId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The id of a task: a UUIDv7, so ids sort by creation.",
            "type": "string",
            "pattern": format!("^{UUID_V7}$"),
        })
    }
}

impl JsonSchema for Receipt {
    fn schema_name() -> Cow<'static, str> {
        "Receipt".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The token that names one row: `<task>.<row>`.",
            "type": "string",
            "pattern": format!("^{UUID_V7}\\.[1-9][0-9]{{0,9}}$"),
        })
    }
}
