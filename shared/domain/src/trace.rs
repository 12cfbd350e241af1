//! Which calls belong together: the `traceparent` of W3C Trace Context (<https://www.w3.org/TR/trace-context/>).
//!
//! A trace begins with the call that registers a task, or before it, where the caller says so. It goes with the file as
//! metadata of its object, with each batch as an attribute of its message, and with each request to a partner as a header.
//! Spans are derived from what they stand for, so whoever does the same piece of work again, as the same attempt, has the
//! same span.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::ids::TaskId;

/// The name of the header, of the object's metadata, of the message's attribute, and of the extension of CloudEvents.
pub const TRACEPARENT: &str = "traceparent";

/// The lowest bit: whoever began the trace records it.
const SAMPLED: u8 = 1;

/// A trace, and the piece of work in it that caused what comes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a traceparent of W3C Trace Context")]
pub struct NoTraceParent;

impl TraceParent {
    /// The trace of a task that nobody gave one: its id is as long as a trace's, and as unique.
    pub fn of_task(task: TaskId) -> Self {
        let trace = u128::from_be_bytes(*task.as_bytes());
        Self { trace, span: 0, flags: SAMPLED }.child("task")
    }

    /// The trace that begins with something of this name.
    pub fn begun_by(name: &str) -> Self {
        let digest = Sha256::digest(name);
        let trace = u128::from_be_bytes(std::array::from_fn(|index| digest[index])).max(1);
        Self { trace, span: 0, flags: SAMPLED }.child(name)
    }

    /// A piece of work that this one caused. Its name tells it from the others that this one causes.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let digest = Sha256::new().chain_update(self.to_string()).chain_update(name).finalize();
        let span = u64::from_be_bytes(std::array::from_fn(|index| digest[index]));
        // A span of zeros is no span.
        Self { span: span.max(1), ..*self }
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The piece of work: 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }
}

impl Display for TraceParent {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// Reads the header. A later version than ours may say more behind what ours says, as its section 4.3 wants.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let mut fields = text.trim().splitn(5, '-');
        let mut hexadecimal = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits).ok_or(NoTraceParent)?;
            let is_lower = field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let number = u128::from_str_radix(field, 16).ok().filter(|_| is_lower);
            number.ok_or(NoTraceParent)
        };
        let (version, trace) = (hexadecimal(2)?, hexadecimal(32)?);
        let span = u64::try_from(hexadecimal(16)?).map_err(|_| NoTraceParent)?;
        let flags = u8::try_from(hexadecimal(2)?).map_err(|_| NoTraceParent)?;
        let is_known = match version {
            0 => fields.next().is_none(),
            version => version != 0xff,
        };
        if !is_known || trace == 0 || span == 0 {
            return Err(NoTraceParent);
        }
        Ok(Self { trace, span, flags: flags & SAMPLED })
    }
}

impl TryFrom<String> for TraceParent {
    type Error = NoTraceParent;

    fn try_from(text: String) -> Result<Self, NoTraceParent> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    /// The example of the specification.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_reads_back() {
        let trace: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(trace.to_string(), EXAMPLE);
        assert_eq!((trace.trace_id().as_str(), trace.span_id().as_str()), (&EXAMPLE[3..35], &EXAMPLE[36..52]));
        assert_eq!(serde_json::to_string(&trace).unwrap(), format!("\"{EXAMPLE}\""));
        assert_eq!(serde_json::from_str::<TraceParent>(&format!("\"{EXAMPLE}\"")).unwrap(), trace);
    }

    #[test]
    fn headers_are_what_the_specification_says() {
        for (text, expected) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
            (" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", true),
            // A later version, alone and with more.
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false),
            ("", false),
            ("é", false),
        ] {
            assert_eq!(text.parse::<TraceParent>().is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn work_has_a_span_of_its_own_in_the_trace_of_its_cause() {
        let task = TaskId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10]);
        let cause = TraceParent::of_task(task);
        assert_eq!(cause.trace_id(), task.to_string().replace('-', ""));
        let [one, other] = ["batch 1", "batch 2"].map(|name| cause.child(name));
        assert!(one.trace_id() == cause.trace_id() && other.trace_id() == cause.trace_id());
        assert!(one.span_id() != other.span_id() && one.span_id() != cause.span_id());
        assert_eq!(one, cause.child("batch 1"));
        assert_ne!(TraceParent::begun_by("a").trace_id(), TraceParent::begun_by("b").trace_id());
    }
}
