//! List prices of us-east-1 on 22 November 2026, in dollars, without free tiers and volume discounts. Where they are from stands beside each.

/// What is paid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price {
    /// Dollars for one unit.
    pub(crate) dollars: f64,
}

const fn per_million(dollars: f64) -> Price {
    Price { dollars: dollars / 1e6 }
}

const fn per_gigabyte(dollars: f64) -> Price {
    // A gigabyte of the bill is 2^30 bytes; a decimal one is a little dearer, and on the safe side.
    Price { dollars: dollars / 1e9 }
}

/// The day of the prices.
pub(crate) const DAY: &str = "2026-11-22";

/// A request to an HTTP API, for each 512 KB begun: <https://aws.amazon.com/api-gateway/pricing/>.
pub(crate) const HTTP_REQUEST: Price = per_million(1.00);
/// An invocation: <https://aws.amazon.com/lambda/pricing/>.
pub(crate) const INVOCATION: Price = per_million(0.20);
/// A gigabyte-second of a function on arm64: <https://aws.amazon.com/lambda/pricing/>.
pub(crate) const GIGABYTE_SECOND: Price = Price { dollars: 0.000_013_333_4 };
/// A request to a standard queue, for each 64 KB begun: <https://aws.amazon.com/sqs/pricing/>.
pub(crate) const QUEUE_REQUEST: Price = per_million(0.40);
/// A write request unit, on demand: <https://aws.amazon.com/dynamodb/pricing/on-demand/>, halved on 1 November 2024.
pub(crate) const WRITE_UNIT: Price = per_million(0.625);
/// A read request unit, on demand: the same page.
pub(crate) const READ_UNIT: Price = per_million(0.125);
/// A byte of log that is taken in: <https://aws.amazon.com/cloudwatch/pricing/>.
pub(crate) const LOG_BYTE: Price = per_gigabyte(0.50);
/// A byte of table or index that is kept for a month (0.25), with its backup to any second (0.20): <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
pub(crate) const STORED_BYTE_MONTH: Price = per_gigabyte(0.25 + 0.20);
