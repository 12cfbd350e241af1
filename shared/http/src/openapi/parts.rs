//! Parameters, bodies and answers.

use filas_domain::access::{Scope, routes};
use filas_domain::limits::{IDEMPOTENCY_KEY_BYTES, PAGE, PAGE_MAX};
use filas_domain::problem::Problem;
use serde_json::{Map, Value, json};

use super::Types;

/// One call, described.
pub struct Operation {
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The method in lower case.
    pub method: &'static str,
    /// The rest, as OpenAPI has it.
    pub described: Value,
}

impl Operation {
    /// A call that is answered with 401 without a key, and with 500 when we are in trouble.
    pub fn new(types: &mut Types, method: &'static str, path: &'static str, id: &str, summary: &str) -> Self {
        let described = json!({ "operationId": id, "summary": summary, "parameters": [], "responses": {} });
        let operation = Self { path, method, described };
        let scope = routes::find(&method.to_uppercase(), path).and_then(|route| route.scope);
        let Some(scope) = scope else { return operation.open() };
        let operation = operation.needs(scope);
        operation
            .problem(types, 401, "No key, or none that is known, or one that has expired or was revoked.")
            .problem(types, 403, &format!("The key has not the scope {}.", scope.as_str()))
            .problem(types, 429, "The owner has called too often. Go on when `Retry-After` says.")
            .limited(429)
            .problem(types, 500, "Trouble on our side. It may help to try again.")
            .problem(
                types,
                503,
                "The issuer of the caller's token does not answer. Come again when `Retry-After` says.",
            )
    }

    fn needs(mut self, scope: Scope) -> Self {
        self.described["security"] = json!([{ "key": [scope.as_str()] }, { "token": [scope.as_str()] }]);
        self
    }

    /// The answer with this status says when to come again, and how often one may.
    pub fn limited(mut self, status: u16) -> Self {
        let field = |text: &str| json!({ "description": text, "schema": { "type": "string" } });
        self.described["responses"][status.to_string()]["headers"] = json!({
            "Retry-After": {
                "description": "Seconds.",
                "required": true,
                "schema": { "type": "integer", "minimum": 1 },
            },
            "RateLimit": field("What is left: `\"owner\";r=REQUESTS;t=SECONDS`. Every answer to a known caller has it."),
            "RateLimit-Policy": field("What there is: `\"owner\";q=REQUESTS;w=SECONDS`. Every answer to a known caller has it."),
        });
        self
    }

    /// With more to read.
    pub fn details(mut self, text: &str) -> Self {
        self.described["description"] = text.into();
        self
    }

    /// A call that needs no key.
    fn open(mut self) -> Self {
        self.described["security"] = json!([]);
        self
    }

    /// With a parameter.
    pub fn parameter(mut self, parameter: Value) -> Self {
        if let Some(parameters) = self.described["parameters"].as_array_mut() {
            parameters.push(parameter);
        }
        self
    }

    /// A list: with `limit` and `cursor`.
    pub fn paged(self, types: &mut Types) -> Self {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE });
        self.parameter(query("limit", "The most things on a page.", limit))
            .parameter(query(
                "cursor",
                "The `next_cursor` of the page before. It is opaque.",
                json!({ "type": "string", "minLength": 1 }),
            ))
            .problem(types, 400, "A parameter is not what it should be.")
    }

    /// With a body: media types and their schemas.
    pub fn body(mut self, required: bool, content: &[(&str, Value)]) -> Self {
        let content: Map<String, Value> = content
            .iter()
            .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema })))
            .collect();
        self.described["requestBody"] = json!({ "required": required, "content": content });
        self
    }

    /// Answered with JSON.
    pub fn answer(mut self, status: u16, text: &str, schema: Value) -> Self {
        self.described["responses"][status.to_string()] =
            json!({ "description": text, "content": { "application/json": { "schema": schema } } });
        self
    }

    /// Answered with something else.
    pub fn content(mut self, status: u16, text: &str, media_type: &str, schema: Value) -> Self {
        self.described["responses"][status.to_string()] =
            json!({ "description": text, "content": { media_type: { "schema": schema } } });
        self
    }

    /// Answered without a body.
    pub fn empty(mut self, status: u16, text: &str) -> Self {
        self.described["responses"][status.to_string()] = json!({ "description": text });
        self
    }

    /// The answer with this status has a header `Location`.
    pub fn location(mut self, status: u16, text: &str) -> Self {
        let location = json!({ "description": text, "required": true, "schema": { "type": "string" } });
        self.described["responses"][status.to_string()]["headers"] = json!({ "Location": location });
        self
    }

    /// Where to go on from the answer with this status: a call, and where in the answer or the request the task is named.
    pub fn link(mut self, status: u16, operation: &str, id: &str) -> Self {
        let link = json!({ "operationId": operation, "parameters": { "id": id } });
        self.described["responses"][status.to_string()]["links"][operation] = link;
        self
    }

    /// Answered with problem details.
    pub fn problem(mut self, types: &mut Types, status: u16, text: &str) -> Self {
        let schema = types.of::<Problem>();
        self.described["responses"][status.to_string()] =
            json!({ "description": text, "content": { "application/problem+json": { "schema": schema } } });
        self
    }

    /// A call about one task of the caller's.
    pub fn of_task(self, types: &mut Types) -> Self {
        let id = types.of::<filas_domain::TaskId>();
        self.parameter(path("id", "The task.", id)).problem(
            types,
            404,
            "There is no such thing, or it is somebody else's.",
        )
    }

    /// A call that makes something: with `Idempotency-Key`, and in a trace of the caller's.
    pub fn creates(self) -> Self {
        let schema = json!({
            "type": "string",
            "minLength": 1,
            "maxLength": IDEMPOTENCY_KEY_BYTES,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        });
        self.parameter(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key with the same request gives the same task, for 24 hours.",
            "schema": schema,
        }))
        .parameter(json!({
            "name": "traceparent",
            "in": "header",
            "description": "W3C Trace Context: the trace that the task, its requests to partners and its log lines belong \
                            to. What is none is ignored.",
            "schema": {"type": "string"},
        }))
    }
}

/// A parameter of the query.
pub fn query(name: &str, text: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": text, "schema": schema })
}

/// A parameter of the path.
pub fn path(name: &str, text: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": text, "schema": schema })
}
