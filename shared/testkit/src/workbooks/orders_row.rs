//! One order, and the ways in which it can be bad.

/// Names with accents and in other scripts.
const CUSTOMERS: [&str; 12] = [
    "José Núñez",
    "Zoë Müller",
    "李雷",
    "Anaïs Lefèvre",
    "Søren Kjær",
    "Łukasz Wójcik",
    "Ömer Yıldız",
    "Mary O'Brien",
    "Ιωάννης Παππάς",
    "Смирнова Анна",
    "João Simões",
    "Smith & Sons \"Ltd\"",
];
const CURRENCIES: [&str; 3] = ["EUR", "USD", "GBP"];
const COUNTRIES: [&str; 8] = ["ES", "DE", "CN", "FR", "DK", "PL", "GB", "US"];
const NOTES: [&str; 4] =
    ["leave at the door", "gift: \"happy birthday\"", "first line\nsecond line", "fish & chips; <fragile>, 50% off"];
/// 2024-01-01 as a serial number of the 1900 date system.
const FIRST_DAY: u32 = 45_292;

/// A way in which an order breaks the schema of `pipelines/orders.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    MissingOrderId,
    MissingSku,
    QuantityZero,
    QuantityNegative,
    QuantityInWords,
    CurrencyUnknown,
    PriceError,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::MissingOrderId,
        Self::MissingSku,
        Self::QuantityZero,
        Self::QuantityNegative,
        Self::QuantityInWords,
        Self::CurrencyUnknown,
        Self::PriceError,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MissingOrderId => "missing_order_id",
            Self::MissingSku => "missing_sku",
            Self::QuantityZero => "quantity_zero",
            Self::QuantityNegative => "quantity_negative",
            Self::QuantityInWords => "quantity_in_words",
            Self::CurrencyUnknown => "currency_unknown",
            Self::PriceError => "price_error",
        }
    }
}

/// The cells of one order. `None` is an empty cell.
pub(super) struct OrderRow {
    pub(super) fault: Option<Fault>,
    pub(super) order_id: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) customer: &'static str,
    pub(super) quantity: Result<i32, &'static str>,
    /// In cents; `None` is an error cell.
    pub(super) unit_price: Option<u32>,
    pub(super) currency: &'static str,
    /// Serial number of the day.
    pub(super) order_date: u32,
    /// Serial number of the day and second of the day.
    pub(super) ship_at: Option<(u32, u32)>,
    pub(super) express: bool,
    /// In hundredths.
    pub(super) discount: Option<u32>,
    pub(super) country: &'static str,
    pub(super) note: Option<&'static str>,
}

/// Makes orders one after another, the same ones for the same seed.
pub(super) struct OrderRows {
    state: u64,
    number: u32,
    faults: usize,
}

impl OrderRows {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5EED_0F11_A5F1_1A50, number: 0, faults: 0 }
    }

    pub(super) fn next_row(&mut self) -> OrderRow {
        self.number += 1;
        let fault = self.next_fault();
        let order_date = FIRST_DAY + self.below(730);
        let (customer, currency) = (self.pick(&CUSTOMERS), self.pick(&CURRENCIES));
        let mut row = OrderRow {
            fault,
            order_id: Some(format!("ORD-{:06}", self.number)),
            sku: Some(format!("{:08}", 1 + self.below(99_999))),
            customer,
            quantity: Ok(1 + self.below(40) as i32),
            unit_price: Some(50 + self.below(49_950)),
            currency,
            order_date,
            ship_at: (self.below(10) < 8).then(|| (order_date + 1 + self.below(9), self.below(86_400))),
            express: self.below(4) == 0,
            discount: (self.below(10) < 3).then(|| 1 + self.below(50)),
            country: self.pick(&COUNTRIES),
            note: (self.below(20) == 0).then(|| self.pick(&NOTES)),
        };
        match fault {
            None => {}
            Some(Fault::MissingOrderId) => row.order_id = None,
            Some(Fault::MissingSku) => row.sku = None,
            Some(Fault::QuantityZero) => row.quantity = Ok(0),
            Some(Fault::QuantityNegative) => row.quantity = Ok(-3),
            Some(Fault::QuantityInWords) => row.quantity = Err("three"),
            Some(Fault::CurrencyUnknown) => row.currency = "XTS",
            Some(Fault::PriceError) => row.unit_price = None,
        }
        row
    }

    /// About one row in eighty is bad; the kinds come in turn, so that a few hundred rows have all of them.
    fn next_fault(&mut self) -> Option<Fault> {
        if self.below(80) != 0 {
            return None;
        }
        let fault = Fault::ALL[self.faults % Fault::ALL.len()];
        self.faults += 1;
        Some(fault)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len() as u32) as usize]
    }

    /// A number below `bound`, by SplitMix64.
    fn below(&mut self, bound: u32) -> u32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % u64::from(bound)) as u32
    }
}
