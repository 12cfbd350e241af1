//! Messages of rows that run at the same time, sent ten to a call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use filas_domain::ports::PortError;
use filas_domain::row_queue::{CALL_BYTES, MESSAGES_A_CALL, Rejected, RowMessage};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::ATTRIBUTES_BYTES;
use crate::outbound::back_off;
use crate::rate::wait_until;
use crate::services::{Services, interrupted};
use crate::stage::Interrupted;

/// How long the first message of a call waits for others.
const LINGER: Duration = Duration::from_millis(5);

/// Whether the queue took a message; an error when that is not known.
type Sent = Result<Result<(), Rejected>, Arc<PortError>>;

/// Gathers messages for one queue.
#[derive(Debug)]
pub(super) struct Batcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: String,
    services: Services,
    gathered: Mutex<Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    messages: Vec<RowMessage>,
    senders: Vec<oneshot::Sender<Sent>>,
    bytes: usize,
    /// Which call this will be: a call that lingered too long for it finds another.
    call: u64,
}

impl Batcher {
    /// For the queue at `url`.
    pub(super) fn new(url: String, services: Services) -> Self {
        Self(Arc::new(Shared { url, services, gathered: Mutex::default() }))
    }

    /// Sends a message with others, again while the trouble may pass and there is time.
    pub(super) async fn send(
        &self,
        message: RowMessage,
        deadline: Instant,
    ) -> Result<Result<(), Rejected>, Interrupted> {
        let mut failures = 0;
        loop {
            let error = match timeout_at(deadline, self.join(message.clone())).await {
                Err(_) => return Err(Interrupted::OutOfTime),
                // Whoever was to send it is gone, with a panic that was printed.
                Ok(Err(_)) => return Err(Interrupted::Fault("the rows could not be sent".to_owned())),
                Ok(Ok(Ok(taken))) => return Ok(taken),
                Ok(Ok(Err(error))) => error,
            };
            let interrupted = interrupted(&error);
            if !error.is_transient() {
                return Err(interrupted);
            }
            failures += 1;
            let next = Instant::now().checked_add(back_off(failures, None));
            wait_until(next, deadline).await.map_err(|_| interrupted)?;
        }
    }

    /// Adds a message to the next call, and starts the call when it is full.
    fn join(&self, message: RowMessage) -> oneshot::Receiver<Sent> {
        let (sender, receiver) = oneshot::channel();
        let bytes = message.body.len() + ATTRIBUTES_BYTES;
        let mut gathered = self.0.gathered();
        if gathered.bytes + bytes > CALL_BYTES {
            self.0.start(&mut gathered);
        }
        gathered.bytes += bytes;
        gathered.messages.push(message);
        gathered.senders.push(sender);
        match gathered.messages.len() {
            1 => {
                let (shared, call) = (self.0.clone(), gathered.call);
                tokio::spawn(async move {
                    tokio::time::sleep(LINGER).await;
                    let mut gathered = shared.gathered();
                    if gathered.call == call {
                        shared.start(&mut gathered);
                    }
                });
            }
            MESSAGES_A_CALL => self.0.start(&mut gathered),
            _ => {}
        }
        receiver
    }
}

impl Shared {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what was gathered, in a task of its own: a row that gives up must not take the others along.
    fn start(self: &Arc<Self>, gathered: &mut Gathered) {
        let call = gathered.call + 1;
        let Gathered { messages, senders, .. } = std::mem::replace(gathered, Gathered { call, ..Gathered::default() });
        let shared = self.clone();
        tokio::spawn(async move {
            let sent = match shared.services.send(&shared.url, &messages).await {
                Ok(sent) if sent.len() == messages.len() => sent.into_iter().map(Ok).collect(),
                Ok(sent) => vec![Err(wrong_count(sent.len(), messages.len())); messages.len()],
                Err(error) => vec![Err(Arc::new(error)); messages.len()],
            };
            for (sender, sent) in senders.into_iter().zip(sent) {
                // A row that has given up does not listen any more.
                let _ = sender.send(sent);
            }
        });
    }
}

fn wrong_count(answers: usize, messages: usize) -> Arc<PortError> {
    let what = format!("{answers} answers to {messages} messages");
    Arc::new(PortError::permanent("send rows to a queue", what))
}
