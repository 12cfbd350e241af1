//! A person with a file: uploads it, gives commands, and does not let go before the task has ended well.

use std::rc::Rc;
use std::time::Duration;

use filas_domain::access::{OwnerKeys, sha256_hex};
use filas_domain::ids::{Owner, PipelineRef, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{Clock as _, ObjectWriter as _, PortError, TaskRegister as _};
use filas_domain::task::{Order, Task, TaskState};
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::scenario::{Command, Upload, Way};
use crate::world::{Process, World};

/// When API Gateway gives up on a function.
const LIMIT: Duration = Duration::from_secs(29);
/// How long a person waits before they try again what did not work.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a person looks whether the task has ended.
const LOOK_EVERY: Duration = Duration::from_secs(45);

/// A person with a file. [`World::person`] was told of them.
/// The file is called after its position `which` among the uploads.
pub async fn person(world: Rc<World>, actor: usize, which: usize, upload: Upload) {
    let person = Person { world: &world, actor, name: format!("person-{which}"), filename: format!("{which}.csv") };
    let id = person.hand_in(&upload).await;
    for (after, command) in &upload.commands {
        sleep(*after).await;
        person.command(id, *command).await;
    }
    person.see_it_through(id).await;
    world.person(false);
}

struct Person<'a> {
    world: &'a World,
    actor: usize,
    name: String,
    filename: String,
}

/// A request in the making.
struct Ask {
    method: &'static str,
    path: String,
    query: Value,
    body: String,
}

impl Person<'_> {
    async fn hand_in(&self, upload: &Upload) -> TaskId {
        match upload.pipeline() {
            Some(text) => self.register(upload, text).await,
            None => self.post(upload).await,
        }
    }

    /// A task under a pipeline that is not shipped comes past the upload function.
    async fn register(&self, upload: &Upload, text: String) -> TaskId {
        let objects = self.world.bucket.objects();
        let pipeline = PipelineRef { name: "own".into(), version: self.name.clone() };
        let owner: Owner = "acme".parse().unwrap_or_else(|_| unreachable!("it is a name"));
        objects.put(&ObjectKey::pipeline(&owner, &pipeline), "application/yaml", text.into_bytes()).await.ok();
        let csv = upload.csv(&self.name);
        let order = Order {
            owner,
            pipeline,
            filename: Some(self.filename.clone()),
            media_type: None,
            size: csv.len() as u64,
            sheet: None,
            batch_size: upload.batch_size,
        };
        let process = self.world.process(self.actor, &self.name);
        let uploads = self.world.uploads(&process);
        let random = (uploads.random)().unwrap_or_default();
        let now = process.clock.now();
        let task = Task::registered(TaskId::new(now, random), order, now);
        self.until_it_works(async || {
            self.in_a_process(async |uploads| uploads.ledger.register(&task, None).await).await
        })
        .await;
        self.put(task.id, upload, upload.way != Way::Never).await;
        task.id
    }

    async fn post(&self, upload: &Upload) -> TaskId {
        let csv = upload.csv(&self.name);
        let direct = upload.way == Way::Direct;
        let ask = if direct {
            Ask {
                method: "POST",
                path: "/v1/tasks".into(),
                query: json!({"pipeline": "simulate", "filename": self.filename, "batch_size": upload.batch_size.to_string()}),
                body: csv,
            }
        } else {
            let wish = json!({
                "pipeline": "simulate", "filename": self.filename, "size": csv.len(), "batch_size": upload.batch_size,
            });
            Ask { method: "POST", path: "/v1/uploads".into(), query: json!({}), body: wish.to_string() }
        };
        let answer = self.ask_until_answered(&ask).await;
        let task = if direct { &answer["id"] } else { &answer["task"]["id"] };
        let Some(id) = task.as_str().and_then(|id| id.parse().ok()) else {
            self.world.sim.fail(format!("the upload is answered by {answer}"));
            return std::future::pending().await;
        };
        self.put(id, upload, matches!(upload.way, Way::Presigned(_))).await;
        id
    }

    /// Puts the file into the bucket, where that is to be done, with the presigned request: no function is at work.
    async fn put(&self, id: TaskId, upload: &Upload, wanted: bool) {
        if let Way::Presigned(after) = upload.way {
            sleep(after).await;
        }
        if wanted {
            self.world.sim.note(&self.name, || format!("puts the file of {id}"));
            self.world.bucket.put(&ObjectKey::upload(id), "text/csv", upload.csv(&self.name).into_bytes()).await.ok();
        }
    }

    async fn command(&self, id: TaskId, command: Command) {
        let (method, path, body) = command.call();
        self.world.sim.note(&self.name, || format!("wants {command:?}"));
        let ask = Ask { method, path: format!("/v1/tasks/{id}{path}"), query: json!({}), body: body.into() };
        self.ask_until_answered(&ask).await;
    }

    /// Until the task has ended, and no row was given up that the person could have put through again.
    async fn see_it_through(&self, id: TaskId) {
        loop {
            let Some(task) = self.world.books.task(id) else {
                if self.world.books.is_being_erased(id) {
                    sleep(LOOK_EVERY).await;
                    continue;
                }
                return;
            };
            match task.head.state {
                TaskState::Paused => self.command(id, Command::Resume).await,
                _ if !task.head.state.is_final() => {}
                _ if task.tally.dead > 0 => self.command(id, Command::RedriveDead).await,
                _ => return,
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks until a function has answered without trouble of its own: the person tries again.
    async fn ask_until_answered(&self, ask: &Ask) -> Value {
        self.until_it_works(async || self.ask(ask).await).await
    }

    async fn until_it_works<T>(&self, attempt: impl AsyncFn() -> Option<T>) -> T {
        loop {
            if let Some(answer) = attempt().await {
                return answer;
            }
            sleep(PATIENCE).await;
        }
    }

    /// One call of a port in a process of its own; `None` when that did not work.
    async fn in_a_process<T>(
        &self,
        work: impl AsyncFn(&crate::world::AnyUploads) -> Result<T, PortError>,
    ) -> Option<T> {
        let process = self.world.process(self.actor, &self.name);
        let uploads = self.world.uploads(&process);
        self.world.invoke(&process, LIMIT, false, work(&uploads)).await?.ok()
    }

    /// The answer to a call, in a process of its own; `None` when there is none, or one that is the function's fault.
    async fn ask(&self, ask: &Ask) -> Option<Value> {
        let request = ask.request(&self.name)?;
        let keys = OwnerKeys::parse(&format!("acme={}", sha256_hex(b"acme-key"))).ok()?;
        let process = self.world.process(self.actor, &format!("{}'s call", self.name));
        let response = self.serve(&process, request, &keys, ask).await?;
        let status = response.status().as_u16();
        self.world.sim.note(&self.name, || format!("{} {} is answered {status}", ask.method, ask.path));
        if status >= 500 {
            return None;
        }
        match response.body() {
            Body::Text(text) => serde_json::from_str(text).ok(),
            _ => Some(Value::Null),
        }
    }

    async fn serve(&self, process: &Process, request: Request, keys: &OwnerKeys, ask: &Ask) -> Option<Response<Body>> {
        if ask.path == "/v1/tasks" || ask.path == "/v1/uploads" {
            let uploads = self.world.uploads(process);
            self.world.invoke(process, LIMIT, false, uploads.serve(request, keys)).await
        } else {
            let answers = self.world.answers(process);
            let serve = filas_http::serve(request, keys, |call| answers.answer(call));
            self.world.invoke(process, LIMIT, false, serve).await
        }
    }
}

impl Ask {
    fn request(&self, person: &str) -> Option<Request> {
        let headers = json!({
            "authorization": "Bearer acme-key",
            "content-type": if self.path == "/v1/tasks" { "text/csv" } else { "application/json" },
            "idempotency-key": format!("{person} {}", self.path),
        });
        let event = json!({
            "resource": "/{proxy+}", "path": self.path, "httpMethod": self.method, "headers": headers,
            "queryStringParameters": self.query, "body": self.body, "isBase64Encoded": false,
            "requestContext": {
                "resourcePath": "/{proxy+}", "httpMethod": self.method, "requestId": "request-1", "identity": {},
            },
        });
        lambda_http::request::from_str(&event.to_string()).ok()
    }
}

/// The results of a task as its owner gets them, when nothing goes wrong.
pub async fn results(world: &World, id: TaskId) -> Result<Vec<u8>, String> {
    let person = Person { world, actor: 0, name: "reader".into(), filename: String::new() };
    let ask = Ask { method: "GET", path: format!("/v1/tasks/{id}/results"), query: json!({}), body: String::new() };
    let (request, keys) = (ask.request("reader"), OwnerKeys::parse(&format!("acme={}", sha256_hex(b"acme-key"))));
    let (Some(request), Ok(keys)) = (request, keys) else { return Err("the request cannot be made".into()) };
    let process = world.process(0, "reader");
    let response = person.serve(&process, request, &keys, &ask).await.ok_or("nobody answers")?;
    let location = response.headers().get("location").and_then(|location| location.to_str().ok());
    let key = location.and_then(|url| url.strip_prefix("memory://")).and_then(|rest| rest.split('?').next());
    let key = key.ok_or_else(|| format!("the results are answered {} {:?}", response.status(), response.body()))?;
    let objects = world.bucket.objects();
    let found = objects.keys().into_iter().find(|object| object.as_str() == key);
    found.and_then(|key| objects.bytes(&key)).ok_or_else(|| format!("there is no object {key}"))
}
