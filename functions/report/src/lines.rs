//! A stored file, some whole lines at a time.

use filas_domain::keys::ObjectKey;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{ObjectReader, PortError};

/// Bytes that are asked for in one go.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;

/// Reads an object from its start.
pub struct Lines<'a, O> {
    objects: &'a O,
    key: ObjectKey,
    size: u64,
    position: u64,
    /// The beginning of a line whose end was not read yet.
    begun: Vec<u8>,
}

impl<'a, O: ObjectReader> Lines<'a, O> {
    /// The lines of an object.
    ///
    /// # Errors
    /// When the object is not there, or the store is in trouble.
    pub async fn open(objects: &'a O, key: ObjectKey) -> Result<Self, PortError> {
        let size = objects.size(&key).await?;
        let size =
            size.ok_or_else(|| PortError::permanent(format!("read the lines of {key}"), "there is no such object"))?;
        Ok(Self { objects, key, size, position: 0, begun: Vec::new() })
    }

    /// The next lines, each with its end; `None` after the last. A line may be longer than what is read in one go.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, PortError> {
        while self.position < self.size {
            let end = self.size.min(self.position + CHUNK_BYTES);
            let range = ByteRange { start: self.position, end };
            let bytes = self.objects.get(&self.key, Some(range)).await?;
            self.position = end;
            let mut lines = std::mem::take(&mut self.begun);
            lines.extend(bytes);
            let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.begun = lines.split_off(whole);
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        let rest = std::mem::take(&mut self.begun);
        Ok((!rest.is_empty()).then_some(rest))
    }
}
