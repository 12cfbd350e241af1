//! Polls the actors of a world on one thread, in an order that the seed decides.
//!
//! Time is tokio's paused time: when nobody can go on, the runtime moves it to the next timer. So a run depends on its seed
//! and on nothing else, with one exception that is fenced in: `split` reads files on a thread of its own. While an actor
//! waits for such a thread ([`Wait::Thread`]), no other actor is polled, and what the thread says when nobody waits for it
//! is not heard. Only [`turn`] lets others go before an actor that has a thread: any other wake-up of its own may be the
//! thread's, which a channel passes on from this thread when it comes while the actor begins to wait for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;

use crate::dice::Dice;

/// Something that goes on by itself for as long as the world does.
pub type Actor<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The most actors of a world.
pub const ACTORS: usize = 64;

/// Polls after which it is asked whether everything is over, though somebody can go on.
const POLLS_BETWEEN_LOOKS: usize = 1024;

/// What an actor that cannot go on waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Time, or another actor.
    World,
    /// Time, and it has a thread of its own that is not to be heard before.
    Time,
    /// A thread of its own.
    Thread,
}

/// Why a world came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `is_over` said so.
    Over,
    /// Actors were polled as often as was allowed.
    TooLong,
}

/// Polls `actors` until `is_over` says that nothing more is to come; `most_polls` at the most. It is asked when nobody can
/// go on, and now and then.
/// `wait` says of an actor that could not go on what it waits for.
pub async fn run(
    actors: Vec<Actor<'_>>,
    dice: Dice,
    most_polls: usize,
    wait: impl Fn(usize) -> Wait,
    is_over: impl Fn() -> bool,
) -> End {
    assert!(actors.len() <= ACTORS, "one bit for each actor");
    let stage = RefCell::new(Stage::new(actors, dice));
    // Without it tokio would hold timers back after some polls, to be fair to tasks that are not there.
    tokio::task::coop::unconstrained(poll_fn(|context| stage.borrow_mut().poll(context, most_polls, &wait, &is_over)))
        .await
}

struct Stage<'a> {
    actors: Vec<Option<Actor<'a>>>,
    wakers: Vec<Waker>,
    bell: Arc<Bell>,
    dice: Dice,
    polls: usize,
    /// The actor that waits for a thread.
    alone: Option<usize>,
}

impl<'a> Stage<'a> {
    fn new(actors: Vec<Actor<'a>>, dice: Dice) -> Self {
        let bell = Arc::new(Bell::new(actors.len()));
        let wakers = (0..actors.len()).map(|actor| Waker::from(Arc::new(Rope { bell: bell.clone(), actor }))).collect();
        Self { actors: actors.into_iter().map(Some).collect(), wakers, bell, dice, polls: 0, alone: None }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        most_polls: usize,
        wait: &impl Fn(usize) -> Wait,
        is_over: &impl Fn() -> bool,
    ) -> Poll<End> {
        self.bell.listen(context.waker());
        loop {
            let Some(actor) = self.choose() else {
                return if self.alone.is_none() && is_over() { Poll::Ready(End::Over) } else { Poll::Pending };
            };
            // How often an actor is polled while it is alone is for its thread to say, and decides nothing.
            self.polls += usize::from(self.alone.is_none());
            if self.polls > most_polls {
                return Poll::Ready(End::TooLong);
            }
            if self.polls.is_multiple_of(POLLS_BETWEEN_LOOKS) && self.alone.is_none() && is_over() {
                return Poll::Ready(End::Over);
            }
            self.poll_one(actor, wait);
        }
    }

    fn poll_one(&mut self, actor: usize, wait: &impl Fn(usize) -> Wait) {
        let was_alone = self.alone == Some(actor);
        let Some(future) = &mut self.actors[actor] else { return };
        TAKES_TURN.set(false);
        if future.as_mut().poll(&mut Context::from_waker(&self.wakers[actor])).is_ready() {
            self.actors[actor] = None;
            self.hear_threads_of(None);
            return;
        }
        match wait(actor) {
            Wait::Time | Wait::Thread if TAKES_TURN.get() => self.hear_threads_of(None),
            Wait::World => self.hear_threads_of(None),
            Wait::Time => {
                self.hear_threads_of(None);
                self.bell.unring(actor);
            }
            Wait::Thread => {
                // What its thread said meanwhile changes nothing: it is polled again, alone, sooner or later.
                self.hear_threads_of(Some(actor));
                let is_rung = self.bell.unring(actor);
                if is_rung || !was_alone {
                    // Its thread may have called just before we began to listen.
                    self.bell.called.fetch_or(bit(actor), Ordering::SeqCst);
                }
            }
        }
    }

    fn hear_threads_of(&mut self, actor: Option<usize>) {
        self.alone = actor;
        self.bell.threads.store(actor.map_or(0, bit), Ordering::SeqCst);
    }

    /// One of the actors that can go on.
    fn choose(&mut self) -> Option<usize> {
        let rung = self.bell.rung.load(Ordering::SeqCst);
        let actor = match self.alone {
            Some(actor) if (rung | self.bell.called.load(Ordering::SeqCst)) & bit(actor) != 0 => actor,
            Some(_) => return None,
            None if rung == 0 => return None,
            None => {
                let chosen = self.dice.below(rung.count_ones().into());
                let mut left = rung;
                (0..chosen).for_each(|_| left &= left - 1);
                left.trailing_zeros() as usize
            }
        };
        self.bell.unring(actor);
        self.bell.called.fetch_and(!bit(actor), Ordering::SeqCst);
        Some(actor)
    }
}

const fn bit(actor: usize) -> u64 {
    1 << actor
}

/// Rung for an actor that can go on.
struct Bell {
    /// On this thread, and so at the same moment in each run of a seed.
    rung: AtomicU64,
    /// By other threads, at any moment: heard only while nobody else goes on, so that it decides nothing.
    called: AtomicU64,
    /// The actors of which other threads are heard.
    threads: AtomicU64,
    here: ThreadId,
    stage: Mutex<Option<Waker>>,
}

impl Bell {
    fn new(actors: usize) -> Self {
        let everybody = (0..actors).map(bit).sum();
        let here = std::thread::current().id();
        Self {
            rung: AtomicU64::new(everybody),
            called: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            here,
            stage: Mutex::new(None),
        }
    }

    fn listen(&self, waker: &Waker) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Whether it was rung for `actor`, which is forgotten.
    fn unring(&self, actor: usize) -> bool {
        self.rung.fetch_and(!bit(actor), Ordering::SeqCst) & bit(actor) != 0
    }

    fn ring(&self, actor: usize) {
        let is_here = std::thread::current().id() == self.here;
        let is_heard = is_here || self.threads.load(Ordering::SeqCst) & bit(actor) != 0;
        let bells = if is_here { &self.rung } else { &self.called };
        if is_heard && bells.fetch_or(bit(actor), Ordering::SeqCst) & bit(actor) == 0 {
            let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = stage.as_ref() {
                waker.wake_by_ref();
            }
        }
    }
}

/// What an actor's waker pulls.
struct Rope {
    bell: Arc<Bell>,
    actor: usize,
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bell.ring(self.actor);
    }
}

thread_local! {
    /// Whether the actor that is polled on this thread has let the others go first.
    static TAKES_TURN: Cell<bool> = const { Cell::new(false) };
}

/// Lets the others go first, once.
pub async fn turn() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        TAKES_TURN.set(true);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The order in which three actors of three steps each take their steps.
    fn order(seed: u64) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let taken = RefCell::new(String::new());
        let left = Cell::new(3);
        runtime.block_on(async {
            let step = async |name: char| {
                for _ in 0..3 {
                    taken.borrow_mut().push(name);
                    turn().await;
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
                left.set(left.get() - 1);
            };
            let actors: Vec<Actor> = vec![Box::pin(step('a')), Box::pin(step('b')), Box::pin(step('c'))];
            let end = run(actors, Dice::new(seed), 100, |_| Wait::World, || left.get() == 0).await;
            assert_eq!(end, End::Over);
        });
        taken.into_inner()
    }

    #[test]
    fn the_seed_decides_the_order() {
        let orders: std::collections::BTreeSet<String> = (0..50).map(order).collect();
        assert!(orders.len() > 20, "{orders:?}");
        assert!((0..50).all(|seed| order(seed) == order(seed)));
    }

    #[test]
    fn an_actor_that_waits_for_its_thread_keeps_the_others_waiting() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        for seed in 0..20 {
            let (turns, seen, is_done) = (Cell::new(0), Cell::new(0), Cell::new(false));
            let waits = Cell::new(false);
            runtime.block_on(async {
                let reader = async {
                    let before = turns.get();
                    waits.set(true);
                    // It says much, at any moment: also while the reader is polled.
                    let (said, mut heard) = tokio::sync::mpsc::channel(1);
                    let work = move || (0..200).for_each(|word| said.blocking_send(word).unwrap());
                    let work = tokio::task::spawn_blocking(work);
                    while heard.recv().await.is_some() {}
                    work.await.unwrap();
                    waits.set(false);
                    seen.set(turns.get() - before);
                    is_done.set(true);
                };
                let other = async {
                    while !is_done.get() {
                        turns.set(turns.get() + 1);
                        turn().await;
                    }
                };
                let actors: Vec<Actor> = vec![Box::pin(reader), Box::pin(other)];
                let wait = |actor| if actor == 0 && waits.get() { Wait::Thread } else { Wait::World };
                assert_eq!(run(actors, Dice::new(seed), 1000, wait, || is_done.get()).await, End::Over);
            });
            assert_eq!(seen.get(), 0, "seed {seed}");
        }
    }

    #[test]
    fn a_world_that_goes_round_for_ever_is_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let for_ever = async {
            loop {
                turn().await;
            }
        };
        let end = runtime.block_on(run(vec![Box::pin(for_ever)], Dice::new(1), 100, |_| Wait::World, || false));
        assert_eq!(end, End::TooLong);
    }
}
