//! Where it all happens: a local cloud of its own whose state outlives a stop, one stack that recovers quickly, and a
//! partner.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_cli::client::{Client, Patience};
use filas_domain::ports::QueueDepth;
use filas_testkit::partner::PartnerServer;

use super::plan;
use super::services::Services;
use crate::cloud::{self, Cloud, UpOptions};
use crate::workspace::Workspace;

/// The queues by which rows travel. What a killed worker of another held, files to be written and news for those who look
/// on, stays hidden for minutes, and no row waits for it.
const ROWS_TRAVEL_BY: [&str; 2] = ["batch", "ingest"];

/// What makes recovery quick. A killed worker's batches come again when they are visible again, and its lease is over by
/// then: it ends a second after the worker's time. Split keeps five seconds of its time back for what follows the
/// reading, so it cannot have fewer. Two deliveries are few: batches die as well, and are redriven.
const QUICK: [(&str, &str); 9] = [
    ("ProcessorTimeout", "3"),
    ("BatchVisibilityTimeout", "6"),
    ("SplitTimeout", "7"),
    ("IngestVisibilityTimeout", "9"),
    ("MaxReceiveCount", "2"),
    ("ReportTimeout", "10"),
    ("ReportVisibilityTimeout", "12"),
    ("SweepStepSeconds", "10"),
    ("SweepEmptyQueueSeconds", "20"),
];
/// Seconds after which a letter comes again whose reader was killed.
const DEAD_LETTER_VISIBILITY: u32 = 6;
/// How long the queues may take to become empty once every task has ended.
const DRAIN_LIMIT: Duration = Duration::from_secs(90);

/// A cloud, its stack and its partner.
pub struct Scene<'a> {
    workspace: &'a Workspace,
    /// The cloud; restarted now and then.
    pub cloud: Cloud,
    /// Where rows are delivered to.
    pub partner: PartnerServer,
    /// Calls past the API.
    pub services: Services,
    /// Calls of the API.
    pub client: Client,
}

/// What is done with the rows: as fast as it goes, and without giving up early, so that the partner's trouble shows.
pub const PIPELINE: &str = "chaos";

const YAML: &str = "\
name: chaos
rows: { key: sku }
validate:
  type: object
  required: [sku, price]
  properties: { sku: { type: string, minLength: 1 }, price: { type: number, minimum: 0 } }
deliver:
  http:
    put: \"${PARTNER_URL}/prices/{row.sku}\"
    concurrency: 16
    timeout: 10s
    retry: { attempts: 5, for: [429, 5xx, timeout, connection] }
";

impl<'a> Scene<'a> {
    /// Brings everything up, with the functions as they are built now or, unless `build`, were built last.
    ///
    /// # Errors
    /// When a step fails; the cloud's folder then stays, to be looked into.
    pub fn set(workspace: &'a Workspace, build: bool) -> Result<Self> {
        let partner = PartnerServer::start_local(plan::well(0)).context("cannot start a partner")?;
        let mut options = UpOptions::new(&format!("chaos-{}", std::process::id()));
        options.port = Some(cloud::free_port()?);
        options.fresh = true;
        options.keep_state = true;
        options.build = build;
        options.stack = "chaos".to_owned();
        options.parameters = QUICK.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        options.parameters.insert("PartnerUrl".to_owned(), partner.url());
        let cloud = Cloud::up(workspace, &options).inspect_err(|_| {
            // The reason is on its way; that a half-started cloud cannot be stopped as well adds nothing to it.
            let _ = cloud::down(workspace, &options.instance);
        })?;
        let services = Services::of(&cloud);
        for queue in [&cloud.deployed.batch_dlq_url, &cloud.deployed.ingest_dlq_url] {
            services.set_visibility_timeout(queue, DEAD_LETTER_VISIBILITY)?;
        }
        let client = client(&cloud);
        client.put_pipeline(PIPELINE, YAML).context("cannot make the pipeline of the runs")?;
        Ok(Self { workspace, cloud, partner, services, client })
    }

    /// Another client of the API, with connections of its own.
    pub fn new_client(&self) -> Client {
        client(&self.cloud)
    }

    /// Stops the emulator in order, and every worker with it, and starts it again.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub fn restart(&mut self) -> Result<()> {
        self.cloud.restart(self.workspace)
    }

    /// Waits until no queue of files and batches holds a message, and no dead-letter queue does.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn drain(&self) -> Result<()> {
        let deadline = Instant::now() + DRAIN_LIMIT;
        loop {
            let depths = self.client.queues()?;
            let holds = |depth: &QueueDepth| depth.visible + depth.in_flight + depth.delayed > 0;
            let is_left =
                |depth: &QueueDepth| depth.dead > 0 || (ROWS_TRAVEL_BY.contains(&depth.name.as_str()) && holds(depth));
            if !depths.iter().any(is_left) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "messages are left when every task has ended: {depths:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The folder of the cloud, with its log.
    pub fn folder(&self) -> PathBuf {
        self.workspace.instance(&self.cloud.instance)
    }

    /// Stops everything. The folder, with its log and all evidence, is removed unless it is to be kept.
    ///
    /// # Errors
    /// When the cloud cannot be stopped or its folder not removed.
    pub fn strike(self, keep: bool) -> Result<()> {
        self.cloud.down(self.workspace)?;
        if !keep {
            std::fs::remove_dir_all(self.folder()).context("cannot remove the folder of the local cloud")?;
        }
        Ok(())
    }
}

fn client(cloud: &Cloud) -> Client {
    // A restart takes some seconds, in which nobody answers.
    let patience = Patience { attempts: 10, reading_attempts: 10, ..Patience::default() };
    Client::new(&cloud.deployed.api_url, &cloud.access.api_key).with_patience(patience)
}
