//! An OLE2 container with a few streams: enough for encrypted files and small `.xls` workbooks.

const SECTOR: usize = 512;
const END: u32 = 0xFFFF_FFFE;
const FREE: u32 = 0xFFFF_FFFF;
const TABLE: u32 = 0xFFFF_FFFD;

/// Collects streams. Each is padded to 4,096 bytes, below which the format would want a second kind of sectors.
#[derive(Default)]
pub struct OleBuilder {
    streams: Vec<(String, Vec<u8>)>,
}

impl OleBuilder {
    /// A container without streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stream; at most three fit.
    #[must_use]
    pub fn stream(mut self, name: &str, content: &[u8]) -> Self {
        let mut content = content.to_vec();
        content.resize(content.len().max(4096).next_multiple_of(SECTOR), 0);
        self.streams.push((name.to_owned(), content));
        self
    }

    /// The bytes of the container: header, sector table, directory, streams.
    pub fn build(&self) -> Vec<u8> {
        let data_sectors: usize = self.streams.iter().map(|(_, content)| content.len() / SECTOR).sum();
        // One sector of the table holds 128 entries; the directory and the table itself take entries too.
        let table_sectors = (data_sectors + 2).div_ceil(127);
        let directory = table_sectors as u32;
        let mut table = vec![TABLE; table_sectors];
        table.push(END);
        let mut starts = Vec::new();
        for (_, content) in &self.streams {
            let first = table.len() as u32;
            let count = (content.len() / SECTOR) as u32;
            starts.push(first);
            table.extend((1..count).map(|step| first + step));
            table.push(END);
        }
        table.resize(table_sectors * SECTOR / 4, FREE);
        let mut out = header(table_sectors, directory);
        out.extend(table.iter().flat_map(|sector| sector.to_le_bytes()));
        out.extend(self.directory(&starts));
        for (_, content) in &self.streams {
            out.extend_from_slice(content);
        }
        out
    }

    fn directory(&self, starts: &[u32]) -> Vec<u8> {
        let child = if self.streams.is_empty() { FREE } else { 1 };
        let mut out = entry("Root Entry", 5, FREE, child, END, 0);
        for (index, ((name, content), start)) in self.streams.iter().zip(starts).enumerate() {
            let next = if index + 1 < self.streams.len() { index as u32 + 2 } else { FREE };
            out.extend(entry(name, 2, next, FREE, *start, content.len() as u32));
        }
        out.resize(SECTOR, 0);
        out
    }
}

fn header(table_sectors: usize, directory: u32) -> Vec<u8> {
    let mut out = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    out.resize(24, 0);
    for word in [0x3E_u16, 3, 0xFFFE, 9, 6] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.resize(44, 0);
    for long in [table_sectors as u32, directory, 0, 4096, END, 0, END, 0] {
        out.extend_from_slice(&long.to_le_bytes());
    }
    for index in 0..109 {
        let sector = if index < table_sectors { index as u32 } else { FREE };
        out.extend_from_slice(&sector.to_le_bytes());
    }
    out
}

fn entry(name: &str, kind: u8, right: u32, child: u32, start: u32, bytes: u32) -> Vec<u8> {
    let mut out: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_bytes = out.len() as u16 + 2;
    out.resize(64, 0);
    out.extend_from_slice(&name_bytes.to_le_bytes());
    out.extend_from_slice(&[kind, 1]);
    for long in [FREE, right, child] {
        out.extend_from_slice(&long.to_le_bytes());
    }
    out.resize(116, 0);
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&bytes.to_le_bytes());
    out.resize(128, 0);
    out
}
