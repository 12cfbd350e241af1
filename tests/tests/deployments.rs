//! A stack of its own that is updated and deleted while tasks are in flight.
#![cfg(feature = "cloud")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::access::sha256_hex;
use filas_domain::task::TaskState;
use filas_e2e::{PATIENCE, Stack};
use xtask::deploy::{self, Deployed, Deployment};
use xtask::python::{self, Requirements};
use xtask::workspace::Workspace;

const ROWS: u64 = 3000;

/// A stack beside those of the other tests, on the same cloud.
struct Own {
    name: String,
    key: String,
    endpoint: String,
    partner: String,
}

impl Own {
    fn new(name: &str) -> Result<Self> {
        let main = Stack::main()?;
        // The names of buckets and functions begin with the stack's; on a shared endpoint somebody may have them.
        Ok(Self {
            name: format!("{}-{name}", main.name),
            endpoint: main.cloud()?,
            partner: main.partner,
            key: main.key,
        })
    }

    fn deploy(&self, changed: &[(&str, &str)]) -> Result<Deployed> {
        let workspace = Workspace::find()?;
        let python = python::environment(&workspace, Requirements::Cloud)?;
        let owners = format!("local={}", sha256_hex(self.key.as_bytes()));
        let parameters: BTreeMap<String, String> = [
            ("OwnerKeys", owners.as_str()),
            ("PartnerUrl", self.partner.as_str()),
            ("ProcessorTimeout", "3"),
            ("BatchVisibilityTimeout", "18"),
        ]
        .iter()
        .chain(changed)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        deploy::deploy(
            &workspace,
            &python,
            &Deployment { stack: &self.name, parameters: &parameters, keep_parameters: false, environment: &[] },
        )
    }

    /// A task of which some rows have an outcome and most have not.
    fn task_in_flight(&self, client: &Client) -> Result<TaskId> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("jobs.csv");
        let rows: String = (0..ROWS).map(|row| format!("r{row},20\n")).collect();
        std::fs::write(&file, format!("id,cost\n{rows}"))?;
        let mut upload = Upload::new(file, "simulate");
        upload.batch_size = Some(100);
        let task = client.upload(&upload, &mut Silent)?;
        eventually("the first rows end", || Ok(client.task(task.id)?.succeeded > 0))?;
        Ok(task.id)
    }

    /// A call of CloudFormation; the emulator checks no signature, and the scope says which service is meant.
    fn cloud_formation(&self, action: &str) -> Result<(u16, String)> {
        let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cloudformation/aws4_request, \
                     SignedHeaders=host, Signature=0";
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let form = [("Action", action), ("StackName", self.name.as_str()), ("Version", "2010-05-15")];
        let mut answer = agent.post(&self.endpoint).header("authorization", scope).send_form(form)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }
}

fn eventually(what: &str, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !look()? {
        ensure!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[test]
fn a_stack_is_updated_while_a_task_is_in_flight_and_deleted_while_another_is() -> Result<()> {
    let own = Own::new("moving")?;
    let before = own.deploy(&[])?;
    let client = Client::new(&before.api_url, &own.key);
    let task = own.task_in_flight(&client)?;

    // Every function is another afterwards: what they had in hand is delivered again.
    let after = own.deploy(&[("LogRetentionDays", "7"), ("SweepStepSeconds", "5"), ("MaxReceiveCount", "6")])?;
    ensure!(after.api_url == before.api_url && after.table == before.table, "it is the same stack");
    ensure!(!client.task(task)?.state.is_final(), "the task was in flight all along");
    eventually("the task ends", || Ok(client.task(task)?.state.is_final()))?;
    let ended = client.task(task)?;
    assert_eq!((ended.state, ended.succeeded, ended.failed, ended.unprocessed), (TaskState::Completed, ROWS, 0, 0));
    ensure!(client.audit(task)?.agrees, "the ledger adds up");

    own.task_in_flight(&client)?;
    let (status, text) = own.cloud_formation("DeleteStack")?;
    ensure!(status == 200, "{text}");
    eventually("the stack is gone", || {
        let (status, text) = own.cloud_formation("DescribeStacks")?;
        ensure!(!text.contains("DELETE_FAILED"), "{text}");
        Ok(status != 200)
    })?;
    let gone = client.task(task).err().context("the API still answers")?;
    ensure!(gone.status() != Some(200), "{gone}");
    // Its neighbours are as they were.
    Stack::main()?.client().queues()?;
    Ok(())
}
