use super::*;

const GOOD: &str = r#"{"order_id":"A-1","sku":"00012345","customer":"Zoë","quantity":3,"unit_price":1.5,"currency":"EUR","order_date":"2024-01-02"}"#;

impl Ask {
    /// These elements as an array for the pipeline `orders-check`, by `acme`.
    fn array(elements: &[&str]) -> Self {
        let ask = Self { query: json!({"pipeline": "orders-check"}), ..Self::file() };
        ask.header("content-type", "application/json").body(format!("[{}]", elements.join(",\n")))
    }
}

/// The receipts of an answer, as `1 queued` or `2 INVALID_ROW: why`.
fn receipts(answer: &Answered) -> Vec<String> {
    let id = answer.task();
    let show = |receipt: &Value| {
        assert_eq!(receipt["receipt"], format!("{id}.{}", receipt["row"]));
        match receipt["code"].as_str() {
            None => format!("{} {}", receipt["row"], receipt["state"].as_str().unwrap()),
            Some(code) => {
                assert_eq!(receipt["state"], "failed");
                format!("{} {code}: {}", receipt["row"], receipt["message"].as_str().unwrap())
            }
        }
    };
    answer.body["receipts"].as_array().unwrap().iter().map(show).collect()
}

#[tokio::test]
async fn each_record_of_an_array_has_a_receipt_and_a_bad_one_its_reasons_in_place() {
    let world = World::new();
    let bad = GOOD.replace("\"quantity\":3", "\"quantity\":0").replace("EUR", "CHF");
    let answer = world.send(Ask::array(&[GOOD, &bad, "7", GOOD])).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(
        receipts(&answer),
        [
            "1 queued",
            "2 INVALID_ROW: quantity: 0 is less than the minimum of 1; currency: \"CHF\" is not one of \"EUR\", \"USD\", \"GBP\"",
            "3 INVALID_RECORD: the record is not a JSON object",
            "4 queued",
        ]
    );
    // All of it is stored: the bad ones fail on the way, and do not stop the others.
    let id = answer.task();
    assert_eq!(world.file_of(id).unwrap().matches("order_id").count(), 3);
    assert_eq!(world.objects.media_type(&ObjectKey::upload(id)).as_deref(), Some("application/json"));
    assert_eq!(answer.location, Some(format!("tasks/{id}")));
}

#[tokio::test]
async fn an_array_is_known_by_its_media_type_or_by_its_bracket_and_a_file_by_its_name() {
    for (media_type, filename, body, status, is_answered) in [
        ("application/json; charset=utf-8", None, "[{}]", 202, true),
        ("APPLICATION/JSON", None, " [ ] ", 202, true),
        ("application/octet-stream", None, "\n [{}]", 202, true),
        ("application/x-www-form-urlencoded", None, "[{}]", 202, true),
        ("application/octet-stream", None, "{}", 202, false),
        ("text/csv", None, "[a\n1\n", 202, false),
        ("application/json", Some("a.json"), "[{}]", 202, false),
        ("application/json", Some("a.json"), "[{}", 202, false),
        ("application/json", None, "[{}", 400, false),
        ("application/json", None, "{}", 400, false),
        ("application/json", None, "", 400, false),
        ("application/json", None, "[{}] []", 400, false),
    ] {
        let world = World::new();
        let mut ask = Ask::array(&[]).header("content-type", media_type).body(body);
        if let Some(filename) = filename {
            ask = ask.query("filename", filename);
        }
        let answer = world.send(ask).await;
        assert_eq!(answer.status, status, "{media_type} {body}: {answer:?}");
        assert_eq!(answer.body["receipts"].is_array(), is_answered, "{media_type} {body}: {answer:?}");
        assert_eq!(world.tasks().await, usize::from(status == 202), "{media_type} {body}");
    }
}

#[tokio::test]
async fn the_same_array_with_the_same_key_has_the_same_receipts() {
    let world = World::new();
    let ask = || Ask::array(&[GOOD, "{}"]).header("idempotency-key", "k");
    let (first, second) = (world.send(ask()).await, world.send(ask()).await);
    assert_eq!((receipts(&first), first.task()), (receipts(&second), second.task()));
}

#[tokio::test]
async fn more_records_than_get_receipts_are_sent_as_a_file() {
    let world = World::new();
    let many = vec!["{}"; 10_001];
    let answer = world.send(Ask::array(&many)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.body["detail"].as_str().unwrap().contains("?filename="), "{answer:?}");
    assert_eq!(world.send(Ask::array(&many).query("filename", "a.json")).await.status, 202);
}

#[tokio::test]
async fn what_is_said_of_many_bad_records_fits_an_answer() {
    let world = World::new();
    let long = format!("{{\"order_id\":\"{}\"}}", "x".repeat(300));
    let answer = world.send(Ask::array(&vec![long.as_str(); 10_000])).await;
    assert_eq!(answer.status, 202);
    let bytes = answer.body.to_string().len();
    assert!(bytes < 5_500_000, "{bytes} bytes");
    let receipts = receipts(&answer);
    assert!(receipts[0].contains("quantity"), "{}", receipts[0]);
    assert!(receipts.iter().all(|receipt| receipt.contains("INVALID_ROW")));
}
