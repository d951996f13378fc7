//! The one engine of the process: how code is compiled, where instances get their memory, and the clock that interrupts.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::limits::{INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// How often running guests give way to others and look at their deadline.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Stack of a guest. Deeper recursion is a trap.
const WASM_STACK: usize = 512 << 10;
/// Stack of a call with the host functions it is in; well above what the guest may use of it.
const CALL_STACK: usize = 2 << 20;
const WASM_PAGE: u64 = 64 << 10;
/// Address space of a memory that is allocated on demand: what most tools are granted. One that grows past it is moved, so
/// this bounds nothing; and it is fixed, since compiled code depends on it and is kept from one start to the next.
const RESERVATION: u64 = 64 << 20;
/// What an idle slot keeps of its memory and of its table.
const KEPT: usize = 128 << 10;
/// All that a 32-bit memory can have.
const MEMORY_MAX: u64 = 4 << 30;

/// Where instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From slots that were reserved at start: the fastest.
    Pooling,
    /// From the system at each call, with small reservations: where the address space is limited (`ulimit -v`).
    OnDemand,
}

/// Makes the engine for `concurrency` calls at once and starts its clock. How much memory a call may hold is not the engine's
/// to know: contracts come and go while it lives, and each call's limiter keeps its grant.
///
/// # Errors
/// The machine supports neither way of allocation.
pub(super) fn engine(concurrency: u32) -> wasmtime::Result<(Engine, Allocation)> {
    let (engine, allocation) = match Engine::new(&pooling(concurrency)) {
        Ok(engine) => (engine, Allocation::Pooling),
        Err(error) => {
            tracing::info!(reason = %error, "no address space for a pool; instances are allocated on demand");
            (Engine::new(&on_demand())?, Allocation::OnDemand)
        }
    };
    tick(&engine)?;
    Ok((engine, allocation))
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(CALL_STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // One result for one input, on any machine.
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        // One frame tells whether the guest was running when an error came up. More help nobody here: a trap is reported by its
        // kind.
        .wasm_backtrace_max_frames(Some(NonZeroUsize::MIN));
    config
}

fn pooling(concurrency: u32) -> Config {
    let each = |per_call: usize| concurrency.saturating_mul(u32::try_from(per_call).unwrap_or(u32::MAX));
    let mut pool = PoolingAllocationConfig::new();
    // Slots for the worst case of every call, so that a call that holds a permit never finds the pool empty.
    pool.total_component_instances(concurrency)
        .total_core_instances(each(INSTANCES))
        .total_memories(each(MEMORIES))
        .total_tables(each(TABLES))
        .total_stacks(concurrency)
        .max_core_instances_per_component(count(INSTANCES))
        .max_memories_per_component(count(MEMORIES))
        .max_tables_per_component(count(TABLES))
        .max_memories_per_module(count(MEMORIES))
        .max_tables_per_module(count(TABLES))
        // Address space only, and what spares bounds checks. The grants are kept by each call's limiter.
        .max_memory_size(usize::try_from(MEMORY_MAX).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        // Cleared by writing over it: giving it back interrupts every core, and costs a page fault at the next call.
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn on_demand() -> Config {
    let mut config = base();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .memory_reservation(RESERVATION)
        .memory_reservation_for_growth(0)
        .memory_guard_size(WASM_PAGE);
    config
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One clock for all calls: it only advances the epoch. Each call compares its own deadline, so no number of calls makes
/// another's come early. The thread ends with the engine.
fn tick(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    thread::Builder::new().name("epoch".into()).spawn(move || {
        loop {
            thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}
