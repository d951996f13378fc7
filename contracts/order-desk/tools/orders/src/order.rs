//! An order, and the arguments of each call.

use serde::{Deserialize, Serialize};

/// One order, as it is stored and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) customer_id: String,
    pub(crate) sku: String,
    pub(crate) quantity: u64,
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// The reason given when it was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Open,
    Cancelled,
}

/// Arguments of `create`.
#[derive(Debug, Deserialize)]
pub(crate) struct Create {
    pub(crate) customer_id: String,
    pub(crate) sku: String,
    pub(crate) quantity: u64,
    pub(crate) note: Option<String>,
}

/// Arguments of `get`.
#[derive(Debug, Deserialize)]
pub(crate) struct Id {
    pub(crate) order_id: String,
}

/// Arguments of `cancel`.
#[derive(Debug, Deserialize)]
pub(crate) struct Cancel {
    pub(crate) order_id: String,
    pub(crate) reason: String,
}

/// Arguments of `list`.
#[derive(Debug, Deserialize)]
pub(crate) struct Filter {
    pub(crate) customer_id: Option<String>,
    pub(crate) status: Option<Status>,
    #[serde(default = "Filter::some")]
    pub(crate) limit: usize,
}

impl Filter {
    const fn some() -> usize {
        20
    }
}

/// Answer of `list`: the newest orders first, and the number of all orders that match the filter.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) orders: Vec<Order>,
    pub(crate) total: usize,
}
