//! zstd with a dictionary, for texts that are too short to be compressed by themselves.

use std::{cell::RefCell, io, sync::OnceLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

/// How hard zstd tries. Level 3 is its own default.
const LEVEL: i32 = 3;

/// What compressor and decompressor both know before they begin: a trained dictionary, or texts like those to come. What was compressed with one can only be
/// read with the same bytes, so they never change.
pub struct Dictionary {
    bytes: &'static [u8],
    encoder: OnceLock<EncoderDictionary<'static>>,
    decoder: OnceLock<DecoderDictionary<'static>>,
}

thread_local! {
    // Setting up a context takes longer than compressing a usual text with it, so every thread keeps its own.
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::new(Compressor::new(LEVEL).expect("only fails without memory"));
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::new(Decompressor::new().expect("only fails without memory"));
}

impl Dictionary {
    /// A dictionary of these bytes; none if there are none.
    #[must_use]
    pub const fn new(bytes: &'static [u8]) -> Self {
        Self { bytes, encoder: OnceLock::new(), decoder: OnceLock::new() }
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// Compresses `bytes` into a frame that tells their length.
    ///
    /// # Panics
    /// If there is no memory left.
    #[must_use]
    pub fn compress(&'static self, bytes: &[u8]) -> Vec<u8> {
        let packed = COMPRESSOR.with_borrow_mut(|compressor| {
            if self.bytes.is_empty() {
                compressor.set_dictionary(LEVEL, &[])?;
            } else {
                compressor.set_prepared_dictionary(self.encoder.get_or_init(|| EncoderDictionary::copy(self.bytes, LEVEL)))?;
            }
            compressor.compress(bytes)
        });
        packed.expect("compressing to memory only fails without memory")
    }

    /// What was compressed with this dictionary, which is at most `most` bytes long.
    ///
    /// # Errors
    /// If it is longer, was not compressed with this dictionary, or is damaged.
    pub fn decompress(&'static self, packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
        DECOMPRESSOR.with_borrow_mut(|decompressor| {
            if self.bytes.is_empty() {
                decompressor.set_dictionary(&[])?;
            } else {
                decompressor.set_prepared_dictionary(self.decoder.get_or_init(|| DecoderDictionary::copy(self.bytes)))?;
            }
            decompressor.decompress(packed, most)
        })
    }
}
