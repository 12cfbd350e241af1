use super::*;
use crate::task::{Order, TaskState};

fn check_guard(text: &str, expected: bool) {
    assert_eq!(needs_guard(text), expected, "{text:?}");
    let stored = if expected { format!("'{text}") } else { text.to_owned() };
    assert_eq!(without_guard(&stored), text, "{text:?} does not come back");
}

#[test]
fn what_could_be_a_formula_is_guarded_and_comes_back_as_it_was() {
    for formula in [
        "=1+1",
        "=cmd|'/c calc'!A1",
        "+49 170 1234567",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "＝1",
        "＠x",
        "-",
        "=",
        "-1.2.3",
        "'=1+1",
        "''=1",
    ] {
        check_guard(formula, true);
    }
    for plain in ["", "a", "12", "-12", "+12.50", "-0.5", "'", "'quoted'", "''", "a=b", "007", "'-5", " =1"] {
        check_guard(plain, false);
    }
}

#[test]
fn only_our_own_columns_are_overlooked() {
    for name in ADDED_COLUMNS {
        assert!(is_added(name));
    }
    for name in ["filas", "filas_", "filas_rows", "row", "FILAS_ROW", ""] {
        assert!(!is_added(name), "{name}");
    }
}

fn task(state: TaskState, finished: Option<u64>, total: Option<u64>) -> Task {
    let order = Order {
        owner: "acme".parse().unwrap(),
        pipeline: crate::ids::PipelineRef { name: "p".into(), version: "1".into() },
        filename: None,
        media_type: None,
        size: 1,
        sheet: None,
        batch_size: 2,
    };
    let mut task = Task::registered(TaskId::new(Timestamp::from_millis(1), [1; 10]), order, Timestamp::default());
    task.head.state = state;
    task.head.finished = finished.map(Timestamp::from_millis);
    task.head.total = total;
    task.head.batches = total.map(|_| 1);
    task
}

#[test]
fn an_end_is_told_once_and_again_after_a_redrive() {
    let check = |old: Option<&Task>, new: &Task, expected: Option<u64>| {
        assert_eq!(has_ended(old, new), expected.map(Timestamp::from_millis), "{old:?} {new:?}");
    };
    let running = task(TaskState::Processing, None, Some(4));
    let ended = task(TaskState::CompletedWithFailures, Some(7), Some(4));
    check(Some(&running), &ended, Some(7));
    check(None, &ended, Some(7));
    check(Some(&ended), &ended, None);
    check(Some(&ended), &running, None);
    check(Some(&running), &task(TaskState::Cancelled, Some(9), Some(4)), Some(9));
    check(Some(&ended), &task(TaskState::Completed, Some(9), Some(4)), Some(9));
    check(Some(&running), &task(TaskState::Failed, Some(9), None), None);
    check(Some(&running), &task(TaskState::Expired, Some(9), None), None);
}

#[test]
fn a_message_reads_back_and_what_is_not_ours_is_an_error() {
    let task = TaskId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10]);
    let message = ReportMessage { task, finished: Timestamp::from_millis(9), continued: 0 };
    let body = message.handed_on().encode();
    assert_eq!(body, r#"{"version":1,"task":"018bcfe5-6800-7707-8707-070707070707","finished":9,"continued":1}"#);
    assert_eq!(ReportMessage::decode(&body).unwrap(), message.handed_on());
    let newer = body.replace("\"version\":1", "\"version\":2");
    assert!(matches!(ReportMessage::decode(&newer), Err(ReportMessageError::UnknownVersion(2))));
    for body in ["", "{}", r#"{"version":1}"#] {
        assert!(matches!(ReportMessage::decode(body), Err(ReportMessageError::Malformed(_))), "{body}");
    }
}

#[test]
fn no_two_files_have_one_name() {
    let names: std::collections::BTreeSet<_> = ResultFile::ALL.iter().map(|file| file.name()).collect();
    assert_eq!(names.len(), ResultFile::ALL.len());
}
