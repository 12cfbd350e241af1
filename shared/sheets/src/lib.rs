//! The `sheets` room.
