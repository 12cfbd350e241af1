//! Who may do what, on the deployed template: keys and their scopes, tokens of an issuer, owners, rates and quotas.
#![cfg(feature = "cloud")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use filas_domain::access::Scope;
use filas_domain::access::routes::{self, ROUTES};
use filas_domain::view::{KeyRequest, NewKey, TaskView};
use filas_e2e::Stack;
use filas_testkit::issuer::{AUDIENCE, SigningKey, encode};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

const CSV: &str =
    "order_id,sku,customer,quantity,unit_price,currency,order_date\nA1,00012345,Zoë,3,1.5,EUR,2024-01-02\n";

/// A task that nobody has.
const NOBODYS: &str = "01890000-0000-7000-8000-000000000000";

/// An answer, whole.
#[derive(Debug)]
struct Answered {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    fn is_problem(&self, status: u16, kind: &str) -> bool {
        self.status == status
            && self.header("content-type") == "application/problem+json"
            && self.json()["type"] == format!("/problems/{kind}")
    }
}

/// Somebody who calls a stack.
struct Caller {
    url: String,
    key: Option<String>,
    agent: Agent,
}

impl Caller {
    fn new(stack: &Stack, key: Option<&str>) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
        Self { url: stack.url.clone(), key: key.map(str::to_owned), agent: config.build().new_agent() }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answered> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if !body.is_empty() {
            let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
            request = request.header("content-type", kind);
        }
        let answer = match method {
            "GET" | "DELETE" => self.agent.run(request.body(())?)?,
            _ => self.agent.run(request.body(body)?)?,
        };
        let (parts, mut body) = answer.into_parts();
        let body = body.read_to_string()?;
        Ok(Answered { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn get(&self, path: &str) -> Result<Answered> {
        self.ask("GET", path, "")
    }
}

fn key_with(stack: &Stack, scopes: &[Scope], expires: Option<String>) -> Result<NewKey> {
    let request = KeyRequest { name: "of a test".to_owned(), scopes: scopes.to_vec(), expires };
    Ok(stack.client().create_key(&request)?)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn in_seconds(seconds: u64) -> String {
    filas_domain::clock::Timestamp::from_millis(now().as_millis() as u64 + seconds * 1000).to_rfc3339()
}

fn unique(name: &str) -> String {
    format!("{name}-{:x}", now().as_nanos())
}

/// Every call of the OpenAPI document, with something in the place of its parameters.
fn calls() -> Result<Vec<(String, String, String)>> {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json"))?;
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for method in methods.as_object().context("no methods")?.keys() {
            let filled = path
                .replace("{id}", if path.starts_with("/v1/keys") { "0123456789abcdef" } else { NOBODYS })
                .replace("{receipt}", &format!("{NOBODYS}.1"))
                .replace("{n}", "0")
                .replace("{row}", "2")
                .replace("{name}", "orders")
                .replace("{pipeline}", "orders");
            calls.push((method.to_uppercase(), path.clone(), filled));
        }
    }
    ensure!(calls.len() == ROUTES.len(), "{} calls", calls.len());
    Ok(calls)
}

#[test]
fn every_call_of_the_document_is_closed_to_who_has_no_good_key() -> Result<()> {
    let stack = Stack::main()?;
    let expired = key_with(&stack, &Scope::ALL, Some(in_seconds(2)))?;
    let revoked = key_with(&stack, &Scope::ALL, None)?;
    stack.client().revoke_key(&revoked.view.id)?;
    std::thread::sleep(Duration::from_millis(2_500));
    for key in [None, Some(""), Some("wrong"), Some(expired.key.as_str()), Some(&revoked.key)] {
        let caller = Caller::new(&stack, key);
        for (method, path, filled) in calls()? {
            let answered = caller.ask(&method, &filled, "")?;
            if path == "/v1/openapi.json" {
                ensure!(answered.status == 200, "{answered:?}");
                continue;
            }
            ensure!(answered.is_problem(401, "unauthorized"), "{method} {path}: {answered:?}");
            ensure!(answered.header("www-authenticate") == "Bearer", "{method} {path}: {answered:?}");
        }
    }
    Ok(())
}

#[test]
fn a_key_opens_the_calls_of_its_scopes_and_no_others() -> Result<()> {
    let stack = Stack::main()?;
    for scope in Scope::ALL {
        let key = key_with(&stack, &[scope], None)?;
        let caller = Caller::new(&stack, Some(&key.key));
        let mut opened = 0;
        for (method, path, filled) in calls()? {
            let needed = routes::find(&method, &filled).context("not in the table")?.scope;
            let answered = caller.ask(&method, &filled, "")?;
            if needed.is_some_and(|needed| needed != scope) {
                ensure!(answered.is_problem(403, "forbidden"), "{scope:?}: {method} {path}: {answered:?}");
            } else {
                ensure!(![401, 403].contains(&answered.status), "{scope:?}: {method} {path}: {answered:?}");
                opened += 1;
            }
        }
        ensure!(opened > 1, "{scope:?} opened {opened} calls");
        stack.client().revoke_key(&key.view.id)?;
    }
    Ok(())
}

#[test]
fn a_key_is_good_in_every_function_until_seconds_after_it_is_revoked() -> Result<()> {
    let stack = Stack::main()?;
    let key = key_with(&stack, &Scope::ALL, None)?;
    let caller = Caller::new(&stack, Some(&key.key));
    // One call for each function with an HTTP front.
    let asked =
        [("GET", "/v1/tasks"), ("POST", "/v1/tasks?pipeline=nothing"), ("GET", "/v1/pipelines"), ("GET", "/v1/keys")];
    for (method, path) in asked {
        let answered = caller.ask(method, path, CSV)?;
        ensure!(answered.status != 401, "{method} {path}: {answered:?}");
    }
    let listed = stack.client().keys()?;
    ensure!(listed.iter().any(|view| view.id == key.view.id && view.revoked.is_none()), "{listed:?}");
    stack.client().revoke_key(&key.view.id)?;
    let revoked = Instant::now();
    for (method, path) in asked {
        while caller.ask(method, path, CSV)?.status != 401 {
            ensure!(revoked.elapsed() < Duration::from_secs(5), "{method} {path} is open to a revoked key");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    println!("closed everywhere {:.1} s after the key was revoked", revoked.elapsed().as_secs_f64());
    let listed = stack.client().keys()?;
    ensure!(listed.iter().any(|view| view.id == key.view.id && view.revoked.is_some()), "{listed:?}");
    Ok(())
}

/// The answer without what names the thing that was asked for, and what is another each time.
fn comparable(answered: &Answered, names: &[&str]) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = answered
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .filter(|(name, _)| {
            let volatile = ["date", "ratelimit", "content-length"];
            !volatile.contains(&name.as_str()) && !name.contains("request") && !name.starts_with("x-amz")
        })
        .collect();
    headers.sort();
    let body = names.iter().fold(answered.body.clone(), |body, name| body.replace(name, "NAME"));
    (answered.status, headers, body)
}

#[test]
fn what_belongs_to_another_is_answered_as_what_is_not_there() -> Result<()> {
    let stack = Stack::main()?;
    let (mine, theirs) = (Caller::new(&stack, Some(&stack.key)), Caller::new(&stack, Some(&stack.other_key)));
    let made = mine.ask("POST", "/v1/tasks?pipeline=orders-check&filename=a.csv", CSV)?;
    let task: TaskView = serde_json::from_str(&made.body)?;
    stack.wait(task.id)?;
    let key = key_with(&stack, &[Scope::Read], None)?;
    let pipeline = unique("of-one");
    let yaml = format!("name: {pipeline}\ndeliver: none\n");
    let put = mine.ask("PUT", &format!("/v1/pipelines/{pipeline}"), &yaml)?;
    ensure!(put.status == 201, "{put:?}");
    let (task, nothing) = (task.id.to_string(), unique("nothing-at-all"));
    let nobodys_key = "0123456789abcdef";
    let mut compared = 0;
    for route in ROUTES.iter().filter(|route| route.path.contains('{')) {
        let named = |task: &str, key: &str, pipeline: &str| {
            let id = if route.path.starts_with("/v1/keys") { key } else { task };
            let receipt = format!("{task}.2");
            let path = route.path.replace("{id}", id).replace("{receipt}", &receipt).replace("{n}", "0");
            path.replace("{row}", "2").replace("{name}", pipeline).replace("{pipeline}", pipeline)
        };
        // A name is free for every owner: to put one's own pipeline under it touches nobody's.
        if route.method == "PUT" {
            continue;
        }
        let body = if route.path.ends_with("redrive") { r#"{"dead":true}"# } else { CSV };
        let body = if route.method == "POST" { body } else { "" };
        let of_another = theirs.ask(route.method, &named(&task, &key.view.id, &pipeline), body)?;
        let of_nobody = theirs.ask(route.method, &named(NOBODYS, nobodys_key, &nothing), body)?;
        let names = [task.as_str(), NOBODYS, &key.view.id, nobodys_key, &pipeline, &nothing];
        let (of_another, of_nobody) = (comparable(&of_another, &names), comparable(&of_nobody, &names));
        ensure!(of_another == of_nobody, "{route:?}:\n{of_another:?}\n{of_nobody:?}");
        // Records of a pipeline are a list, which is empty for both.
        ensure!(of_another.0 == if route.path.contains("records") { 200 } else { 404 }, "{route:?}: {of_another:?}");
        compared += 1;
    }
    ensure!(compared >= 17, "{compared} calls were compared");
    // Nothing of it touched what is another's.
    ensure!(mine.get(&format!("/v1/tasks/{task}"))?.status == 200);
    ensure!(mine.get(&format!("/v1/pipelines/{pipeline}"))?.status == 200);
    ensure!(Caller::new(&stack, Some(&key.key)).get("/v1/tasks")?.status == 200, "the key was revoked by another");
    for list in ["/v1/tasks?limit=500", "/v1/keys?limit=500", "/v1/pipelines?limit=500"] {
        let body = theirs.get(list)?.body;
        ensure!([&task, &key.view.id, &pipeline].iter().all(|name| !body.contains(name.as_str())), "{list}: {body}");
    }
    stack.client().revoke_key(&key.view.id)?;
    Ok(())
}

/// What a token of the tests' issuer says.
fn claims(stack: &Stack, subject: &str, scope: &str) -> Value {
    let now = now().as_secs();
    json!({ "iss": stack.issuer, "aud": AUDIENCE, "sub": subject, "scope": scope, "exp": now + 600, "nbf": now - 5 })
}

#[test]
fn a_token_of_the_issuer_opens_what_its_scope_says() -> Result<()> {
    let stack = Stack::strict()?;
    let everything = "openid filas:read filas:write filas:operate";
    for signed_by in [SigningKey::RsaOne, SigningKey::EcOne] {
        let subject = unique("auth0|user");
        let token = signed_by.token(&claims(&stack, &subject, everything));
        let caller = Caller::new(&stack, Some(&token));
        let made = caller.ask("POST", "/v1/tasks?pipeline=orders-check&filename=a.csv", CSV)?;
        ensure!(made.status == 202, "{made:?}");
        let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
        for path in ["/v1/tasks", "/v1/pipelines", "/v1/keys"] {
            ensure!(caller.get(path)?.status == 200, "{path}");
        }
        // Another token of the same subject, which may only look; and one of another subject.
        let reader = Caller::new(&stack, Some(&signed_by.token(&claims(&stack, &subject, "filas:read"))));
        ensure!(reader.get(&format!("/v1/tasks/{id}"))?.status == 200);
        ensure!(reader.ask("DELETE", &format!("/v1/tasks/{id}"), "")?.is_problem(403, "forbidden"));
        let other = unique("another");
        let other = Caller::new(&stack, Some(&signed_by.token(&claims(&stack, &other, everything))));
        ensure!(other.get(&format!("/v1/tasks/{id}"))?.is_problem(404, "not-found"));
        // A key that a token made belongs to the same owner.
        let key = caller.ask("POST", "/v1/keys", r#"{"name":"ci","scopes":["read"]}"#)?;
        ensure!(key.status == 201, "{key:?}");
        let key = key.json()["key"].as_str().unwrap_or_default().to_owned();
        ensure!(Caller::new(&stack, Some(&key)).get(&format!("/v1/tasks/{id}"))?.status == 200);
    }
    // A stack that names no issuer takes none of its tokens.
    let token = SigningKey::RsaOne.token(&claims(&stack, "local", everything));
    ensure!(Caller::new(&Stack::main()?, Some(&token)).get("/v1/tasks")?.is_problem(401, "unauthorized"));
    Ok(())
}

#[test]
fn a_token_that_was_tampered_with_opens_nothing() -> Result<()> {
    let stack = Stack::strict()?;
    let key = SigningKey::RsaOne;
    let good = claims(&stack, &unique("tampered"), "filas:read");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key.token(&claims)
    };
    let header = |alg: &str| encode(json!({ "alg": alg, "kid": key.kid() }).to_string().as_bytes());
    let payload = encode(good.to_string().as_bytes());
    let token = key.token(&good);
    let (signed, signature) = token.rsplit_once('.').context("no token")?;
    let other = encode(claims(&stack, "local", "filas:read").to_string().as_bytes());
    for (what, token) in [
        ("no signature", format!("{}.{payload}.", header("none"))),
        ("an HMAC", format!("{}.{payload}.{signature}", header("HS256"))),
        ("another's claims", format!("{}.{other}.{signature}", signed.split('.').next().unwrap_or_default())),
        ("another issuer", with("iss", json!("https://issuer.example"))),
        ("another audience", with("aud", json!("another"))),
        ("expired", with("exp", json!(now().as_secs() - 60))),
        ("not yet", with("nbf", json!(now().as_secs() + 600))),
        ("an unpublished key", SigningKey::RsaTwo.token(&good)),
        (
            "an unpublished key under a published name",
            SigningKey::RsaTwo.token_with(&json!({ "alg": "RS256", "kid": key.kid() }), &good),
        ),
    ] {
        for path in ["/v1/tasks", "/v1/pipelines"] {
            let answered = Caller::new(&stack, Some(&token)).get(path)?;
            ensure!(answered.is_problem(401, "unauthorized"), "{what}: {answered:?}");
        }
    }
    ensure!(Caller::new(&stack, Some(&token)).get("/v1/tasks")?.status == 200);
    Ok(())
}

#[test]
fn an_owner_who_calls_too_often_is_told_when_to_go_on_and_others_are_served() -> Result<()> {
    let stack = Stack::strict()?;
    let caller =
        |name: &str| Caller::new(&stack, Some(&SigningKey::EcOne.token(&claims(&stack, &unique(name), "filas:read"))));
    let busy = caller("busy");
    let limit = stack.requests_per_minute;
    // A minute may end meanwhile, and another begin.
    let mut refused = None;
    for _ in 0..4 * limit {
        // By turns through two functions: the counter is one for all.
        for path in ["/v1/tasks", "/v1/pipelines"] {
            let answered = busy.get(path)?;
            ensure!(answered.header("ratelimit-policy") == format!("\"owner\";q={limit};w=60"), "{answered:?}");
            match answered.status {
                200 => ensure!(answered.header("ratelimit").starts_with("\"owner\";r="), "{answered:?}"),
                _ => refused = Some(answered),
            }
        }
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.context("nothing was refused")?;
    ensure!(refused.is_problem(429, "too-many-requests"), "{refused:?}");
    ensure!((1..=60).contains(&refused.header("retry-after").parse::<u64>()?), "{refused:?}");
    ensure!(refused.header("ratelimit").starts_with("\"owner\";r=0;t="), "{refused:?}");
    ensure!(caller("quiet").get("/v1/tasks")?.status == 200);
    Ok(())
}

#[test]
fn an_owner_with_too_many_open_tasks_waits_until_one_ends() -> Result<()> {
    let stack = Stack::strict()?;
    let scopes = "filas:read filas:write filas:operate";
    let caller =
        |name: &str| Caller::new(&stack, Some(&SigningKey::EcOne.token(&claims(&stack, &unique(name), scopes))));
    let (busy, quiet) = (caller("many"), caller("few"));
    let announced = json!({ "pipeline": "orders-check", "filename": "a.csv", "size": 9 }).to_string();
    let mut first = None;
    for _ in 0..stack.open_tasks {
        let answered = busy.ask("POST", "/v1/uploads", &announced)?;
        ensure!(answered.status == 201, "{answered:?}");
        first.get_or_insert(answered.json()["task"]["id"].as_str().unwrap_or_default().to_owned());
    }
    for (path, body) in [("/v1/uploads", announced.as_str()), ("/v1/tasks?pipeline=orders-check", CSV)] {
        let refused = busy.ask("POST", path, body)?;
        ensure!(refused.is_problem(429, "too-many-tasks"), "{refused:?}");
        ensure!(refused.header("retry-after").parse::<u64>().is_ok(), "{refused:?}");
        ensure!(quiet.ask("POST", path, body)?.status < 300);
    }
    let cancelled = busy.ask("POST", &format!("/v1/tasks/{}/cancel", first.context("no task")?), "")?;
    ensure!(cancelled.status == 202, "{cancelled:?}");
    let again = busy.ask("POST", "/v1/uploads", &announced)?;
    ensure!(again.status == 201, "{again:?}");
    Ok(())
}
