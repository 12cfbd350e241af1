//! What a function does, its role allows. Runs when every other test is over, and reads what all of them made the functions
//! do: the local cloud refuses what a role does not give, as AWS does, and a function logs that it was refused.
#![cfg(feature = "cloud")]

use anyhow::{Result, ensure};
use filas_e2e::Stack;
use filas_e2e::logs::logged;

/// What services answer who may not: S3, DynamoDB and SQS; SNS; and the sentence that goes with each.
const REFUSALS: [&str; 3] = ["AccessDenied", "AuthorizationError", "is not authorized to perform"];

#[test]
fn no_function_was_refused_what_it_asked_for() -> Result<()> {
    for stack in [Stack::main()?, Stack::chaos()?, Stack::strict()?] {
        let lines = logged(&stack)?;
        let refused: Vec<&String> =
            lines.iter().filter(|line| REFUSALS.iter().any(|refusal| line.contains(refusal))).take(5).collect();
        ensure!(refused.is_empty(), "a role of the stack {} lacks a permission: {refused:#?}", stack.name);
    }
    Ok(())
}
