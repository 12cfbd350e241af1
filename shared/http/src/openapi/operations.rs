//! Every call.

use filas_domain::Receipt;
use filas_domain::audit::Audit;
use filas_domain::fate::RowState;
use filas_domain::limits::{
    BATCH_ROWS, BATCH_ROWS_MAX, CHECK_ROWS, CHECK_ROWS_MAX, DIRECT_UPLOAD_BYTES, FILENAME_BYTES, RECORDS,
};
use filas_domain::live::Ticket;
use filas_domain::task::TaskState;
use filas_domain::view::{
    AcceptedTask, AnnouncedUpload, BatchView, DryRunView, KeyRequest, KeyView, NewKey, Page, PipelineView, Queues,
    RecordView, RedriveRequest, Redriven, RowInFull, RowView, TaskView, UploadRequest,
};
use serde_json::{Value, json};

use super::Types;
use super::parts::{Operation, path, query};

const TOO_MUCH: &str = "The owner has called too often, or has too many tasks that have not ended.";
const WRONG_PARAMETER: &str = "A parameter or the body is not what it should be.";

/// Every call, in the order in which a person reads about them.
pub fn all(types: &mut Types) -> Vec<Operation> {
    let mut all = Vec::from(uploads(types));
    all.extend(tasks(types));
    all.extend(rows(types));
    all.extend(commands(types));
    all.extend(pipelines(types));
    all.extend(keys(types));
    all.extend(rest(types));
    all
}

fn uploads(types: &mut Types) -> [Operation; 2] {
    let text = || json!({ "type": "string", "minLength": 1, "maxLength": FILENAME_BYTES, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$" });
    let batch_size = json!({ "type": "integer", "minimum": 1, "maximum": BATCH_ROWS_MAX, "default": BATCH_ROWS });
    let accepted = types.of::<AcceptedTask>();
    let post = Operation::new(types, "post", "/v1/tasks", "createTask", "Send a file, or an array of records")
        .details(&format!(
            "The body is the file, at most {DIRECT_UPLOAD_BYTES} bytes. A JSON array without `filename` is answered with a \
             receipt for each record, of which it may have {RECORDS}; a record that breaks the pipeline's schema has the \
             code `INVALID_ROW` in its place, and the others go on."
        ))
        .creates()
        .parameter(json!({
            "name": "pipeline",
            "in": "query",
            "required": true,
            "description": "What is done with each row: the name of a pipeline.",
            "schema": { "type": "string", "minLength": 1 },
        }))
        .parameter(query("filename", "The file's name.", text()))
        .parameter(query("sheet", "A sheet's name, or its number from 1.", text()))
        .parameter(query("batch_size", "Rows in a batch.", batch_size))
        .body(
            true,
            &[
                ("application/json", json!({ "type": "array", "items": {} })),
                ("application/octet-stream", json!({})),
                ("text/csv", json!({})),
            ],
        )
        .answer(202, "The task.", accepted)
        .location(202, "The task, relative to the URL of the call.")
        .link(202, "getTask", "$response.body#/id")
        .link(202, "listRows", "$response.body#/id")
        .link(202, "deleteTask", "$response.body#/id")
        .problem(types, 400, WRONG_PARAMETER)
        .problem(types, 409, "The task that the key made was deleted.")
        .problem(types, 413, "The body is too large.")
        .problem(types, 422, "No such pipeline, one that cannot be used here, or a key that was used for another request.")
        .problem(types, 429, TOO_MUCH)
        .limited(429);
    let (request, announced) = (types.of::<UploadRequest>(), types.of::<AnnouncedUpload>());
    let announce = Operation::new(types, "post", "/v1/uploads", "announceUpload", "Announce a file of any size")
        .details("The answer has the request that stores the file.")
        .creates()
        .body(true, &[("application/json", request)])
        .answer(201, "The task, and where to PUT its file.", announced)
        .location(201, "The task, relative to the URL of the call.")
        .link(201, "getTask", "$response.body#/task/id")
        .link(201, "deleteTask", "$response.body#/task/id")
        .problem(types, 400, WRONG_PARAMETER)
        .problem(types, 409, "The task that the key made was deleted.")
        .problem(types, 413, "The file is too large.")
        .problem(
            types,
            422,
            "No such pipeline, one that cannot be used here, or a key that was used for another request.",
        )
        .problem(types, 429, TOO_MUCH)
        .limited(429);
    [post, announce]
}

fn tasks(types: &mut Types) -> [Operation; 6] {
    let state = names(TaskState::ALL.map(TaskState::as_str).as_slice());
    let (page, task) = (types.of::<Page<TaskView>>(), types.of::<TaskView>());
    let (batches, batch, audit) = (types.of::<Page<BatchView>>(), types.of::<BatchView>(), types.of::<Audit>());
    [
        Operation::new(types, "get", "/v1/tasks", "listTasks", "List tasks, newest first")
            .parameter(query("state", "Only tasks in this state.", state))
            .paged(types)
            .answer(200, "A page of tasks. How fast a task goes is told by the task itself.", page),
        Operation::new(types, "get", "/v1/tasks/{id}", "getTask", "Show a task").of_task(types).answer(
            200,
            "The task with its counters, its rate and the time left.",
            task,
        ),
        Operation::new(types, "delete", "/v1/tasks/{id}", "deleteTask", "Erase everything of a task")
            .details(
                "In whatever state it is. Rows that a worker has in hand end, and are counted nowhere. What the task \
                 delivered is not taken back.",
            )
            .of_task(types)
            .empty(204, "The task is gone.")
            .link(204, "getTask", "$request.path.id")
            .link(204, "listRows", "$request.path.id"),
        Operation::new(types, "get", "/v1/tasks/{id}/batches", "listBatches", "List the batches of a task")
            .of_task(types)
            .paged(types)
            .answer(200, "A page of batches, each with every attempt.", batches),
        Operation::new(types, "get", "/v1/tasks/{id}/batches/{n}", "getBatch", "Show a batch")
            .of_task(types)
            .parameter(path(
                "n",
                "Its number, from 0.",
                json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            ))
            .answer(200, "The batch with every attempt.", batch),
        Operation::new(
            types,
            "get",
            "/v1/tasks/{id}/audit",
            "auditTask",
            "Compare the counters of a task with its batches",
        )
        .of_task(types)
        .answer(200, "What was compared, and what does not agree.", audit)
        .problem(types, 409, "The task changes too quickly."),
    ]
}

fn rows(types: &mut Types) -> [Operation; 5] {
    let state = names(RowState::ALL.map(RowState::as_str).as_slice());
    let (page, row, receipt) = (types.of::<Page<RowView>>(), types.of::<RowInFull>(), types.of::<Receipt>());
    let number = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    [
        Operation::new(types, "get", "/v1/tasks/{id}/rows", "listRows", "List rows by outcome and code")
            .details(
                "In the order of the sheet. A page may have fewer rows than asked for, even none: the last page is the one \
                 without `next_cursor`.",
            )
            .of_task(types)
            .parameter(query("outcome", "Only rows of which this became.", state))
            .parameter(query("code", "Only rows with this code.", json!({ "type": "string", "minLength": 1 })))
            .paged(types)
            .answer(200, "A page of rows.", page),
        Operation::new(types, "get", "/v1/tasks/{id}/rows/{row}", "getRow", "Show a row")
            .of_task(types)
            .parameter(path("row", "Its number, as in the spreadsheet.", number))
            .answer(200, "What became of the row, and what the file says in it.", row.clone()),
        Operation::new(types, "get", "/v1/receipts/{receipt}", "getReceipt", "Show the row that a receipt names")
            .parameter(path("receipt", "The receipt.", receipt))
            .answer(200, "What became of the row, and what the file says in it.", row)
            .problem(types, 404, "There is no such receipt, or it is somebody else's."),
        Operation::new(types, "get", "/v1/tasks/{id}/results", "getResults", "Outcomes as NDJSON, in source order")
            .of_task(types)
            .parameter(query("outcome", "Only outcomes of this kind.", names(&["succeeded", "failed", "unprocessed"])))
            .empty(303, "The outcomes are elsewhere, for minutes.")
            .location(303, "Where they are.")
            .problem(types, 400, WRONG_PARAMETER)
            .problem(types, 409, "The task has not ended, or has no rows.")
            .problem(types, 410, "The file was kept for a limited time, which is over.")
            .problem(types, 503, "The file is being written: ask again in a moment."),
        Operation::new(types, "get", "/v1/tasks/{id}/failures", "getFailures", "The failed rows, to be mended and sent again")
            .details("As they were in the file, with the row, stage, code and reason beside them.")
            .of_task(types)
            .parameter(query("format", "A workbook unless given.", names(&["xlsx", "csv", "ndjson"])))
            .empty(303, "The failed rows are elsewhere, for minutes.")
            .location(303, "Where they are.")
            .problem(types, 400, WRONG_PARAMETER)
            .problem(types, 409, "The task has not ended, or has no rows, or has too many columns for a workbook.")
            .problem(types, 410, "The file was kept for a limited time, which is over.")
            .problem(types, 503, "The file is being written: ask again in a moment."),
    ]
}

fn commands(types: &mut Types) -> Vec<Operation> {
    let (task, request, redriven) = (types.of::<TaskView>(), types.of::<RedriveRequest>(), types.of::<Redriven>());
    let mut all = Vec::new();
    for (name, path, id, summary) in [
        ("cancelled", "/v1/tasks/{id}/cancel", "cancelTask", "End a task; rows that were not tried are unprocessed"),
        ("paused", "/v1/tasks/{id}/pause", "pauseTask", "Hold a task back"),
        ("resumed", "/v1/tasks/{id}/resume", "resumeTask", "Go on with a paused task"),
    ] {
        all.push(
            Operation::new(types, "post", path, id, summary)
                .of_task(types)
                .answer(202, "The task.", task.clone())
                .problem(types, 409, &format!("The task is in a state in which it cannot be {name}.")),
        );
    }
    all.push(
        Operation::new(
            types,
            "post",
            "/v1/tasks/{id}/redrive",
            "redriveTask",
            "Put dead batches or failed rows through again",
        )
        .of_task(types)
        .body(true, &[("application/json", request)])
        .answer(202, "How many rows go through again, and the task.", redriven)
        .problem(types, 400, WRONG_PARAMETER)
        .problem(types, 409, "The task is in a state in which it cannot be redriven."),
    );
    all
}

fn pipelines(types: &mut Types) -> [Operation; 5] {
    let (page, view, dry_run) =
        (types.of::<Page<PipelineView>>(), types.of::<PipelineView>(), types.of::<DryRunView>());
    let name = || path("name", "The pipeline's name.", json!({ "type": "string", "pattern": "^[a-z0-9-]{1,64}$" }));
    let version = || {
        let schema = json!({ "type": "string", "pattern": "^[0-9a-f]{12}$" });
        query("version", "An earlier version; the present one unless given.", schema)
    };
    let rows = json!({ "type": "integer", "minimum": 1, "maximum": CHECK_ROWS_MAX, "default": CHECK_ROWS });
    let text = || json!({ "type": "string", "minLength": 1 });
    [
        Operation::new(
            types,
            "get",
            "/v1/pipelines",
            "listPipelines",
            "List your pipelines and those that come with Filas",
        )
        .paged(types)
        .answer(200, "A page of pipelines, by name.", page),
        Operation::new(
            types,
            "get",
            "/v1/pipelines/schema.json",
            "getPipelineSchema",
            "The JSON Schema of a pipeline file",
        )
        .content(200, "The schema.", "application/schema+json", json!({ "type": "object" })),
        Operation::new(types, "get", "/v1/pipelines/{name}", "getPipeline", "Show a pipeline with its text")
            .details("With `Accept: application/yaml` the text alone.")
            .parameter(name())
            .parameter(version())
            .answer(200, "The pipeline.", view.clone())
            .problem(types, 404, "There is no such pipeline, or no such version of it."),
        Operation::new(
            types,
            "put",
            "/v1/pipelines/{name}",
            "putPipeline",
            "Make a text the present version of a pipeline",
        )
        .details("Tasks that began with another version keep it. The same text again changes nothing.")
        .parameter(name())
        .body(true, &[("application/yaml", text())])
        .answer(200, "The pipeline, whose name there was.", view.clone())
        .answer(201, "The pipeline, whose name is new among the caller's own.", view)
        .problem(types, 400, WRONG_PARAMETER)
        .problem(types, 413, "The text is too long.")
        .problem(
            types,
            422,
            "The text is no pipeline, one of another name, or one that cannot work; with line and column.",
        ),
        Operation::new(
            types,
            "post",
            "/v1/pipelines/{name}/check",
            "checkPipeline",
            "Run the first rows of a file through everything but the delivery",
        )
        .parameter(name())
        .parameter(version())
        .parameter(query("rows", "How many rows.", rows))
        .parameter(query("filename", "The file's name.", text()))
        .parameter(query("sheet", "A sheet's name, or its number from 1.", text()))
        .body(
            true,
            &[
                ("application/octet-stream", json!({})),
                ("text/csv", json!({})),
                (filas_domain::row_line::MEDIA_TYPE, json!({})),
            ],
        )
        .answer(200, "What would become of these rows, and what every stage did.", dry_run)
        .problem(types, 400, WRONG_PARAMETER)
        .problem(types, 404, "There is no such pipeline, or no such version of it.")
        .problem(types, 413, "The body is too large.")
        .problem(types, 422, "The file cannot be read, or the pipeline cannot be used here."),
    ]
}

fn keys(types: &mut Types) -> [Operation; 3] {
    let (request, new, page) = (types.of::<KeyRequest>(), types.of::<NewKey>(), types.of::<Page<KeyView>>());
    let id = || path("id", "The key's id.", json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" }));
    [
        Operation::new(types, "post", "/v1/keys", "createKey", "Make a key")
            .details(
                "The key is in this answer and nowhere else. It belongs to the caller's owner, has no scope that the caller \
                 has not, and does not outlast the key that made it.",
            )
            .body(true, &[("application/json", request)])
            .answer(201, "The key, once, and what is remembered of it.", new)
            .link(201, "deleteKey", "$response.body#/id")
            .problem(types, 400, WRONG_PARAMETER)
            .problem(types, 403, "The key has not the scope operate, or not a scope that it was to give."),
        Operation::new(types, "get", "/v1/keys", "listKeys", "List keys, by id")
            .details("Also those that were revoked, and for a while those that expired.")
            .paged(types)
            .answer(200, "A page of keys.", page),
        Operation::new(types, "delete", "/v1/keys/{id}", "deleteKey", "Revoke a key")
            .details("It opens nothing from now on: an instance that has just seen it may take it for 3 seconds more.")
            .parameter(id())
            .empty(204, "The key is revoked.")
            .problem(types, 404, "There is no such key, or it is somebody else's."),
    ]
}

fn rest(types: &mut Types) -> [Operation; 4] {
    let (records, queues, ticket) = (types.of::<Page<RecordView>>(), types.of::<Queues>(), types.of::<Ticket>());
    let pipeline = json!({ "type": "string", "pattern": "^[a-z0-9-]{1,64}$" });
    [
        Operation::new(
            types,
            "get",
            "/v1/records/{pipeline}",
            "listRecords",
            "List what `store` deliveries kept, by key",
        )
        .parameter(path("pipeline", "The name of the pipeline.", pipeline))
        .paged(types)
        .answer(200, "A page of records, each with its task and row.", records)
        .problem(types, 404, "It is no name of a pipeline."),
        Operation::new(types, "get", "/v1/queues", "getQueues", "How full the queues are").answer(
            200,
            "Every queue. The numbers are approximate.",
            queues,
        ),
        Operation::new(types, "post", "/v1/tickets", "createTicket", "Get a ticket for the WebSocket")
            .details("Good once and for a minute: a browser cannot send a key when it connects.")
            .answer(201, "The ticket, and where to connect with it.", ticket),
        Operation::new(types, "get", "/v1/openapi.json", "getOpenApi", "This document").answer(
            200,
            "An OpenAPI document.",
            json!({ "type": "object" }),
        ),
    ]
}

fn names(all: &[&str]) -> Value {
    json!({ "type": "string", "enum": all })
}
