//! The failures that a test asks for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filas_domain::ports::PortError;

/// When an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing happens, and an error is the answer.
    BeforeEffect,
    /// It happens, and an error is the answer all the same.
    AfterEffect,
}

/// What is to fail in one fake.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    operations: &'static [&'static str],
    planned: Arc<Mutex<HashMap<String, VecDeque<Fault>>>>,
}

impl Faults {
    /// Nothing fails. `operations` are the names of all that could.
    pub(super) fn new(operations: &'static [&'static str]) -> Self {
        Self { operations, planned: Arc::default() }
    }

    /// Plans `times` failures of `operation`, after those that are planned already.
    ///
    /// A name that no operation has would make a test that tests nothing, so it is a panic.
    pub(super) fn plan(&self, operation: &str, fault: Fault, times: usize) {
        assert!(
            self.operations.contains(&operation),
            "there is no operation '{operation}' that could fail, only {}",
            self.operations.join(", ")
        );
        lock(&self.planned).entry(operation.to_owned()).or_default().extend(std::iter::repeat_n(fault, times));
    }

    /// Runs `effect`, or fails before or after it where that is planned.
    pub(super) fn run<T, E: From<PortError>>(
        &self,
        operation: &'static str,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        debug_assert!(self.operations.contains(&operation));
        let planned = lock(&self.planned).get_mut(operation).and_then(VecDeque::pop_front);
        let asked_for = |when: &str| PortError::transient(format!("{operation} in memory"), format!("fails {when}"));
        match planned {
            None => effect(),
            Some(Fault::BeforeEffect) => Err(asked_for("as the test asked, before it happened").into()),
            Some(Fault::AfterEffect) => {
                effect()?;
                Err(asked_for("as the test asked, after it happened").into())
            }
        }
    }
}

/// The content of a mutex. A test that panicked with the lock in its hands has failed already.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two methods with which a test plans failures of a fake.
macro_rules! plans_faults {
    ($fake:ty) => {
        impl $fake {
            /// Lets the next `times` calls of `operation` fail with a transient error, before they have an effect.
            ///
            /// # Panics
            /// When there is no operation of that name.
            pub fn fail_next(&self, operation: &str, times: usize) {
                self.faults.plan(operation, $crate::memory::faults::Fault::BeforeEffect, times);
            }

            /// Lets the next `times` calls of `operation` have their effect and then answer with a transient error.
            ///
            /// # Panics
            /// When there is no operation of that name.
            pub fn lose_answers(&self, operation: &str, times: usize) {
                self.faults.plan(operation, $crate::memory::faults::Fault::AfterEffect, times);
            }
        }
    };
}
pub(super) use plans_faults;
