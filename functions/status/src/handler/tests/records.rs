use filas_domain::ids::Receipt;
use filas_domain::record::{Record, RecordId, Records};

use super::*;

impl World {
    async fn keep(&self, owner: &str, pipeline: &str, key: &str, json: &str) -> Receipt {
        let source = Receipt { task: TaskId::new(self.clock.now(), [3; 10]), row: RowNumber::new(7) };
        let id = RecordId { owner: owner.parse().unwrap(), pipeline: pipeline.into(), key: key.into() };
        let record = Record { id, source, stored: self.clock.now(), json: json.into() };
        self.records.keep(&record).await.unwrap();
        source
    }
}

#[tokio::test]
async fn records_are_listed_by_key_each_with_its_task_and_row() {
    let world = World::new();
    for key in ["b", "a", "c d/&é"] {
        world.keep("acme", "orders", key, "{\"total\":0.10}").await;
    }
    world.keep("acme", "prices", "other pipeline", "{}").await;
    world.keep("other", "orders", "other owner", "{}").await;
    let page = world.ask("acme", "records/orders?limit=2").await;
    assert_eq!(page.status, 200);
    let keys = |page: &Answered| -> Vec<String> {
        let items = page.body["items"].as_array().unwrap();
        items.iter().map(|item| item["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&page), ["a", "b"]);
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = world.ask("acme", &format!("records/orders?limit=2&cursor={cursor}")).await;
    assert_eq!((keys(&rest), &rest.body["next_cursor"]), (vec!["c d/&é".to_owned()], &Value::Null));
    let first = &page.body["items"][0];
    let task = first["task"].as_str().unwrap();
    assert_eq!((&first["row"], &first["receipt"]), (&json!(7), &json!(format!("{task}.7"))));
    assert_eq!(first["record"]["total"], json!(0.1));
}

#[tokio::test]
async fn a_pipeline_without_records_has_none_and_what_is_no_name_is_not_found() {
    let world = World::new();
    assert_eq!(world.ask("acme", "records/orders").await.body, json!({"items": [], "next_cursor": null}));
    for (path, status) in [
        ("records/A#b".to_owned(), 404),
        (format!("records/{}", "x".repeat(65)), 404),
        ("records/orders?limit=0".into(), 400),
        ("records/orders?cursor=".into(), 400),
        (format!("records/orders?cursor={}", "x".repeat(1025)), 400),
    ] {
        assert_eq!(world.ask("acme", &path).await.status, status, "{path}");
    }
}
