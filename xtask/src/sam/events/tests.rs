use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use filas_domain::delivery::{QueueEvent, UploadEvent};
use filas_domain::event::Event;
use filas_domain::message::BatchMessage;
use filas_domain::report::ReportMessage;

use super::*;
use crate::build::FUNCTIONS;
use crate::workspace::Workspace;

fn read(path: &str) -> String {
    let path = Workspace::find().unwrap().root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn event(name: &str) -> Value {
    serde_json::from_str(&read(&format!("{FOLDER}/{name}.json"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What invokes each function, by the template: `SQS`, `DynamoDB`, `Api`, `Schedule`.
fn sources() -> BTreeMap<String, BTreeSet<String>> {
    let template = read("template.yaml");
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut resource, mut function) = (String::new(), None);
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        match (indent, line.trim()) {
            (2, name) if name.ends_with(':') => (resource, function) = (name.trim_end_matches(':').to_owned(), None),
            (4, "Type: AWS::Serverless::Function") => {
                sources.entry(resource.clone()).or_default();
                function = Some(resource.clone());
            }
            (10, kind) if kind.starts_with("Type: ") => {
                if let Some(function) = &function {
                    sources.get_mut(function).unwrap().insert(kind["Type: ".len()..].to_owned());
                }
            }
            _ => {}
        }
    }
    sources
}

/// By which of them an event comes.
fn source_of(event: &Value) -> &'static str {
    match event["Records"][0]["eventSource"].as_str() {
        Some("aws:sqs") => "SQS",
        Some("aws:dynamodb") => "DynamoDB",
        Some(other) => panic!("{other}"),
        None if event["source"] == "aws.events" => "Schedule",
        None if event["requestContext"]["connectionId"].is_string() => "WebSocket",
        None => "Api",
    }
}

#[test]
fn every_function_of_the_template_has_an_event_for_each_way_in_which_it_is_invoked() {
    let mut sources = sources();
    // Its WebSocket API is made of resources of its own.
    sources.get_mut("Live").unwrap().insert("WebSocket".to_owned());
    assert_eq!(sources.len(), FUNCTIONS.len());
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in &STEPS {
        shown.entry(step.logical_id()).or_default().insert(source_of(&event(step.event)).to_owned());
    }
    assert_eq!(shown, sources);
    for function in FUNCTIONS {
        assert!(STEPS.iter().any(|step| step.event == function), "events/{function}.json is what a person looks for");
    }
}

#[test]
fn no_file_lies_beside_the_events_that_nobody_runs() {
    let folder = Workspace::find().unwrap().root().join(FOLDER);
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "orders.csv")
        .collect();
    assert_eq!(files, STEPS.iter().map(|step| format!("{}.json", step.event)).collect());
}

#[test]
fn the_messages_are_what_their_functions_read() {
    let check = |name: &str, reads: fn(&str)| {
        let event: QueueEvent = serde_json::from_value(event(name)).unwrap();
        assert!(!event.deliveries.is_empty(), "{name}");
        for delivery in &event.deliveries {
            assert!(delivery.sent().is_some() && delivery.body.contains(Samples::TASK), "{name}: {delivery:?}");
            reads(&delivery.body);
        }
    };
    let task = || Samples::TASK.parse().unwrap();
    check("split", |body| {
        assert_eq!(UploadEvent::decode(body).unwrap(), UploadEvent::Arrived(vec![Samples::TASK.parse().unwrap()]));
    });
    for name in ["processor", "dead-letter"] {
        check(name, |body| assert_eq!(BatchMessage::decode(body).unwrap().task, Samples::TASK.parse().unwrap()));
    }
    check("report", |body| {
        assert_eq!(ReportMessage::decode(body).unwrap().finished.as_millis().to_string(), Samples::FINISHED);
    });
    for name in ["webhook", "live.queue"] {
        check(name, |body| assert_eq!(serde_json::from_str::<Event>(body).unwrap().kind, "filas.task.completed"));
    }
    assert_eq!(event("processor")["Records"][0]["body"], event("dead-letter")["Records"][0]["body"]);
    let message = event("processor")["Records"][0]["body"].as_str().map(BatchMessage::decode).unwrap().unwrap();
    assert_eq!((message.task, message.plan.rows as usize), (task(), read("events/orders.csv").lines().count() - 1));
}

#[test]
fn the_records_of_the_stream_have_what_the_table_has() {
    for name in ["notify", "report.stream"] {
        let records = event(name)["Records"].as_array().unwrap().clone();
        for record in &records {
            let change = &record["dynamodb"];
            assert_eq!(change["Keys"]["pk"]["S"], format!("TASK#{}", Samples::TASK), "{name}");
            assert_eq!(change["Keys"]["sk"], change["NewImage"]["sk"], "{name}");
            assert!(change["SequenceNumber"].is_string() && change["StreamViewType"] == "NEW_AND_OLD_IMAGES", "{name}");
        }
        let end = &records.last().unwrap()["dynamodb"];
        assert_eq!(end["NewImage"]["head"]["M"]["state"]["S"], "completed_with_failures", "{name}");
        assert_eq!(end["NewImage"]["head"]["M"]["finished"]["N"], Samples::FINISHED, "{name}");
        assert_eq!(end["OldImage"]["head"]["M"]["state"]["S"], "processing", "{name}");
    }
}

#[test]
fn the_calls_of_the_api_are_in_its_document() {
    let document: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    for name in ["upload", "status", "pipelines", "keys", "live.tickets"] {
        let event = event(name);
        let resource = event["resource"].as_str().unwrap();
        let method = event["httpMethod"].as_str().unwrap().to_lowercase();
        assert!(document["paths"][resource][method.as_str()].is_object(), "{name}: {method} {resource}");
        assert_eq!(event["headers"]["Authorization"], format!("Bearer {KEY}"), "{name}");
    }
    assert_eq!(event("upload")["body"], read("events/orders.csv"));
}

#[test]
fn samples_are_replaced_by_what_was_learnt() {
    let mut samples = Samples::default();
    let answer = |body: Value| serde_json::json!({ "statusCode": 202, "body": body.to_string() });
    samples.learn(&STEPS[0], &answer(serde_json::json!({ "id": "t", "pipeline": { "version": "v" } }))).unwrap();
    assert_eq!(samples.put_into(&format!("{} {} x", Samples::TASK, Samples::VERSION)), "t v x");
    assert!(samples.learn(&STEPS[0], &answer(Value::Null)).is_err());
}

#[test]
fn an_answer_that_is_not_the_expected_one_is_an_error() {
    let step = |event: &str| STEPS.iter().find(|step| step.event == event).unwrap();
    let check = |event: &str, answer: &str, expected: Option<&str>| {
        let checked = step(event).check(&serde_json::from_str(answer).unwrap());
        assert_eq!(checked.ok().as_deref(), expected, "{event}: {answer}");
    };
    check("split", r#"{"batchItemFailures": []}"#, Some("nothing is to come again"));
    check("split", r#"{"batchItemFailures": [{"itemIdentifier": "m"}]}"#, None);
    check("split", "null", None);
    check("web", r#"{"statusCode": 200}"#, Some("200"));
    check("web", r#"{"statusCode": 404}"#, None);
    let ended = |state: &str| {
        format!(r#"{{"statusCode": 200, "body": "{{\"state\": \"{state}\", \"succeeded\": 2, \"failed\": 1}}"}}"#)
    };
    check("status", &ended("completed_with_failures"), Some("200: 2 rows succeeded, 1 failed"));
    check("status", &ended("processing"), None);
    check("sweeper", "null", None);
}
