//! Queues of the users' in memory.

use std::sync::{Arc, Mutex};

use filas_domain::ports::PortError;
use filas_domain::row_queue::{CALL_BYTES, MESSAGES_A_CALL, Rejected, RowMessage, RowQueue};

use super::faults::{Faults, lock, plans_faults};

/// Queues in memory, by URL; every URL is a queue. Its clones are the same queues. As in SQS a character that XML does not
/// have is refused for ever.
#[derive(Debug, Clone)]
pub struct MemoryRowQueue {
    calls: Arc<Mutex<Vec<SentCall>>>,
    faults: Faults,
}

/// The messages that one call sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCall {
    /// Where to.
    pub url: String,
    /// What was taken.
    pub messages: Vec<RowMessage>,
}

plans_faults!(MemoryRowQueue);

impl Default for MemoryRowQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryRowQueue {
    /// Empty queues.
    ///
    /// Operations that can fail: `send`.
    pub fn new() -> Self {
        Self { calls: Arc::default(), faults: Faults::new(&["send"]) }
    }

    /// Every call, in order.
    pub fn calls(&self) -> Vec<SentCall> {
        lock(&self.calls).clone()
    }
}

impl RowQueue for MemoryRowQueue {
    async fn send(&self, url: &str, messages: &[RowMessage]) -> Result<Vec<Result<(), Rejected>>, PortError> {
        self.faults.run("send", || {
            let bytes: usize = messages.iter().map(|message| message.body.len()).sum();
            if messages.is_empty() || messages.len() > MESSAGES_A_CALL || bytes > CALL_BYTES {
                return Err(PortError::permanent("send in memory", "no call, or too much for one call"));
            }
            let verdicts: Vec<_> = messages.iter().map(verdict).collect();
            let taken = messages.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
            let messages = taken.map(|(message, _)| message.clone()).collect();
            lock(&self.calls).push(SentCall { url: url.to_owned(), messages });
            Ok(verdicts)
        })
    }
}

fn verdict(message: &RowMessage) -> Result<(), Rejected> {
    let is_foreign = |character: char| character < ' ' && !matches!(character, '\t' | '\n' | '\r');
    if message.body.contains(is_foreign) {
        let code = "InvalidMessageContents".to_owned();
        return Err(Rejected { code, message: "a character is not allowed".to_owned() });
    }
    Ok(())
}
