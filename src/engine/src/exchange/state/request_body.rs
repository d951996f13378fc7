//! The body of a request while it arrives.

use callgate_wire::{RequestError, RequestScan};

/// A scan's first bytes count as a part of the exchange's states: they are a few lists of fixed length.
const SCAN_BYTES: usize = 8 << 10;

/// The bytes so far, and their number as the headers declare it.
#[derive(Debug)]
pub(in crate::exchange) struct RequestBody {
    bytes: Vec<u8>,
    declared: usize,
    /// The check of the bytes so far. A body in one piece is checked at its end.
    scan: Option<Box<RequestScan>>,
}

// === impl RequestBody ===

impl RequestBody {
    pub(in crate::exchange) fn new(declared: Option<u64>) -> Self {
        let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        Self { bytes: Vec::new(), declared, scan: None }
    }

    pub(in crate::exchange) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends bytes. Room for the declared length is claimed when half of it is there: a long body then has no unused room, and a client
    /// cannot claim memory by a header alone.
    pub(in crate::exchange) fn push(&mut self, chunk: &[u8]) {
        let needed = self.bytes.len().saturating_add(chunk.len());
        if needed > self.bytes.capacity() && (needed..=needed.saturating_mul(2)).contains(&self.declared) {
            self.bytes.reserve_exact(self.declared.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(chunk);
    }

    /// Checks the bytes so far, if more come. `begin` returns the check of this kind of body.
    ///
    /// # Errors
    /// The first fault, as it would be found at the end.
    pub(in crate::exchange) fn check(
        &mut self,
        begin: impl FnOnce() -> Option<RequestScan>,
    ) -> Result<(), RequestError> {
        if self.scan.is_none() {
            self.scan = begin().map(Box::new);
        }
        match &mut self.scan {
            Some(scan) => scan.feed(&self.bytes),
            None => Ok(()),
        }
    }

    /// Returns the whole body, without unused room, and the check of its bytes so far.
    pub(in crate::exchange) fn into_parts(mut self) -> (Vec<u8>, Option<RequestScan>) {
        self.bytes.shrink_to_fit();
        (self.bytes, self.scan.map(|scan| *scan))
    }

    /// Returns the bytes held.
    pub(in crate::exchange) fn held(&self) -> usize {
        let scan = self.scan.as_ref().map_or(0, |scan| scan.held());
        self.bytes.capacity().saturating_add(scan.saturating_sub(SCAN_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_claims_room_when_half_of_it_is_there() {
        let mut body = RequestBody::new(Some(100_000));
        let mut most_unused = 0;
        for _ in 0..100 {
            body.push(&[0; 1000]);
            most_unused = most_unused.max(body.held() - body.len());
        }
        assert!(most_unused <= 50_000, "{most_unused}");
        assert_eq!((body.len(), body.held()), (100_000, 100_000));
        let mut little = RequestBody::new(Some(8 << 20));
        little.push(b"{");
        assert!(little.held() < 100, "{}", little.held());
        for wrong in [None, Some(1), Some(u64::MAX)] {
            let mut body = RequestBody::new(wrong);
            body.push(b"{\"a\":");
            body.push(b"1}");
            assert_eq!(body.into_parts().0, b"{\"a\":1}");
        }
    }
}
