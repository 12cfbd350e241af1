//! End-to-end flows.
