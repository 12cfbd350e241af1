//! Tickets, connections and what they watch.

use std::time::Duration;

use filas_domain::live::{ConnectionId, PUSH_INTERVAL, PushSlot, Watched, Watchers};
use futures::future::join_all;

use super::samples::{self, NOW};

/// Watchers, whole.
///
/// # Panics
/// Where they do not do what the port says.
pub async fn watchers(watchers: &impl Watchers) {
    a_ticket_is_good_once_and_for_a_while(watchers).await;
    a_connection_has_an_owner_until_it_is_forgotten(watchers).await;
    whoever_watches_is_listed_until_forgotten(watchers).await;
    of_many_who_would_tell_one_may(watchers).await;
}

fn connection() -> ConnectionId {
    samples::owner().as_str().parse().unwrap()
}

async fn a_ticket_is_good_once_and_for_a_while(watchers: &impl Watchers) {
    let (owner, ticket) = (samples::owner(), samples::key());
    let end = NOW.plus(Duration::from_secs(60));
    assert_eq!(watchers.use_ticket(&ticket, NOW).await.unwrap(), None);
    watchers.keep_ticket(&ticket, &owner, end).await.unwrap();
    assert_eq!(watchers.use_ticket(&ticket, NOW).await.unwrap(), Some(owner.clone()));
    assert_eq!(watchers.use_ticket(&ticket, NOW).await.unwrap(), None, "it was used");
    watchers.keep_ticket(&ticket, &owner, end).await.unwrap();
    assert_eq!(watchers.use_ticket(&ticket, end).await.unwrap(), None, "it is too old");
    watchers.keep_ticket(&ticket, &owner, end).await.unwrap();
    let at_once = join_all((0..8).map(|_| watchers.use_ticket(&ticket, NOW))).await;
    let good = at_once.into_iter().filter(|used| used.as_ref().unwrap().is_some()).count();
    assert_eq!(good, 1, "of many who use a ticket one gets in");
}

async fn a_connection_has_an_owner_until_it_is_forgotten(watchers: &impl Watchers) {
    let (one, owner) = (connection(), samples::owner());
    assert_eq!(watchers.owner_of(&one).await.unwrap(), None);
    watchers.connect(&one, &owner, NOW.plus(Duration::from_secs(60))).await.unwrap();
    assert_eq!(watchers.owner_of(&one).await.unwrap(), Some(owner));
    watchers.disconnect(&one).await.unwrap();
    assert_eq!(watchers.owner_of(&one).await.unwrap(), None);
    watchers.disconnect(&one).await.unwrap();
}

async fn whoever_watches_is_listed_until_forgotten(watchers: &impl Watchers) {
    let (one, other, owner) = (connection(), connection(), samples::owner());
    let (task, all) = (Watched::Task(samples::task().id), Watched::All(owner.clone()));
    let end = NOW.plus(Duration::from_secs(60));
    for connection in [&one, &other] {
        watchers.connect(connection, &owner, end).await.unwrap();
    }
    watchers.watch(&one, &task, end).await.unwrap();
    watchers.watch(&one, &task, end).await.unwrap();
    watchers.watch(&one, &all, end).await.unwrap();
    watchers.watch(&other, &task, end).await.unwrap();
    let listed = async |watched: &Watched| {
        let mut listed = watchers.watchers(watched).await.unwrap();
        listed.sort();
        listed
    };
    let mut both = vec![one.clone(), other.clone()];
    both.sort();
    assert_eq!(listed(&task).await, both);
    assert_eq!(listed(&all).await, std::slice::from_ref(&one));
    assert_eq!(listed(&Watched::All(samples::owner())).await, []);
    watchers.disconnect(&one).await.unwrap();
    assert_eq!((listed(&task).await, listed(&all).await), (vec![other.clone()], vec![]));
}

async fn of_many_who_would_tell_one_may(watchers: &impl Watchers) {
    let task = samples::task().id;
    let at_once = join_all((0..8).map(|_| watchers.claim_push(task, NOW))).await;
    let (mut ours, mut taken) = (0, 0);
    for slot in at_once {
        match slot.unwrap() {
            PushSlot::Ours => ours += 1,
            PushSlot::Taken { claims, wait } => {
                taken += 1;
                assert_eq!((claims, wait), (1, PUSH_INTERVAL));
            }
        }
    }
    assert_eq!((ours, taken), (1, 7));
    let soon = NOW.plus(PUSH_INTERVAL - Duration::from_millis(50));
    let expected = PushSlot::Taken { claims: 1, wait: Duration::from_millis(50) };
    assert_eq!(watchers.claim_push(task, soon).await.unwrap(), expected);
    assert_eq!(watchers.claim_push(task, NOW.plus(PUSH_INTERVAL)).await.unwrap(), PushSlot::Ours);
    assert_eq!(
        watchers.claim_push(samples::task().id, NOW).await.unwrap(),
        PushSlot::Ours,
        "another task waits for none"
    );
}
