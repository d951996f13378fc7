//! The records of one worker, on their way to the executor: decisions for its audit log, or charges for its store of counts.
//!
//! The worker puts records; the main thread sends them, since only there Envoy has callouts without a stream.

use callgate_engine::{Decisions, Receipt, UsageCharge};
use callgate_host::config::Executor;
use callgate_host::{Recorder, Records, Settled, executor};

use crate::abi::ConfigPtr;
use crate::callout::{Slot, Started};
use crate::clock::now;
use crate::grpc::{self, Answer};

/// One worker's records of one kind, and the batch under way.
#[derive(Debug)]
pub(crate) struct Delivery {
    recorder: Recorder,
    batch: Slot<Answer, Receipt>,
}

impl Delivery {
    /// Creates a delivery without records.
    pub(crate) fn new(records: Records) -> Self {
        Self { recorder: Recorder::new(records), batch: Slot::default() }
    }

    /// Returns the kind of its records.
    pub(crate) fn records(&self) -> Records {
        self.recorder.records()
    }

    /// Takes an exchange's charge.
    pub(crate) fn charge(&self, charge: UsageCharge) {
        self.recorder.charge(charge);
    }

    /// Takes an exchange's decisions.
    pub(crate) fn put(&self, decisions: Decisions<'_>) {
        self.recorder.put(decisions, now());
    }

    /// Returns true if the batch under way has this id.
    pub(crate) fn awaits(&self, id: u64) -> bool {
        self.batch.has(id)
    }

    /// Passes a part of the executor's answer on.
    pub(crate) fn part(&self, id: u64, take: impl FnOnce(&mut Answer)) {
        self.batch.part(id, take);
    }

    /// Sends the next batch, if it is time. Returns the counts if it failed at once.
    pub(crate) fn send(&self, config: ConfigPtr, to: &Executor) -> Option<Settled> {
        if self.batch.is_busy() {
            return None;
        }
        let message = self.recorder.next(now())?;
        let headers = grpc::headers(&to.cluster, self.recorder.records().method(), to.timeout);
        let started = self.batch.start(|id| {
            config.start_http_stream(
                id,
                &to.cluster,
                &grpc::lend(&headers),
                &grpc::frame(&message),
                grpc::millis(to.timeout),
            )
        });
        let receipt = match started {
            Started::Waits(_) => return None,
            Started::Ended(receipt) => receipt,
            Started::Failed(error) => {
                log::error!("callgate: cluster `{}` cannot be called: {error:?}", to.cluster);
                Receipt::Failed
            }
        };
        Some(self.recorder.settle(receipt, now()))
    }

    /// Ends the batch with this id. Returns the counts, unless it is another one, or [`Self::send`] will return them.
    pub(crate) fn end(&self, id: u64, complete: bool) -> Option<Settled> {
        let receipt = self.batch.end(id, |answer| match answer.end(complete) {
            Ok(_) => executor::receipt(grpc::OK),
            Err(status) => executor::receipt(status),
        })?;
        Some(self.recorder.settle(receipt, now()))
    }

    /// Reports records that are not acknowledged, and never will be.
    pub(crate) fn report_loss(&self) {
        self.recorder.report_loss();
    }
}
