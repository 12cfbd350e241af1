//! Where things are.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The project's folder on this machine.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the root upwards from the crate that cargo runs, or from the current folder.
    ///
    /// # Errors
    /// When no folder above holds `template.yaml`.
    pub fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("cannot tell the current folder")?,
        };
        start
            .ancestors()
            .find(|folder| folder.join("template.yaml").is_file() && folder.join("Cargo.toml").is_file())
            .map(|root| Self { root: root.to_owned() })
            .with_context(|| format!("no folder above {} holds template.yaml", start.display()))
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The ignored folder where everything made on this machine goes.
    pub fn made(&self) -> PathBuf {
        self.root.join(".filas")
    }

    /// The folder of one local cloud.
    pub fn instance(&self, name: &str) -> PathBuf {
        self.made().join(name)
    }

    /// The folder with one folder per built function.
    pub fn functions(&self) -> PathBuf {
        self.made().join("functions")
    }

    /// Waits until no other xtask changes what `name` stands for, and keeps others out until the result is dropped. Who
    /// takes two takes them in the order of [`Lock`].
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, lock: Lock) -> Result<File> {
        fs::create_dir_all(self.made()).with_context(|| format!("cannot make {}", self.made().display()))?;
        let path = self.made().join(lock.file());
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }
}

/// What only one xtask may do at a time.
#[derive(Debug, Clone, Copy)]
pub enum Lock {
    /// Deploying into a local cloud.
    Deploy,
    /// Changing the `.filas` folder: environment, functions, instances.
    Made,
}

impl Lock {
    fn file(self) -> &'static str {
        match self {
            Self::Deploy => "deploy.lock",
            Self::Made => "made.lock",
        }
    }
}
