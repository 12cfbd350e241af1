//! Which files there are. A file that is not named here is not served; a test looks for one that was forgotten.

/// A file of the dashboard.
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! files {
    ($($name:literal: $media_type:expr),* $(,)?) => {
        [$(File { name: $name, media_type: $media_type, text: include_str!(concat!("../../../web/", $name)) }),*]
    };
}

/// Every file.
pub static FILES: [File; 19] = files![
    "index.html": HTML,
    "style.css": CSS,
    "api.js": SCRIPT,
    "chart.js": SCRIPT,
    "grid.js": SCRIPT,
    "live.js": SCRIPT,
    "main.js": SCRIPT,
    "queues.js": SCRIPT,
    "records.js": SCRIPT,
    "task.js": SCRIPT,
    "tasks.js": SCRIPT,
    "upload.js": SCRIPT,
    "words.js": SCRIPT,
    "vendor-hooks.mjs": SCRIPT,
    "vendor-htm.mjs": SCRIPT,
    "vendor-preact.mjs": SCRIPT,
    "vendor-uplot.css": CSS,
    "vendor-uplot.js": SCRIPT,
    "vendor-licenses.txt": TEXT,
];
