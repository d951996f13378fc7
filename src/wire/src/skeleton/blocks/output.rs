//! The client's side of a stream: the numbers of blocks, and the open one.

/// The written blocks.
#[derive(Debug)]
pub(super) struct ClientBlocks<P> {
    /// Their number.
    placed: u32,
    open: Option<ClientBlock<P>>,
}

/// The block the client has open.
#[derive(Debug)]
pub(super) struct ClientBlock<P> {
    /// Its position among the turn's blocks without a call.
    pub(super) block: usize,
    /// Its number.
    pub(super) place: u32,
    /// Its last delta, if the next can be compared with it.
    pub(super) learned: Option<P>,
}

// === impl ClientBlocks ===

impl<P> ClientBlocks<P> {
    pub(super) fn new() -> Self {
        Self { placed: 0, open: None }
    }

    /// Numbers the next block.
    pub(super) fn place(&mut self) -> u32 {
        let place = self.placed;
        self.placed = place.saturating_add(1);
        place
    }

    /// The number of the next block.
    pub(super) fn next(&self) -> u32 {
        self.placed
    }

    /// Opens the next block. The one before must be closed.
    pub(super) fn open(&mut self, block: usize) -> u32 {
        let place = self.place();
        self.open = Some(ClientBlock { block, place, learned: None });
        place
    }

    /// The open block, if it is `block`.
    pub(super) fn get(&mut self, block: usize) -> Option<&mut ClientBlock<P>> {
        self.open.as_mut().filter(|open| open.block == block)
    }

    /// The position of the open block, and the delta to compare with.
    pub(super) fn learned(&self) -> Option<(usize, &P)> {
        let open = self.open.as_ref()?;
        Some((open.block, open.learned.as_ref()?))
    }

    /// Closes the open block; returns its number.
    pub(super) fn close(&mut self) -> Option<u32> {
        self.open.take().map(|open| open.place)
    }
}
