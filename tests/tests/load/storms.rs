//! Random faults beside the clients: broken links, changing executors, new contracts.

use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::book::Book;
use crate::clients;
use crate::world::World;

const HTTP1_CLIENTS: u64 = 20;
const HTTP2_CLIENTS: u64 = 10;

/// Makes the load for `time`. The same seed makes the same choices.
pub async fn rage(world: &World, seed: u64, time: Duration, book: &Book) {
    let until = Instant::now() + time;
    let mut rng = Rng::with_seed(seed);
    let mut load = JoinSet::new();
    for _ in 0..HTTP1_CLIENTS {
        load.spawn(clients::over_http1(world.gate().address, rng.fork(), until, book.clone()));
    }
    for _ in 0..HTTP2_CLIENTS {
        load.spawn(clients::over_http2(world.gate().address, rng.fork(), until, book.clone()));
    }
    tokio::join!(
        break_links(world, rng.fork(), until, book),
        change_executors(world, rng.fork(), until, book),
        roll_out(world, rng.fork(), until, book)
    );
    world.mend();
    while let Some(ended) = load.join_next().await {
        ended.unwrap();
    }
    world.upstream.recorder().forget();
}

/// Breaks every connection to the model's provider, wherever its answers are.
async fn break_links(world: &World, mut rng: Rng, until: Instant, book: &Book) {
    while Instant::now() < until {
        sleep(Duration::from_millis(rng.u64(50..400))).await;
        world.provider.turn(None);
        book.count("links broken");
        sleep(Duration::from_millis(rng.u64(..20))).await;
        world.provider.turn(Some(world.upstream.address()));
    }
}

/// Turns to another executor, which breaks the calls of the one before.
async fn change_executors(world: &World, mut rng: Rng, until: Instant, book: &Book) {
    while Instant::now() < until {
        world.stack.switch().turn(world.executors[rng.usize(..world.executors.len())]);
        book.count("executors changed");
        sleep(Duration::from_millis(rng.u64(50..500))).await;
    }
}

/// Gives Envoy another contract.
async fn roll_out(world: &World, mut rng: Rng, until: Instant, book: &Book) {
    while Instant::now() < until {
        sleep(Duration::from_millis(rng.u64(300..1200))).await;
        let contract = world.next_contract();
        tokio::task::block_in_place(|| world.gate().reload(&contract)).unwrap();
        book.count("contracts rolled out");
    }
}
