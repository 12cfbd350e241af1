use std::sync::{Arc, Mutex};

use filas_domain::usage::{Meter, Usage};

use super::faults::lock;

/// A meter that counts invocations, with the two requests by which a message is received and deleted, and a GB × s each
/// time that it is asked.
#[derive(Debug, Clone, Default)]
pub struct MemoryMeter {
    counted: Arc<Mutex<Usage>>,
}

impl MemoryMeter {
    /// A meter that has counted nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Meter for MemoryMeter {
    fn begin(&self, from_queue: bool) {
        let mut counted = lock(&self.counted);
        let sqs_requests = if from_queue { 2 } else { 0 };
        *counted = counted.plus(&Usage { lambda_requests: 1, sqs_requests, ..Usage::default() });
    }

    fn take(&self, ahead: Usage) -> Usage {
        let time = Usage { lambda_mb_ms: 1024 * 1000, ..Usage::default() };
        std::mem::take(&mut *lock(&self.counted)).plus(&time).plus(&ahead)
    }
}
