//! The OpenAPI document, made from the types that are answered. The file in `docs` is what is served; a test here holds it
//! to this, and one of the end-to-end tests lets a property-based client hold the deployed API to the file.
//!
//! * [`operations`]: every call
//! * [`parts`]: parameters, bodies and answers

mod operations;
mod parts;

use std::collections::BTreeSet;
use std::path::Path;

use filas_domain::access::routes::ROUTES;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Makes references to the schemas of types.
pub struct Types(SchemaGenerator);

impl Types {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        Self(settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator())
    }

    /// The schema of a type that is answered, or a reference to it.
    pub fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }
}

fn document() -> Value {
    let mut types = Types::new();
    let mut paths = Map::new();
    for operation in operations::all(&mut types) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.described;
    }
    let mut schemas = types.0.take_definitions(true);
    schemas.values_mut().for_each(without_formats);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Filas",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A spreadsheet goes in, every row goes through a pipeline, and every row ends with an outcome. \
                            docs/API.md has an example of each call.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "The key of an owner." },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the issuer that the installation names, if it names one. Its `scope` says \
                                    what the caller may do.",
                },
            },
        },
    })
}

/// Takes out `"format": "uint32"` and the like, which are schemars' own.
fn without_formats(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            let is_own = |format: &str| format.starts_with("uint") || format.starts_with("int") || format == "double";
            if entries.get("format").and_then(Value::as_str).is_some_and(is_own) {
                entries.remove("format");
            }
            entries.values_mut().for_each(without_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_formats),
        _ => {}
    }
}

#[test]
fn the_document_has_the_calls_of_the_table_that_authorises_them_and_no_others() {
    let described: BTreeSet<(String, &str)> =
        operations::all(&mut Types::new()).iter().map(|call| (call.method.to_uppercase(), call.path)).collect();
    let authorised: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.to_owned(), route.path)).collect();
    assert_eq!(described, authorised);
}

#[test]
fn the_document_is_what_the_types_say() {
    let generated = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap_or_default());
    if std::env::var_os("FILAS_WRITE_OPENAPI").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        assert!(std::fs::write(file, &generated).is_ok(), "docs/openapi.json cannot be written");
    }
    assert!(
        generated == crate::OPENAPI,
        "docs/openapi.json is behind the types: run this test with FILAS_WRITE_OPENAPI=1"
    );
}
