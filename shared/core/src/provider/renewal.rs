//! What makes a copy of an event another event, for those who send samples.

/// A place in a request that differs between two events of the same kind, and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The place.
    pub place: Place,
    /// What stands there in a new event.
    pub fresh: Fresh,
}

/// A place in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header, which every event has.
    Header(&'static str),
    /// A parameter of a form, or a place in JSON (`data.object.id`), in the events that have it.
    Body(&'static str),
}

/// What is new in a new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// This text, and 22 letters and digits.
    Id(&'static str),
    /// This text, and so many digits of hex.
    Hex(&'static str, usize),
    /// A UUID.
    Uuid,
    /// A second UUID, beside the first.
    OtherUuid,
    /// A number that every JSON reader reads exactly.
    Number,
    /// The time, written as it stands there: Unix seconds or RFC 3339.
    Now,
}

impl Renewal {
    pub(super) const fn header(name: &'static str, fresh: Fresh) -> Self {
        Self { place: Place::Header(name), fresh }
    }

    pub(super) const fn body(path: &'static str, fresh: Fresh) -> Self {
        Self { place: Place::Body(path), fresh }
    }
}
