//! Tests single turns, and the promised bound for random tenants.

use std::collections::VecDeque;

use super::*;

mod share;

fn later() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn a_call_takes_a_free_slot_at_once() {
    let queue = Queue::new(2, 0, 0);
    let tickets = queue.enter("acme", 2).unwrap();
    assert_eq!(queue.load(), Load { running: 2, waiting: 0 });
    drop(tickets);
    assert_eq!(queue.load(), Load::default());
}

#[tokio::test]
async fn a_request_comes_in_whole_or_not_at_all() {
    let queue = Queue::new(1, 2, 2);
    let first = queue.enter("acme", 2).unwrap();
    let shed = queue.enter("other", 2).unwrap_err();
    assert_eq!(shed.reason, QueueLimit::Queue(2));
    assert_eq!(queue.load(), Load { running: 1, waiting: 1 });
    drop(first);
    assert_eq!(queue.enter("other", 2).unwrap().len(), 2);
}

#[tokio::test]
async fn a_tenant_fills_its_own_share_of_the_queue_only() {
    let queue = Queue::new(1, 10, 3);
    let _mine = queue.enter("greedy", 4).unwrap();
    assert_eq!(queue.enter("greedy", 1).unwrap_err().reason, QueueLimit::Tenant(3));
    assert!(queue.enter("modest", 1).is_ok());
}

#[tokio::test]
async fn a_call_waits_for_one_of_another_tenants_thousand_calls() {
    let queue = Queue::new(1, 2_000, 1_000);
    let mut greedy = queue.enter("greedy", 1_000).unwrap().into_iter();
    let running = greedy.next().unwrap().slot(later()).await.unwrap();
    let modest = queue.enter("modest", 1).unwrap().remove(0);
    drop(running);
    // It has waited longer than the other tenant, and has its turn.
    drop(greedy.next().unwrap().slot(later()).await.unwrap());
    let _slot = modest.slot(later()).await.unwrap();
    assert_eq!(queue.load(), Load { running: 1, waiting: 998 });
}

#[tokio::test]
async fn tenants_take_turns() {
    let queue = Queue::new(1, 100, 50);
    let first = queue.enter("a", 1).unwrap().remove(0).slot(later()).await.unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (tenant, count) in [("a", 4), ("b", 2), ("c", 1)] {
        for ticket in queue.enter(tenant, count).unwrap() {
            let served = served.clone();
            tokio::spawn(async move {
                let slot = ticket.slot(later()).await.unwrap();
                served.send(tenant).unwrap();
                drop(slot);
            });
        }
    }
    drop(first);
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(order.recv().await.unwrap());
    }
    assert_eq!(seen, ["a", "b", "c", "a", "b", "a", "a"]);
}

#[tokio::test]
async fn a_call_that_waits_too_long_leaves_the_queue() {
    let queue = Queue::new(1, 10, 10);
    let running = queue.enter("acme", 1).unwrap();
    let waiting = queue.enter("acme", 1).unwrap().remove(0);
    assert!(waiting.slot(Instant::now()).await.is_none());
    assert_eq!(queue.load(), Load { running: 1, waiting: 0 });
    drop(running);
    assert_eq!(queue.load(), Load::default());
}

#[tokio::test]
async fn a_slot_that_nobody_takes_goes_to_the_next_call() {
    let queue = Queue::new(1, 10, 10);
    let running = queue.enter("acme", 1).unwrap();
    let mut waiting = queue.enter("acme", 2).unwrap();
    let (second, first) = (waiting.pop().unwrap(), waiting.pop().unwrap());
    drop(running);
    // The first call got the slot and never used it.
    drop(first);
    assert!(second.slot(later()).await.is_some());
    assert_eq!(queue.load(), Load::default());
}

#[test]
fn the_retry_delay_grows_with_the_queue() {
    let delay = |slots, waiting| QueueState::new(slots, 100_000, 100_000).retry_with(waiting);
    assert_eq!(delay(10, 0), RETRY_STEP);
    assert_eq!(delay(10, 30), RETRY_STEP * 4);
    assert_eq!(delay(1, 100_000), RETRY_MAX);
}

/// Two hundred tenants whose names sort first each wait with one call; one more comes last, and then they come back.
#[tokio::test]
async fn a_tenant_whose_name_sorts_last_waits_for_its_share_only() {
    let queue = Queue::new(1, 10_000, 10_000);
    let running = queue.enter("first", 1).unwrap().remove(0).slot(later()).await.unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("a{n}")).collect();
    let mut waiting: VecDeque<(usize, Ticket)> = VecDeque::new();
    for (index, name) in names.iter().enumerate() {
        waiting.push_back((index, queue.enter(name, 1).unwrap().remove(0)));
    }
    let zeta = queue.enter("zeta", 1).unwrap().remove(0);
    let mut running = Some(running);
    for _ in 0..200 {
        drop(running.take());
        let (index, ticket) = waiting.pop_front().unwrap();
        let slot = ticket.slot(Instant::now() + Duration::from_secs(5)).await.expect("the tenant before zeta is next");
        // It is forgotten when it ends, and waits again at once.
        waiting.push_back((index, queue.enter(&names[index], 1).unwrap().remove(0)));
        running = Some(slot);
    }
    drop(running);
    zeta.slot(Instant::now() + Duration::from_secs(5)).await.expect("zeta is next after 200 calls");
}
