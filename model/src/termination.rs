//! That everything ends: no run goes round in a circle.
//!
//! The graph of a bounded world is walked in depth. A step that leads back to a state on the way to it closes a circle.
//! Faults and commands lower a budget and so are never part of one; without a circle every run in which faults end comes to
//! a state in which nothing can happen any more, and that this is the end of its task is one of the properties.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Termination<Action> {
    /// No circle among so many states.
    Ends {
        /// Every state that can be reached.
        states: usize,
        /// The steps of the longest run.
        longest: usize,
    },
    /// These steps lead from a state back to itself.
    Circle(Vec<Action>),
}

/// A state on the way, what was done from it last, and what is still to be tried.
struct OnTheWay<M: Model> {
    state: M::State,
    digest: u64,
    did: Option<M::Action>,
    to_try: Vec<M::Action>,
    longest_from_here: usize,
}

/// Walks every run of a world that is small enough to be held in memory, and shows each of its states once.
pub fn walk<M>(model: &M, mut show: impl FnMut(&M::State)) -> Termination<M::Action>
where
    M: Model,
    M::State: Hash,
    M::Action: Clone,
{
    let mut way: Vec<OnTheWay<M>> = Vec::new();
    let mut on_way: HashSet<u64> = HashSet::new();
    // What was left behind, with the steps of the longest run from there.
    let mut ended: HashMap<u64, usize> = HashMap::new();
    let mut longest = 0;
    for first in model.init_states() {
        show(&first);
        way.push(on_the_way(model, first));
        on_way.extend(way.last().map(|first| first.digest));
        while let Some(here) = way.last_mut() {
            let Some(action) = here.to_try.pop() else {
                let from_here = here.longest_from_here;
                on_way.remove(&here.digest);
                ended.insert(here.digest, from_here);
                way.pop();
                match way.last_mut() {
                    Some(before) => before.longest_from_here = before.longest_from_here.max(from_here + 1),
                    None => longest = longest.max(from_here),
                }
                continue;
            };
            here.did = Some(action.clone());
            let Some(next) = model.next_state(&here.state, action) else { continue };
            let next = on_the_way(model, next);
            if let Some(from_there) = ended.get(&next.digest) {
                here.longest_from_here = here.longest_from_here.max(from_there + 1);
            } else if on_way.contains(&next.digest) {
                let circle = way.into_iter().skip_while(|earlier| earlier.digest != next.digest);
                return Termination::Circle(circle.filter_map(|here| here.did).collect());
            } else {
                show(&next.state);
                on_way.insert(next.digest);
                way.push(next);
            }
        }
    }
    Termination::Ends { states: ended.len(), longest }
}

fn on_the_way<M: Model>(model: &M, state: M::State) -> OnTheWay<M>
where
    M::State: Hash,
{
    let mut to_try = Vec::new();
    model.actions(&state, &mut to_try);
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    OnTheWay { digest: hasher.finish(), state, did: None, to_try, longest_from_here: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places, and the ways from each to others.
    struct Places(&'static [&'static [usize]]);

    impl Model for Places {
        type State = usize;
        type Action = usize;

        fn init_states(&self) -> Vec<usize> {
            vec![0]
        }

        fn actions(&self, place: &usize, actions: &mut Vec<usize>) {
            actions.extend(self.0[*place]);
        }

        fn next_state(&self, _: &usize, next: usize) -> Option<usize> {
            Some(next)
        }
    }

    fn check(places: &'static [&'static [usize]], expected: &Termination<usize>) {
        let mut shown = Vec::new();
        assert_eq!(walk(&Places(places), |place| shown.push(*place)), *expected);
        let all = shown.len();
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), all, "a place was shown twice");
    }

    #[test]
    fn ways_that_meet_are_no_circle() {
        check(&[&[]], &Termination::Ends { states: 1, longest: 0 });
        check(&[&[1, 2], &[3], &[1, 3], &[]], &Termination::Ends { states: 4, longest: 3 });
    }

    #[test]
    fn a_way_back_is_a_circle() {
        check(&[&[0]], &Termination::Circle(vec![0]));
        check(&[&[1], &[2, 3], &[1], &[]], &Termination::Circle(vec![2, 1]));
    }
}
