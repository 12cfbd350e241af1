//! The `aws` room.
