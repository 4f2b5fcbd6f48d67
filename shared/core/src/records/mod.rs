//! The business records. Each kind is one file with its facts, its join, its derived state and its places in the indexes.
//!
//! A record stores facts, and its state is derived from them. Folding an event in is a join: commutative, associative and
//! idempotent, so that every order of arrival ends in the same record.

mod address;
mod announcements;
mod booking;
mod charge;
mod customer;
mod customers_invoices;
mod delivered_body;
mod history;
mod invoice;
mod latest;
mod message;
mod open_invoices;
mod payment;
mod payment_method;
mod phone;
mod repository;
mod shopify;
mod subscription;
mod tenant;
mod told_by;
mod versions;
mod word;

pub use address::{AddressMark, AddressState};
pub use announcements::Announcements;
pub use booking::{
    Booking, BookingFailure, BookingPut, BookingStatus, BookingSuccess, HoldFact, MailInstead, News, PaymentNews, RefundMail, ShownBooking,
    TextState, Unconfirmed,
};
pub use charge::ChargeFact;
pub use customer::{Customer, CustomerPut, SavedMethod, ShownCustomer, StripeCustomer};
pub use customers_invoices::CustomersInvoices;
pub use delivered_body::DeliveredBody;
pub use history::{Cause, Earlier, Entries, History, HistoryEntry, HistoryPage};
pub(crate) use history::{Links, ShownHistoryEntry};
pub use invoice::{Invoice, InvoicePayment, InvoicePut, InvoiceStatus, Link, ShownInvoice, StripeInvoice};
pub use latest::Latest;
pub use message::{Channel, Direction, Message, MessageError, MessagePut, MessageStatus, Parties, SentText, ShownMessage};
pub use open_invoices::{OpenInvoices, can_pay};
pub use payment::{
    Amount, Payment, PaymentDetails, PaymentFailure, PaymentStatus, ShownPayment, ShownTransaction, Transaction, TransactionFact,
};
pub use payment_method::{Card, PaymentMethod, ShownPaymentMethod};
pub use phone::Phone;
pub use repository::{OpenPullRequest, PullRequestFact, Push, Release, Repository, RepositoryFact, ShownPush, ShownRepository};
pub use shopify::{
    Buyer, Order, OrderFact, Personal, Product, ProductFact, Said, Shop, ShopCustomer, ShopCustomerFact, ShopFact, ShopStatus, ShopifyFact,
    ShownOrder, ShownProduct, ShownShop, ShownShopCustomer,
};
pub use subscription::{Subscribed, Subscription};
pub use tenant::{ShownTenant, Tenant, TenantPut};
pub use told_by::ToldBy;
pub use versions::{Version, Versions};
use word::keep_unsaid;
pub use word::{Told, Word};

/// When a record was first and last told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Heard {
    /// The earliest time.
    pub first: crate::time::Timestamp,
    /// The latest time.
    pub last: crate::time::Timestamp,
}

impl Heard {
    /// First heard of at `at`.
    #[must_use]
    pub fn at(at: crate::time::Timestamp) -> Self {
        Self { first: at, last: at }
    }

    /// Heard of at `at`, too.
    pub fn join(&mut self, at: crate::time::Timestamp) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}
