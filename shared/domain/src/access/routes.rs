//! The scope that each call of the API needs. The layer that authorises calls, the OpenAPI document and the tests all go
//! by this one table; a call that is not in it reaches no handler.

use super::scope::Scope;

/// A call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method in capitals.
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What the caller has to be allowed; `None` is for everybody, without any key.
    pub scope: Option<Scope>,
}

const fn route(method: &'static str, path: &'static str, scope: Scope) -> Route {
    Route { method, path, scope: Some(scope) }
}

/// Every call.
pub const ROUTES: [Route; 29] = [
    Route { method: "GET", path: "/v1/openapi.json", scope: None },
    route("POST", "/v1/tasks", Scope::Write),
    route("POST", "/v1/uploads", Scope::Write),
    route("GET", "/v1/tasks", Scope::Read),
    route("GET", "/v1/tasks/{id}", Scope::Read),
    route("DELETE", "/v1/tasks/{id}", Scope::Operate),
    route("GET", "/v1/tasks/{id}/batches", Scope::Read),
    route("GET", "/v1/tasks/{id}/batches/{n}", Scope::Read),
    route("GET", "/v1/tasks/{id}/audit", Scope::Read),
    route("GET", "/v1/tasks/{id}/rows", Scope::Read),
    route("GET", "/v1/tasks/{id}/rows/{row}", Scope::Read),
    route("GET", "/v1/receipts/{receipt}", Scope::Read),
    route("GET", "/v1/tasks/{id}/results", Scope::Read),
    route("GET", "/v1/tasks/{id}/failures", Scope::Read),
    route("POST", "/v1/tasks/{id}/cancel", Scope::Operate),
    route("POST", "/v1/tasks/{id}/pause", Scope::Operate),
    route("POST", "/v1/tasks/{id}/resume", Scope::Operate),
    route("POST", "/v1/tasks/{id}/redrive", Scope::Operate),
    route("GET", "/v1/pipelines", Scope::Read),
    route("GET", "/v1/pipelines/schema.json", Scope::Read),
    route("GET", "/v1/pipelines/{name}", Scope::Read),
    route("PUT", "/v1/pipelines/{name}", Scope::Operate),
    route("POST", "/v1/pipelines/{name}/check", Scope::Write),
    route("GET", "/v1/records/{pipeline}", Scope::Read),
    route("GET", "/v1/queues", Scope::Read),
    // To look on needs no more than to ask.
    route("POST", "/v1/tickets", Scope::Read),
    // Also the list of keys is not for who may only read: it says which keys there are to be looked for.
    route("POST", "/v1/keys", Scope::Operate),
    route("GET", "/v1/keys", Scope::Operate),
    route("DELETE", "/v1/keys/{id}", Scope::Operate),
];

/// The call with this method and path.
pub fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == method && matches(route.path, path.trim_end_matches('/')))
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut expected, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (expected.next(), segments.next()) {
            (None, None) => return true,
            (Some(expected), Some(segment)) if expected == segment => {}
            (Some(expected), Some(segment)) if expected.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_by_its_method_and_path() {
        for (method, path, expected) in [
            ("GET", "/v1/tasks", Some(Some(Scope::Read))),
            ("GET", "/v1/tasks/", Some(Some(Scope::Read))),
            ("POST", "/v1/tasks", Some(Some(Scope::Write))),
            ("DELETE", "/v1/tasks/1", Some(Some(Scope::Operate))),
            ("POST", "/v1/tasks/1/cancel", Some(Some(Scope::Operate))),
            ("POST", "/v1/pipelines/a/check", Some(Some(Scope::Write))),
            ("PUT", "/v1/pipelines/a", Some(Some(Scope::Operate))),
            ("GET", "/v1/openapi.json", Some(None)),
            ("PUT", "/v1/tasks", None),
            ("get", "/v1/tasks", None),
            ("GET", "/v1/tasks//rows", None),
            ("GET", "/v1/tasks/1/else", None),
            ("GET", "/v1", None),
            ("GET", "", None),
        ] {
            assert_eq!(find(method, path).map(|route| route.scope), expected, "{method} {path}");
        }
    }

    #[test]
    fn only_reading_and_the_document_are_possible_without_changing_anything() {
        for route in ROUTES {
            let changes = matches!(route.scope, Some(Scope::Write | Scope::Operate));
            // A ticket is made, and with it one can only look on.
            let is_ticket = route.path == "/v1/tickets";
            assert!(changes || is_ticket || route.method == "GET", "{route:?}");
        }
    }
}
