//! The order book: one file an order, `O-1001.json`.
//!
//! Every call is a fresh instance, and several may run at once. An instance takes a number by making its file: `create_new`
//! fails if another instance was first, and the next number is tried. A change is written to a second file and renamed over
//! the first, so a reader sees the order before or after it. If two instances change the same order at once, the last
//! change wins.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::order::{Cancel, Create, Filter, Order, Page, Status};

/// The number before the first order's.
const BEFORE_FIRST: u64 = 1000;

/// An order book in one folder.
pub(crate) struct Book {
    folder: PathBuf,
}

impl Book {
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn create(&self, wanted: Create) -> Result<Order, Error> {
        let mut number = self.numbers()?.into_iter().max().unwrap_or(BEFORE_FIRST);
        let (order_id, file) = loop {
            number += 1;
            let order_id = format!("O-{number}");
            match OpenOptions::new().write(true).create_new(true).open(self.file(&order_id)) {
                Ok(file) => break (order_id, file),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::Book(error)),
            }
        };
        let Create { customer_id, sku, quantity, note } = wanted;
        let order = Order { order_id, customer_id, sku, quantity, status: Status::Open, note, reason: None };
        write(file, &order)?;
        Ok(order)
    }

    pub(crate) fn get(&self, order_id: &str) -> Result<Order, Error> {
        let number = order_id.strip_prefix("O-").and_then(|digits| digits.parse::<u64>().ok()).ok_or(Error::NotAnId)?;
        self.read(number)?.ok_or_else(|| Error::NoOrder(order_id.to_owned()))
    }

    pub(crate) fn list(&self, filter: &Filter) -> Result<Page, Error> {
        let mut numbers = self.numbers()?;
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        let mut orders = Vec::new();
        let mut total = 0;
        for number in numbers {
            let Some(order) = self.read(number)? else { continue };
            let fits = filter.customer_id.as_ref().is_none_or(|customer| *customer == order.customer_id)
                && filter.status.is_none_or(|status| status == order.status);
            if fits {
                total += 1;
                if orders.len() < filter.limit {
                    orders.push(order);
                }
            }
        }
        Ok(Page { orders, total })
    }

    pub(crate) fn cancel(&self, wanted: Cancel) -> Result<Order, Error> {
        let mut order = self.get(&wanted.order_id)?;
        if order.status == Status::Cancelled {
            return Err(Error::Cancelled(order.order_id));
        }
        order.status = Status::Cancelled;
        order.reason = Some(wanted.reason);
        let beside = self.folder.join(format!(".{}.new", order.order_id));
        write(File::create(&beside).map_err(Error::Book)?, &order)?;
        fs::rename(&beside, self.file(&order.order_id)).map_err(Error::Book)?;
        Ok(order)
    }

    fn file(&self, order_id: &str) -> PathBuf {
        self.folder.join(format!("{order_id}.json"))
    }

    /// Returns the order with this number, or `None` if it is missing or another instance has only just taken the number.
    fn read(&self, number: u64) -> Result<Option<Order>, Error> {
        let file = self.file(&format!("O-{number}"));
        match fs::read(&file) {
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|reason| Error::Damaged { file: format!("O-{number}.json"), reason }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Book(error)),
        }
    }

    fn numbers(&self) -> Result<Vec<u64>, Error> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::Book)? {
            let name = entry.map_err(Error::Book)?.file_name();
            let number: Option<u64> =
                name.to_str().and_then(|name| name.strip_prefix("O-")?.strip_suffix(".json")?.parse().ok());
            numbers.extend(number);
        }
        Ok(numbers)
    }
}

fn write(mut file: File, order: &Order) -> Result<(), Error> {
    let text = serde_json::to_vec(order).map_err(Error::Answer)?;
    file.write_all(&text).map_err(Error::Book)
}
