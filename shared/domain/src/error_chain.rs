//! An error with its causes, for a log line or a person.

use std::error::Error;

/// The messages of `error` and of all its causes, outermost first, in one line.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
