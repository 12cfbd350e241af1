//! Who fetches, and who gets what somebody else fetched.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A cache, and how often something was fetched for it.
struct Scene {
    cache: Cache,
    fetched: AtomicUsize,
}

impl Scene {
    fn new(remembered: Duration) -> Self {
        Self { cache: Cache::new(remembered), fetched: AtomicUsize::new(0) }
    }

    /// Asks for `key`; fetching takes 10 ms and gives `answer`.
    async fn ask(&self, key: &str, answer: Result<(Found, usize), Interrupted>) -> Result<Arc<Found>, Interrupted> {
        let fetch = || async {
            self.fetched.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer
        };
        self.cache.get(key, fetch).await
    }

    fn fetched(&self) -> usize {
        self.fetched.swap(0, Ordering::SeqCst)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn value(number: u32) -> Result<(Found, usize), Interrupted> {
    Ok((Found::Value(number.into()), 10))
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_once_share_one_request() {
    for remembered in [MINUTE, Duration::ZERO] {
        let scene = Scene::new(remembered);
        let answers = futures::future::join_all((0..50).map(|number| scene.ask("a", value(number)))).await;
        assert!(answers.iter().all(|answer| **answer.as_ref().unwrap() == Found::Value(0.into())));
        assert_eq!(scene.fetched(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_remembered_for_its_time_and_so_is_that_there_is_none() {
    let scene = Scene::new(MINUTE);
    let nothing = || Ok((Found::Nothing, 0));
    scene.ask("a", value(1)).await.unwrap();
    scene.ask("b", nothing()).await.unwrap();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(*scene.ask("a", value(2)).await.unwrap(), Found::Value(1.into()));
    assert_eq!(*scene.ask("b", value(2)).await.unwrap(), Found::Nothing);
    assert_eq!(scene.fetched(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(*scene.ask("a", value(2)).await.unwrap(), Found::Value(2.into()));
    assert_eq!(*scene.ask("b", value(2)).await.unwrap(), Found::Value(2.into()));
    assert_eq!(scene.fetched(), 2);
    let off = Scene::new(Duration::ZERO);
    off.ask("a", value(1)).await.unwrap();
    off.ask("a", value(1)).await.unwrap();
    assert_eq!((off.fetched(), off.cache.entries().by_key.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_who_waited_and_to_nobody_later() {
    let scene = Scene::new(MINUTE);
    let down = || Err(Interrupted::Unavailable("down".into()));
    let answers = futures::future::join_all((0..50).map(|_| scene.ask("a", down()))).await;
    assert!(answers.iter().all(|answer| *answer == Err(Interrupted::Unavailable("down".into()))));
    assert_eq!(scene.fetched(), 1);
    let trouble = Trouble { code: "HTTP_400".into(), message: "no".into() };
    for _ in 0..2 {
        let found = scene.ask("a", Ok((Found::Trouble(trouble.clone()), 0))).await.unwrap();
        assert_eq!((&*found, scene.fetched()), (&Found::Trouble(trouble.clone()), 1));
    }
    assert_eq!(*scene.ask("a", value(1)).await.unwrap(), Found::Value(1.into()));
}

#[tokio::test(start_paused = true)]
async fn who_has_more_time_goes_on_where_another_had_none() {
    let scene = Scene::new(MINUTE);
    let (late, other) = tokio::join!(scene.ask("a", Err(Interrupted::OutOfTime)), scene.ask("a", value(2)));
    assert_eq!(late, Err(Interrupted::OutOfTime));
    assert_eq!(*other.unwrap(), Found::Value(2.into()));
    // So does whoever waited for one that was given up in the middle.
    let given_up = tokio::time::timeout(Duration::from_millis(5), scene.ask("b", value(1)));
    let (given_up, other) = tokio::join!(given_up, scene.ask("b", value(2)));
    assert!(given_up.is_err());
    assert_eq!(*other.unwrap(), Found::Value(2.into()));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_are_forgotten_when_there_are_too_many() {
    let scene = Scene::new(MINUTE);
    for number in 0..12_000 {
        scene.ask(&number.to_string(), value(number)).await.unwrap();
    }
    assert_eq!((scene.fetched(), scene.cache.entries().by_key.len()), (12_000, MOST_ENTRIES));
    scene.ask("11999", value(0)).await.unwrap();
    assert_eq!(scene.fetched(), 0);
    scene.ask("0", value(0)).await.unwrap();
    assert_eq!(scene.fetched(), 1);
    // Large answers fill it sooner.
    for number in 0..40 {
        scene.ask(&format!("large {number}"), Ok((Found::Nothing, 1024 * 1024))).await.unwrap();
    }
    let entries = scene.cache.entries();
    assert_eq!(entries.by_key.len(), 15);
    assert!(entries.bytes <= MOST_BYTES);
}
