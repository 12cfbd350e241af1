//! Logs: one JSON object a line on stdout, where Lambda collects it. Never the content of a row, a key or a token.
//!
//! A line has, side by side, what it says itself and what it was logged in the course of: the invocation (`requestId`, from
//! the Lambda runtime), the request (`request_id`, `method`, `path`), the `task`, the `batch` and its `attempt`, and the
//! trace (`trace_id`, `span_id`, `parent_id`), so that one filter finds every line of a thing.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// These log the bodies and headers of requests when they are asked for more: rows and tokens.
const TOO_TALKATIVE: [&str; 5] = ["aws_", "hyper", "h2", "rustls", "reqwest"];

/// Starts logging, at `info` or as `RUST_LOG` says (`debug`, `info,filas_processor=debug`). A second call does nothing.
pub fn init() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let lines = json_subscriber::fmt::layer()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .flatten_span_list_on_top_level(true)
        .with_writer(std::io::stdout);
    // A subscriber that is there already was somebody's choice, a test's for instance.
    let _ = tracing_subscriber::registry().with(filter(&wanted)).with(lines).try_init();
}

fn filter(wanted: &str) -> Targets {
    let asked = if wanted.trim().is_empty() { None } else { wanted.parse::<Targets>().ok() };
    let asked = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    TOO_TALKATIVE.iter().fold(asked, |filter, target| filter.with_target(*target, LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_level_is_info_unless_asked_otherwise() {
        for (wanted, target, level, expected) in [
            ("", "filas_split", Level::INFO, true),
            ("", "filas_split", Level::DEBUG, false),
            ("debug", "filas_split", Level::DEBUG, true),
            ("warn,filas_split=debug", "filas_split", Level::DEBUG, true),
            ("warn,filas_split=debug", "filas_aws", Level::INFO, false),
            ("not/a=filter=x", "filas_split", Level::INFO, true),
            ("trace", "aws_smithy_runtime::client", Level::DEBUG, false),
            ("trace", "hyper_util::client", Level::INFO, false),
            ("", "aws_smithy_runtime::client", Level::WARN, true),
        ] {
            assert_eq!(filter(wanted).would_enable(target, &level), expected, "{wanted} {target} {level}");
        }
    }
}
