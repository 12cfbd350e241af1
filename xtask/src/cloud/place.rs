//! Where stacks are deployed to: an endpoint, and the key that opens what stands there.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{architecture, key_hash, places_on_this_machine};
use crate::deploy::{self, Deployed, Deployment};
use crate::progress::step;
use crate::python::{self, Requirements};
use crate::workspace::{Lock, Workspace};

/// An endpoint for stacks: our own emulator's, or one that somebody else runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// Address of every service.
    pub endpoint: String,
    /// The region that everything is in.
    pub region: String,
    /// The owner whose key this is.
    pub owner: String,
    /// The owner's API key.
    pub api_key: String,
}

impl Place {
    /// Deploys the template there, with the functions that were built last.
    ///
    /// # Errors
    /// When the deployment fails.
    pub fn deploy_stack(
        &self,
        workspace: &Workspace,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Deployed> {
        let mut all = BTreeMap::from([
            ("OwnerKeys".to_owned(), format!("{}={}", self.owner, key_hash(&self.api_key))),
            ("Architecture".to_owned(), architecture()?.to_owned()),
        ]);
        all.extend(parameters.clone());
        all.entry("OutboundAllow".to_owned()).or_insert_with(|| places_on_this_machine(parameters));
        let python = python::environment(workspace, Requirements::Cloud)?;
        let environment = self.environment();
        let _lock = workspace.lock(Lock::Deploy)?;
        let deployment = Deployment { stack, parameters: &all, keep_parameters: false, environment: &environment };
        step(&format!("deploying stack {stack} to {}", self.endpoint), || {
            deploy::deploy(workspace, &python, &deployment)
        })
    }

    /// Deletes a stack with everything that is in it; one that is not there is deleted already.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn delete_stack(&self, workspace: &Workspace, stack: &str) -> Result<()> {
        let python = python::environment(workspace, Requirements::Cloud)?;
        let _lock = workspace.lock(Lock::Deploy)?;
        step(&format!("deleting stack {stack} from {}", self.endpoint), || {
            deploy::delete(workspace, &python, stack, &self.environment())
        })
    }

    /// What a program needs in its environment to call the services there by an AWS SDK.
    pub fn environment(&self) -> [(&'static str, String); 7] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            ("no_proxy", "127.0.0.1,localhost".to_owned()),
        ]
    }
}
