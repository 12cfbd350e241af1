//! A path to a file, with what a browser should know of it.

use filas_domain::access::sha256_hex;
use lambda_http::http::header::{HeaderName, HeaderValue};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use tracing::info;

use crate::files::{FILES, File};

/// What the pages may do: their own scripts and styles, the API that serves them, the WebSocket beside it, and the storage
/// of presigned addresses, whose host nobody knows here. The digest is that of the import map in `index.html`.
pub const POLICY: &str = "default-src 'none'; script-src 'self' 'sha256-IMPORT_MAP'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self' https: wss: http://localhost:* http://127.0.0.1:* ws://localhost:* \
    ws://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The digest of the import map: a page may not run an inline script unless its header names it.
pub const IMPORT_MAP: &str = "14k67lCv8CNGOfvq0QHqJymCHDuRB7ZU0Omhj2/bQjQ=";

/// Answers one request: a file, or that there is none.
pub fn answer(request: &Request) -> Response<Body> {
    let path = request.uri().path();
    let tag_sent = request.headers().get("if-none-match").and_then(|value| value.to_str().ok());
    let response = match request.method() {
        &Method::GET | &Method::HEAD => respond(path, tag_sent),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET."),
    };
    info!(path, status = response.status().as_u16(), "file answered");
    response
}

fn respond(path: &str, tag_sent: Option<&str>) -> Response<Body> {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name == "app" {
        // Relative, and to a name in a folder, so that the page's own addresses are right behind every stage.
        let mut response = plain(StatusCode::FOUND, "");
        put(&mut response, "location", if path.ends_with('/') { "index.html" } else { "app/index.html" });
        return response;
    }
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => of_file(file, tag_sent),
        None => plain(StatusCode::NOT_FOUND, "There is no such file."),
    }
}

fn of_file(file: &File, tag_sent: Option<&str>) -> Response<Body> {
    let tag = format!("\"{}\"", &sha256_hex(file.text.as_bytes())[..32]);
    let mut response = if tag_sent == Some(tag.as_str()) {
        plain(StatusCode::NOT_MODIFIED, "")
    } else {
        Response::new(Body::Text(file.text.to_owned()))
    };
    put(&mut response, "content-type", file.media_type);
    put(&mut response, "etag", &tag);
    // Asked for every time and sent only when it changed: a new version is seen at once.
    put(&mut response, "cache-control", "no-cache");
    put(&mut response, "content-security-policy", &POLICY.replace("IMPORT_MAP", IMPORT_MAP));
    put(&mut response, "x-content-type-options", "nosniff");
    put(&mut response, "referrer-policy", "no-referrer");
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::Text(text.to_owned()));
    *response.status_mut() = status;
    put(&mut response, "content-type", "text/plain; charset=utf-8");
    response
}

fn put(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn ask(method: Method, path: &str, tag: Option<&str>) -> Response<Body> {
        let mut request = Request::new(Body::Empty);
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://host{path}").parse().unwrap();
        if let Some(tag) = tag {
            request.headers_mut().insert("if-none-match", tag.parse().unwrap());
        }
        answer(&request)
    }

    fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[test]
    fn files_are_served_behind_whatever_stage_and_nothing_else_is() {
        let check = |path: &str, status: u16, media_type: &str| {
            let response = ask(Method::GET, path, None);
            assert_eq!(response.status().as_u16(), status, "{path}");
            assert!(header(&response, "content-type").starts_with(media_type), "{path}");
        };
        check("/app/index.html", 200, "text/html");
        check("/api/app/main.js", 200, "text/javascript");
        check("/restapis/x/api/_user_request_/app/style.css", 200, "text/css");
        check("/app/../../etc/passwd", 404, "text/plain");
        check("/app/nothing.js", 404, "text/plain");
        assert_eq!(ask(Method::POST, "/app/index.html", None).status().as_u16(), 405);
        for (path, location) in [("/api/app", "app/index.html"), ("/api/app/", "index.html")] {
            assert_eq!(header(&ask(Method::GET, path, None), "location"), location);
        }
    }

    #[test]
    fn what_a_browser_has_already_is_not_sent_again() {
        let first = ask(Method::GET, "/app/main.js", None);
        let again = ask(Method::GET, "/app/main.js", Some(header(&first, "etag")));
        assert_eq!(again.status().as_u16(), 304);
        assert!(again.body().is_empty());
    }

    #[test]
    fn the_policy_allows_the_import_map_and_no_other_inline_script() {
        let index = FILES.iter().find(|file| file.name == "index.html").unwrap().text;
        let (_, rest) = index.split_once("<script type=\"importmap\">").unwrap();
        let (map, rest) = rest.split_once("</script>").unwrap();
        assert_eq!(IMPORT_MAP, STANDARD.encode(Sha256::digest(map.as_bytes())), "put this digest into handler.rs");
        assert!(rest.split("<script").skip(1).all(|script| script.contains("src=")), "an inline script would not run");
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        let ours = FILES.iter().filter(|file| !file.name.starts_with("vendor-"));
        for file in ours {
            for scheme in ["src=\"http", "href=\"http", "import(\"http", "from \"http", "url(http"] {
                assert!(!file.text.contains(scheme), "{} has {scheme}", file.name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web");
        let mut there: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.retain(|name| !name.ends_with(".md"));
        there.sort();
        let mut served: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        served.sort_unstable();
        assert_eq!(there, served);
    }
}
