//! The files of a task that has ended.

use super::*;

/// A task of three rows, of which the last failed.
async fn ended(world: &World) -> TaskId {
    let id = world.split(3).await;
    world.succeed(id, &[(0, 2)]).await;
    world.claim(id, 1).await;
    let counts = Counts { failed: 1, failed_by_code: [("X".to_owned(), 1)].into(), ..Counts::default() };
    let progress = Progress { rows: 1, bytes: 22, counts, ..Progress::default() };
    world.change(id, 1, |batch| batch.recorded(&progress, world.clock.now())).await;
    world.finish(id).await;
    id
}

#[tokio::test]
async fn the_files_of_a_task_are_redirects() {
    let world = World::new();
    let id = ended(&world).await;
    let finished = world.ledger.task(id).await.unwrap().unwrap().head.finished.unwrap();
    for (path, file) in [
        ("results", ResultFile::Outcomes),
        ("results?outcome=succeeded", ResultFile::Succeeded),
        ("results?outcome=failed", ResultFile::Failed),
        ("results?outcome=unprocessed", ResultFile::Unprocessed),
        ("failures", ResultFile::Workbook),
        ("failures?format=xlsx", ResultFile::Workbook),
        ("failures?format=csv", ResultFile::Csv),
        ("failures?format=ndjson", ResultFile::Records),
    ] {
        world.file(id, file).await;
        let answer = world.ask("acme", &format!("tasks/{id}/{path}")).await;
        let expected = format!("memory://{}?filename={id}-{}", ObjectKey::result(id, finished, file), file.name());
        assert_eq!((answer.status, answer.location), (303, Some(expected)), "{path}");
        assert_eq!(world.ask("other", &format!("tasks/{id}/{path}")).await.status, 404);
    }
    for (path, names) in [("results?outcome=all", "unprocessed"), ("failures?format=pdf", "ndjson")] {
        let answer = world.ask("acme", &format!("tasks/{id}/{path}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body["detail"].as_str().unwrap().contains(names), "{answer:?}");
    }
}

#[tokio::test]
async fn a_task_that_has_ended_links_to_the_files_that_have_something_in_them() {
    let world = World::new();
    let id = ended(&world).await;
    let links = world.ask("acme", &format!("tasks/{id}")).await.body["links"].clone();
    let this = format!("/v1/tasks/{id}");
    assert_eq!(links["results"], format!("{this}/results"));
    assert_eq!(links["succeeded"], format!("{this}/results?outcome=succeeded"));
    assert_eq!(links["failures"], format!("{this}/failures"));
    assert_eq!(links["unprocessed"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_there_yet_is_waited_for_a_moment_and_then_to_be_asked_for_again() {
    let world = World::new();
    let id = ended(&world).await;
    let path = format!("tasks/{id}/results");
    let begun = tokio::time::Instant::now();
    let answer = world.ask("acme", &path).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("2")));
    assert_eq!(answer.body["type"], "/problems/not-ready");
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.file(id, ResultFile::Outcomes).await;
    };
    let (answer, ()) = tokio::join!(world.ask("acme", &path), later);
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn files_that_never_were_or_are_no_longer_there_are_not_waited_for() {
    let world = World::new();
    let id = ended(&world).await;
    let task = world.ledger.task(id).await.unwrap().unwrap();
    // More columns than a workbook has: the manifest says which files there are.
    let manifest =
        Manifest { files: vec!["failures.ndjson".into()], workbook_rows: 0, failed_rows: 1, usage: Usage::default() };
    let key = ObjectKey::manifest(id, task.head.finished.unwrap());
    world.objects.put(&key, "application/json", serde_json::to_vec(&manifest).unwrap()).await.unwrap();
    world.head(id, |task| Some(task.audited(&Usage::default()))).await;
    let answer = world.ask("acme", &format!("tasks/{id}/failures")).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body["detail"].as_str().unwrap().contains("format=ndjson"), "{answer:?}");
    let answer = world.ask("acme", &format!("tasks/{id}/failures?format=ndjson")).await;
    assert_eq!((answer.status, &answer.body["type"]), (410, &"/problems/gone".into()));

    let id = world.split(2).await;
    world.succeed(id, &[(0, 2)]).await;
    world.finish(id).await;
    let answer = world.ask("acme", &format!("tasks/{id}/failures")).await;
    assert_eq!(answer.status, 404, "no row failed");
}

#[tokio::test]
async fn a_store_in_trouble_is_an_error_and_no_missing_file() {
    for operation in ["size", "sign_get"] {
        let world = World::new();
        let id = ended(&world).await;
        world.file(id, ResultFile::Outcomes).await;
        world.objects.fail_next(operation, 1);
        let path = format!("tasks/{id}/results");
        assert_eq!(world.ask("acme", &path).await.status, 500, "{operation}");
        assert_eq!(world.ask("acme", &path).await.status, 303, "{operation}");
    }
}

#[tokio::test]
async fn there_are_no_results_before_the_end_nor_of_a_task_that_failed() {
    let world = World::new();
    let id = world.split(3).await;
    let answer = world.ask("acme", &format!("tasks/{id}/results")).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body["detail"].as_str().unwrap().contains("processing"), "{answer:?}");

    let failed = world.awaiting("acme").await;
    let reason = Reason { code: "FILE_EMPTY".into(), message: "There is nothing to read.".into() };
    world.head(failed, |task| Some(task.failed(reason, world.clock.now()))).await;
    let answer = world.ask("acme", &format!("tasks/{failed}/results")).await;
    assert_eq!(answer.status, 409);
    assert!(answer.body["detail"].as_str().unwrap().contains("nothing to read"), "{answer:?}");
}
