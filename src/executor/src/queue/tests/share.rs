//! Random tenants, arrivals, ends and departures: no call waits for more than the bound.

use std::collections::HashMap;

use proptest::prelude::*;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::*;

const TENANTS: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    /// A request with this many calls arrives.
    Enter { tenant: usize, calls: usize },
    /// A running call ends.
    End(usize),
    /// A waiting call's caller goes away.
    Leave(usize),
}

/// A waiting call, and how often each other tenant overtook it.
struct Call {
    tenant: usize,
    ticket: Ticket,
    ahead: u32,
    overtaken: HashMap<usize, u32>,
}

struct Model {
    queue: Queue,
    slots: usize,
    running: Vec<(usize, Slot)>,
    /// Waiting calls in order of arrival.
    waiting: Vec<Call>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..TENANTS, 1..5_usize).prop_map(|(tenant, calls)| Step::Enter { tenant, calls }),
        4 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

impl Model {
    fn new(slots: u32) -> Self {
        let queue = Queue::new(slots, 64, 24);
        Self { queue, slots: usize::try_from(slots).unwrap(), running: Vec::new(), waiting: Vec::new() }
    }

    fn runs(&self, tenant: usize) -> usize {
        self.running.iter().filter(|(of, _)| *of == tenant).count()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Enter { tenant, calls } => {
                let Ok(tickets) = self.queue.enter(&tenant.to_string(), calls) else { return };
                for ticket in tickets {
                    match ticket.0 {
                        Standing::Running(slot) => {
                            assert!(self.waiting.is_empty(), "a call ran past those that wait");
                            self.running.push((tenant, slot));
                        }
                        Standing::Waiting(_) => {
                            let ahead = self.waiting.iter().filter(|call| call.tenant == tenant).count();
                            let ahead = u32::try_from(ahead).unwrap();
                            self.waiting.push(Call { tenant, ticket, ahead, overtaken: HashMap::new() });
                        }
                    }
                }
            }
            Step::End(which) if !self.running.is_empty() => {
                let index = which % self.running.len();
                drop(self.running.swap_remove(index));
            }
            Step::Leave(which) if !self.waiting.is_empty() => {
                let index = which % self.waiting.len();
                drop(self.waiting.remove(index));
            }
            Step::End(_) | Step::Leave(_) => {}
        }
        self.collect();
        self.check();
    }

    /// Takes the free slots, and counts each as overtaking the calls still waiting.
    fn collect(&mut self) {
        while let Some((index, slot)) = self.handed() {
            let tenant = self.waiting.remove(index).tenant;
            let first = self.waiting.iter().take(index).all(|call| call.tenant != tenant);
            assert!(first, "a call ran before an older one of its tenant");
            let had = self.runs(tenant);
            for position in 0..self.waiting.len() {
                let other = self.waiting[position].tenant;
                if other == tenant || had < self.runs(other) {
                    continue;
                }
                let call = &mut self.waiting[position];
                let times = call.overtaken.entry(tenant).or_default();
                *times += 1;
                assert!(
                    *times <= call.ahead + 1,
                    "tenant {tenant} had {times} turns before a call with {} ahead",
                    call.ahead
                );
            }
            self.running.push((tenant, slot));
        }
    }

    fn handed(&mut self) -> Option<(usize, Slot)> {
        self.waiting.iter_mut().enumerate().find_map(|(index, call)| {
            let Standing::Waiting(waiting) = &mut call.ticket.0 else { return None };
            match waiting.turn.try_recv() {
                Ok(slot) => Some((index, slot)),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Closed) => panic!("the queue forgot a call"),
            }
        })
    }

    fn check(&self) {
        let load = self.queue.load();
        assert_eq!(usize::try_from(load.running).unwrap(), self.running.len());
        assert_eq!(usize::try_from(load.waiting).unwrap(), self.waiting.len());
        assert!(self.running.len() <= self.slots, "more calls run than there are slots");
        assert!(self.waiting.is_empty() || self.running.len() == self.slots, "a slot is free while a call waits");
    }
}

proptest! {
    #[test]
    fn nobody_waits_for_more_than_its_share(slots in 1..4_u32, steps in prop::collection::vec(step(), 1..200)) {
        let mut model = Model::new(slots);
        for step in steps {
            model.step(step);
        }
        // Every waiting call gets its turn.
        while !model.running.is_empty() {
            model.step(Step::End(0));
        }
        prop_assert!(model.waiting.is_empty());
        prop_assert_eq!(model.queue.load(), Load::default());
    }
}
