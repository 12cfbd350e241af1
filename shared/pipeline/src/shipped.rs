//! The pipelines that come with Filas.

/// A pipeline that comes with Filas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// The name that a task asks for.
    pub name: &'static str,
    /// Its file.
    pub yaml: &'static str,
}

static ALL: [Shipped; 4] = [
    Shipped { name: "orders", yaml: include_str!("../../../pipelines/orders.yaml") },
    Shipped { name: "orders-check", yaml: include_str!("../../../pipelines/orders-check.yaml") },
    Shipped { name: "prices", yaml: include_str!("../../../pipelines/prices.yaml") },
    Shipped { name: "simulate", yaml: include_str!("../../../pipelines/simulate.yaml") },
];

/// All of them, by name.
pub fn all() -> &'static [Shipped] {
    &ALL
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Shipped> {
    ALL.iter().find(|shipped| shipped.name == name)
}
