//! An error with its causes, for a log line or a person.

use std::error::Error;

/// The messages of `error` and of all its causes, outermost first, in one line.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::PortError;

    #[test]
    fn causes_follow_what_they_caused() {
        let error = PortError::transient("read task 7", "the connection was refused");
        assert_eq!(error_chain(&error), "read task 7: the connection was refused");
    }
}
