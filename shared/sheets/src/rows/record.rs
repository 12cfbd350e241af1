//! The JSON of one row, written as its cells come.

use crate::error::ReadError;
use crate::header::Header;

/// A record under way. It takes cells in the order of their columns, which is how nearly every file has them.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) bytes: Vec<u8>,
    /// Where the value of each column ends that was written.
    ends: Vec<usize>,
    /// Position of the column that comes next.
    next: usize,
    /// A cell was written that a person does not see as blank.
    pub(super) has_value: bool,
}

impl Record {
    #[inline]
    pub(super) fn begin(&mut self, columns: usize) {
        self.bytes.clear();
        self.ends.resize(columns, 0);
        self.next = 0;
        self.has_value = false;
    }

    /// True when the column at this position can still be written.
    #[inline]
    pub(super) fn takes(&self, position: usize) -> bool {
        (self.next..self.ends.len()).contains(&position)
    }

    /// Writes the value of a column that [`Self::takes`], and null for those left out before it.
    #[inline]
    pub(super) fn cell(
        &mut self,
        header: &Header,
        position: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        if self.next < position {
            self.fill_up(header, position);
        }
        header.append_key(position, &mut self.bytes);
        let is_blank = write(&mut self.bytes)?;
        self.has_value |= !is_blank;
        self.end_value(position);
        Ok(())
    }

    /// Writes null for the columns left out before this position.
    pub(super) fn fill_up(&mut self, header: &Header, position: usize) {
        for gap in self.next..position {
            header.append_key(gap, &mut self.bytes);
            self.bytes.extend_from_slice(b"null");
            self.end_value(gap);
        }
    }

    pub(super) fn finish(&mut self, header: &Header) {
        self.fill_up(header, self.ends.len());
        self.bytes.push(b'}');
    }

    /// The values written so far with the positions of their columns, for a row that turns out not to be in order.
    pub(super) fn values<'r>(&'r self, header: &'r Header) -> impl Iterator<Item = (usize, &'r [u8])> {
        (0..self.next).filter_map(|position| {
            let before = if position == 0 { 0 } else { self.ends[position - 1] };
            let value = self.bytes.get(before + header.key(position).len()..self.ends[position])?;
            // A text is in quotes: this is no value but a column left out.
            (value != b"null").then_some((position, value))
        })
    }

    #[inline]
    fn end_value(&mut self, position: usize) {
        if let Some(end) = self.ends.get_mut(position) {
            *end = self.bytes.len();
        }
        self.next = position + 1;
    }
}
