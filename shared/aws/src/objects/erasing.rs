//! [`ObjectEraser`]: everything of a task, page by page.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use filas_domain::erasure::ObjectEraser;
use filas_domain::ids::TaskId;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::PortError;

use super::S3Objects;
use crate::errors::port_error;

impl ObjectEraser for S3Objects {
    async fn erase_objects(&self, task: TaskId) -> Result<(), PortError> {
        for folder in ObjectKey::folders(task) {
            self.erase_folder(&folder).await?;
        }
        Ok(())
    }
}

impl S3Objects {
    async fn erase_folder(&self, folder: &str) -> Result<(), PortError> {
        let operation = format!("delete {folder} from the bucket");
        loop {
            // Always the first page: what was on it is gone the next time.
            let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(folder);
            let listed = list.send().await.map_err(|error| port_error(&operation, error))?;
            let keys: Result<Vec<_>, _> = listed
                .contents()
                .iter()
                .filter_map(|object| object.key())
                .map(|key| ObjectIdentifier::builder().key(key).build())
                .collect();
            let keys = keys.map_err(|error| PortError::permanent(&operation, error))?;
            if keys.is_empty() {
                return Ok(());
            }
            let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build();
            let delete = delete.map_err(|error| PortError::permanent(&operation, error))?;
            let request = self.client.delete_objects().bucket(&self.bucket).delete(delete);
            let answer = request.send().await.map_err(|error| port_error(&operation, error))?;
            if let Some(refused) = answer.errors().first() {
                let why = format!(
                    "{} objects were not deleted; of one the store says {}",
                    answer.errors().len(),
                    refused.code().unwrap_or("nothing")
                );
                return Err(PortError::transient(operation, why));
            }
        }
    }
}
