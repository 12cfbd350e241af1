//! `POST /v1/tasks` and `POST /v1/uploads`.
//!
//! The task is registered before its file is stored: the event for the file then always finds its task. When the storing
//! fails, the caller tries again with the same `Idempotency-Key` and the file is stored for the task that there is.

use std::collections::HashSet;
use std::sync::Arc;

use filas_domain::access::sha256_hex;
use filas_domain::keys::ObjectKey;
use filas_domain::limits::{DIRECT_UPLOAD_BYTES, IDEMPOTENCY_KEPT, OPEN_TASKS};
use filas_domain::own_pipeline::PipelineRegister;
use filas_domain::ports::{
    Clock, IdempotencyKey, ObjectReader, ObjectSigner, ObjectWriter, OpenTasks, PortError, Registered, TaskLedger,
    TaskRegister,
};
use filas_domain::problem::Problem;
use filas_domain::task::{Order, Task, TaskState};
use filas_domain::usage::{Meter, Usage};
use filas_domain::view::{AcceptedTask, AnnouncedUpload, TaskView, UploadForm, UploadRequest};
use filas_domain::{Owner, PipelineRef, TaskId, error_chain};
use filas_http::{Answer, Call, Gate, Refusal};
use filas_pipeline::{Pipeline, Variables, catalogue, parse, shipped};
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde_json::json;
use tokio::sync::Mutex;
use tracing::info;

use crate::order::{Wish, idempotency_key};
use crate::records;

/// Pipelines that are named to a person who asked for one that is not there.
const NAMES: u32 = 50;

/// What registering a task takes once its item is made: a transaction of its item, of between 1 and 2 KiB, and the one of
/// its idempotency key, and the file.
const USED_UNTIL_STORED: Usage = Usage {
    lambda_requests: 0,
    lambda_mb_ms: 0,
    sqs_requests: 0,
    s3_writes: 1,
    s3_reads: 0,
    table_writes: 6,
    table_reads: 0,
};

/// When to come again, in seconds, with a task for which there is no room.
const RETRY_AFTER: &str = "30";

/// The uploads and their ports.
pub struct Uploads<L, O, P, C> {
    /// Tasks.
    pub ledger: L,
    /// The pipelines of the owners.
    pub pipelines: P,
    /// Where files go.
    pub objects: O,
    /// The time.
    pub clock: C,
    /// What makes ids unique.
    pub random: fn() -> Result<[u8; 10], PortError>,
    /// What the installation sets for its pipelines.
    pub variables: Variables,
    /// The pipelines that this instance has seen to be usable, and stored.
    pub kept: Mutex<HashSet<(Owner, PipelineRef)>>,
    /// What this process asks of the cloud.
    pub meter: Arc<dyn Meter>,
    /// The most tasks of an owner that have not ended; `None` is no limit.
    pub open_tasks: Option<u32>,
}

impl<L, O, P, C> Uploads<L, O, P, C>
where
    L: TaskLedger + TaskRegister + OpenTasks,
    O: ObjectReader + ObjectWriter + ObjectSigner,
    P: PipelineRegister,
    C: Clock,
{
    /// Answers a request of somebody whom `gate` lets in; what the gate asks for is on the task's account too.
    pub async fn serve(&self, request: Request, gate: &impl Gate) -> Response<Body> {
        self.meter.begin(false);
        filas_http::serve(request, gate, |call| self.answer(call)).await
    }

    async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        match (call.method(), call.segments().as_slice()) {
            (&Method::POST, ["tasks"]) => self.take_file(&call).await,
            (&Method::POST, ["uploads"]) => self.await_file(&call).await,
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    /// `POST /v1/tasks`: the body is the file.
    async fn take_file(&self, call: &Call) -> Result<Answer, Refusal> {
        let file = call.body();
        if file.len() as u64 > DIRECT_UPLOAD_BYTES {
            return Err(Problem::too_large(format!(
                "This call takes at most {DIRECT_UPLOAD_BYTES} bytes. Call POST /v1/uploads with \
                 {{\"filename\": …, \"size\": {}, \"pipeline\": …}} and PUT the file to the URL in its answer.",
                file.len()
            ))
            .into());
        }
        let mut wish = Wish::in_query(call)?;
        if records::are_missing(call) {
            return Err(Problem::bad_request("The body is declared as JSON, and is no JSON array of records.").into());
        }
        let records = records::are_in(call).then(|| records::read(file)).transpose()?;
        if records.is_some() {
            // However they were sent, it is seen now what they are.
            wish.media_type = Some(records::MEDIA_TYPE.to_owned());
        }
        let order = self.order(call, wish).await?;
        let task = self.register(call, order, &sha256_hex(file)).await?;
        if task.head.state == TaskState::AwaitingUpload {
            let media_type = task.head.order.media_type.as_deref().unwrap_or("application/octet-stream");
            let key = ObjectKey::upload(task.id);
            self.objects.put_traced(&key, media_type, task.trace(), file.to_vec()).await?;
        }
        let receipts = match records {
            Some(records) => {
                let Order { owner, pipeline, .. } = &task.head.order;
                let (_, pipeline) = self.compiled(owner, pipeline).await?;
                Some(records::receipts(task.id, &records, &pipeline))
            }
            None => None,
        };
        let accepted = AcceptedTask { task: TaskView::new(&task, self.clock.now()), receipts };
        Ok(Answer::json(202, &accepted).header("location", location(task.id)))
    }

    /// `POST /v1/uploads`: the file comes straight into the bucket.
    async fn await_file(&self, call: &Call) -> Result<Answer, Refusal> {
        let order = self.order(call, Wish::from(call.json::<UploadRequest>()?)).await?;
        let task = self.register(call, order, "by presigned upload").await?;
        let now = self.clock.now();
        // A key that is used again after the file came has nothing left to upload.
        let upload = match task.head.state {
            TaskState::AwaitingUpload => {
                let (key, size) = (ObjectKey::upload(task.id), task.head.order.size);
                let signed = self.objects.sign_put(&key, size, task.trace(), now).await?;
                Some(UploadForm {
                    method: signed.method,
                    url: signed.url,
                    headers: signed.headers,
                    expires: signed.expires.to_rfc3339(),
                })
            }
            _ => None,
        };
        let announced = AnnouncedUpload { task: TaskView::new(&task, now), upload };
        Ok(Answer::json(201, &announced).header("location", location(task.id)))
    }

    /// The order for this wish, with the version of its pipeline that it pins.
    async fn order(&self, call: &Call, wish: Wish) -> Result<Order, Refusal> {
        match catalogue::current(&self.pipelines, &call.owner, &wish.pipeline).await? {
            Some(pipeline) => Ok(wish.order(call.owner.clone(), pipeline)?),
            None => {
                let own = self.pipelines.pipelines(&call.owner, None, NAMES).await?;
                let own = own.iter().map(|own| own.pipeline.name.as_str());
                let names: Vec<&str> = own.chain(shipped::all().iter().map(|shipped| shipped.name)).collect();
                let wished: String = wish.pipeline.chars().take(64).collect();
                let detail = format!("There is no pipeline '{wished}'. There are: {}.", names.join(", "));
                Err(Problem::unprocessable("unknown-pipeline", "There is no such pipeline", detail).into())
            }
        }
    }

    /// The task for this order: a new one, or the one that an earlier call with the same key made.
    async fn register(&self, call: &Call, order: Order, content: &str) -> Result<Task, Refusal> {
        let now = self.clock.now();
        let key = idempotency_key(call)?.map(|key| IdempotencyKey {
            key,
            fingerprint: fingerprint(&order, content),
            expires: now.plus(IDEMPOTENCY_KEPT),
        });
        self.see_that_there_is_room(&order.owner, key.as_ref()).await?;
        let mut task = Task::registered(TaskId::new(now, (self.random)()?), order, now);
        task.head.split.usage = self.meter.take(USED_UNTIL_STORED);
        task.head.trace = Some(call.cause.map_or_else(|| task.trace(), |_| call.trace()));
        self.keep_pipeline(&task.head.order).await?;
        match self.ledger.register(&task, key.as_ref()).await? {
            Registered::New => {
                // A trace that the caller names is said with the request already.
                let trace_id = call.cause.is_none().then(|| task.trace().trace_id());
                let span_id = task.trace().span_id();
                let pipeline = &task.head.order.pipeline.name;
                info!(task = %task.id, pipeline, trace_id, span_id, "a task is registered");
                Ok(task)
            }
            Registered::Before { task: before, fingerprint } => {
                if key.is_some_and(|key| key.fingerprint != fingerprint) {
                    return Err(Problem::unprocessable(
                        "idempotency-key-reused",
                        "The Idempotency-Key was used for another request",
                        "A key names one request. Use a new one for this request, or repeat the earlier request as it was.",
                    )
                    .into());
                }
                let task = self.ledger.task(before).await?;
                let gone = "The task that this Idempotency-Key made was deleted. Send the request with a new key.";
                task.ok_or_else(|| Problem::conflict(gone).into())
            }
        }
    }

    /// Sees that the owner may have one more task. Many requests at once may get a few more in: what is counted is what was
    /// there a moment ago. A request that made its task before makes none now.
    async fn see_that_there_is_room(&self, owner: &Owner, key: Option<&IdempotencyKey>) -> Result<(), Refusal> {
        let Some(limit) = self.open_tasks else { return Ok(()) };
        if self.ledger.open_tasks(owner, limit).await? < limit {
            return Ok(());
        }
        if let Some(key) = key
            && self.ledger.remembers(owner, &key.key, self.clock.now()).await?
        {
            return Ok(());
        }
        info!(%owner, limit, "an owner has too many open tasks");
        let answer = Answer::problem(&Problem::too_many_tasks(limit)).header("retry-after", RETRY_AFTER);
        Err(Refusal::Answer(Box::new(answer)))
    }

    /// Sees, once for each instance, that the pipeline can be used in this installation, and stores its text for the
    /// tasks that pin it. What cannot work is said here, and not by a worker at the first row.
    async fn keep_pipeline(&self, Order { owner, pipeline, .. }: &Order) -> Result<(), Refusal> {
        let mut kept = self.kept.lock().await;
        let key = (owner.clone(), pipeline.clone());
        if kept.contains(&key) {
            return Ok(());
        }
        let (yaml, _) = self.compiled(owner, pipeline).await?;
        // An owner's own text is there since it was registered.
        if catalogue::shipped(&pipeline.name).as_ref() == Some(pipeline) {
            catalogue::keep(&self.objects, owner, pipeline, &yaml).await?;
        }
        kept.insert(key);
        Ok(())
    }

    /// The pipeline's text, and the pipeline ready to check rows.
    async fn compiled(&self, owner: &Owner, pipeline: &PipelineRef) -> Result<(String, Pipeline), Refusal> {
        let yaml = catalogue::text(&self.objects, owner, pipeline).await?;
        let compiled = parse(&yaml).and_then(|spec| Pipeline::compile(&spec, &self.variables));
        match compiled {
            Ok(compiled) => Ok((yaml, compiled)),
            Err(error) => {
                let detail = format!("The pipeline '{}': {}.", pipeline.name, error_chain(&error));
                Err(Problem::unprocessable("unusable-pipeline", "The pipeline cannot be used here", detail).into())
            }
        }
    }
}

/// The variable that says how many tasks of an owner may be open at once.
const OPEN_TASKS_VARIABLE: &str = "FILAS_OPEN_TASKS";

/// The most tasks of an owner that have not ended, as the variable says; `None` is no limit.
///
/// # Errors
/// When it is set to something else than a number; the error names it.
pub fn open_tasks_allowed(variable: impl Fn(&str) -> Option<String>) -> Result<Option<u32>, String> {
    match variable(OPEN_TASKS_VARIABLE).filter(|text| !text.trim().is_empty()) {
        None => Ok(Some(OPEN_TASKS)),
        Some(text) => {
            let number = text.trim().parse().map_err(|_| format!("{OPEN_TASKS_VARIABLE} is no whole number from 0"))?;
            Ok(Some(number).filter(|number| *number > 0))
        }
    }
}

/// Relative to the call's own URL, and so right behind every stage, domain and emulator (RFC 9110, section 10.2.2).
fn location(task: TaskId) -> String {
    format!("tasks/{task}")
}

/// Everything that makes two requests the same. A request names its pipeline and not the version of it, which may have
/// changed since.
fn fingerprint(order: &Order, content: &str) -> String {
    let mut order = order.clone();
    order.pipeline.version.clear();
    sha256_hex(json!([order, content]).to_string().as_bytes())
}

#[cfg(test)]
mod tests;
