//! Pipelines and dry runs, with an API and without.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, Said, filas, run};

const YAML: &str = "name: own\nrows: { key: id }\nvalidate: { required: [id], properties: { n: { type: integer } } }\ncompute: { double: row.n * 2 }\ndeliver: { http: { post: \"${PARTNER_URL}/x\" } }\n";
const CSV: &str = "id,n\nA,1\nB,many\nA,3\nC,4\n";

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn finished(command: &mut Command) -> Said {
    Said::from(command.output().unwrap())
}

/// Runs `filas` in a folder without any API.
fn alone(folder: &Path, arguments: &[&str]) -> Said {
    finished(filas(arguments).current_dir(folder).env("PARTNER_URL", "https://partner.example"))
}

#[test]
fn a_pipeline_file_runs_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "own.yaml", YAML);
    written(folder.path(), "rows.csv", CSV);
    let said = alone(folder.path(), &["check", "rows.csv", "--pipeline", "own.yaml"]);
    assert_eq!(said.code, 3, "{said:?}");
    for part in ["all 4 rows through own", "2 would be delivered, 2 fail", "INVALID_ROW", "is the key of row 2 already"]
    {
        assert!(said.stdout.contains(part), "{part}: {said:?}");
    }
    let said = alone(folder.path(), &["check", "rows.csv", "--pipeline", "own.yaml", "--rows", "1", "--json"]);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.code, &told["has_more"]), (0, &json!(true)), "{said:?}");
    assert_eq!(told["report"]["rows"][0]["record"], json!({"id": "A", "n": 1, "double": 2}));
}

#[test]
fn a_shipped_pipeline_needs_no_api_and_a_name_that_nobody_knows_is_told() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "rows.csv", CSV);
    let said = alone(folder.path(), &["check", "rows.csv", "--pipeline", "orders-check"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("runs on this machine") && said.stdout.contains("order_id: is required"), "{said:?}");
    let said = alone(folder.path(), &["check", "rows.csv", "--pipeline", "nobodys"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("'nobodys' is neither a pipeline file (.yaml) nor one that comes with Filas"),
        "{said:?}"
    );
    let said = alone(folder.path(), &["check", "nothing.csv", "--pipeline", "orders-check"]);
    assert!(said.code == 1 && said.stderr.contains("nothing.csv"), "{said:?}");
    written(folder.path(), "rows.xlsx", CSV);
    let said = alone(folder.path(), &["check", "rows.xlsx", "--pipeline", "orders-check"]);
    assert!(said.code == 2 && said.stderr.contains("FORMAT_MISMATCH"), "{said:?}");
}

#[test]
fn a_named_pipeline_runs_where_it_is_kept() {
    let fake = Fake::new(|asked, _, _| match asked.method.as_str() {
        "GET" => Answer::json(200, &json!({"name": "own", "version": "1", "shipped": false, "yaml": YAML})),
        _ => Answer::json(
            200,
            &json!({
                "pipeline": "own", "version": "1", "has_more": false, "passed": 2, "failed": 0, "interrupted": 0,
                "stages": [{"stage": "validate", "rows": 2, "failed": 0, "micros": 10, "slowest_micros": 9}],
                "rows": [{"row": 2, "outcome": "passed"}, {"row": 3, "outcome": "passed"}],
            }),
        ),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "rows.csv", CSV);
    let said = run(&fake, &["check", file.to_str().unwrap(), "--pipeline", "own", "--rows", "2"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("the first 2 rows through own") && said.stdout.contains("2 would be delivered"));
    let asked = fake.asked();
    assert_eq!(fake.calls(), ["GET /v1/pipelines/own", "POST /v1/pipelines/own/check"]);
    assert_eq!(asked[1].header("content-type"), Some("application/vnd.filas.rows+ndjson"));
    let sent = String::from_utf8(asked[1].body.clone()).unwrap();
    assert_eq!(sent.lines().next(), Some(r#"{"row":2,"record":{"id":"A","n":"1"}}"#));
    assert_eq!(sent.lines().count(), 2, "the file itself stays here");
}

#[test]
fn pipelines_are_applied_shown_and_listed() {
    let view =
        || json!({"name": "own", "version": "0123456789ab", "shipped": false, "description": "mine", "yaml": YAML});
    let fake = Fake::new(move |asked, _, _| match asked.call().as_str() {
        "GET /v1/pipelines" => Answer::json(200, &json!({"items": [view()], "next_cursor": null})),
        _ => Answer::json(200, &view()),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "own.yaml", YAML);
    let said = run(&fake, &["pipelines", "apply", file.to_str().unwrap()]);
    assert!(said.code == 0 && said.stdout.contains("pipeline own is at version 0123456789ab"), "{said:?}");
    let put = &fake.asked()[0];
    assert_eq!((put.call().as_str(), put.body.as_slice()), ("PUT /v1/pipelines/own", YAML.as_bytes()));
    let said = run(&fake, &["pipelines", "show", "own"]);
    assert_eq!(said.stdout.trim_end(), YAML.trim_end());
    let said = run(&fake, &["pipelines", "list"]);
    assert!(said.stdout.contains("own") && said.stdout.contains("you") && said.stdout.contains("mine"), "{said:?}");
    let refused = Fake::new(|_, _, _| Answer::problem(422, "The pipeline cannot be used here", "line 3, column 1: …"));
    let said = run(&refused, &["pipelines", "apply", file.to_str().unwrap()]);
    assert!(said.code == 1 && said.stderr.contains("line 3, column 1"), "{said:?}");
}

#[test]
fn a_pipeline_file_is_looked_at_without_an_api() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "own.yaml", YAML);
    written(folder.path(), "wrong.yaml", &YAML.replace("deliver:", "delivr:"));
    let fine =
        finished(filas(&["pipelines", "check", "own.yaml"]).current_dir(folder.path()).env_remove("PARTNER_URL"));
    assert!(fine.code == 0 && fine.stdout.contains("can work, if PARTNER_URL is set there"), "{fine:?}");
    let wrong = alone(folder.path(), &["pipelines", "check", "wrong.yaml"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    let told = "line 5, column 1: unknown key `delivr`, did you mean `deliver`?";
    assert!(wrong.stderr.contains(told) && wrong.stderr.contains("wrong.yaml"), "{wrong:?}");
}
