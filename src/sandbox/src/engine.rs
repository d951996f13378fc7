//! The one engine of the process: compilation, the memory of instances, and the clock that interrupts guests.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::limits::{INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// The interval at which running guests yield and check their deadline.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The stack of a guest. Deeper recursion is a trap.
const WASM_STACK: usize = 512 << 10;
/// The stack of a call with its host functions; well above the guest's own.
const CALL_STACK: usize = 2 << 20;
const WASM_PAGE: u64 = 64 << 10;
/// The address space of a memory allocated on demand: the usual grant of a tool. A memory that grows past it is moved,
/// so this bounds nothing. It is fixed, since compiled code depends on it and is kept from one start to the next.
const RESERVATION: u64 = 64 << 20;
/// The memory and table an idle slot keeps.
const KEPT: usize = 128 << 10;
/// The maximum of a 32-bit memory.
const MEMORY_MAX: u64 = 4 << 30;

/// The source of instances' memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Slots reserved at start: the fastest.
    Pooling,
    /// The system at each call, with small reservations: for a limited address space (`ulimit -v`).
    OnDemand,
}

/// Creates the engine for `concurrency` simultaneous calls and starts its clock. The engine does not know the memory of
/// a call: contracts come and go while it lives, and each call's limiter enforces its grant.
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
        // One frame shows if the guest was running at an error. More helps nobody here: a trap is reported by its kind.
        .wasm_backtrace_max_frames(Some(NonZeroUsize::MIN));
    config
}

fn pooling(concurrency: u32) -> Config {
    let each = |per_call: usize| concurrency.saturating_mul(u32::try_from(per_call).unwrap_or(u32::MAX));
    let mut pool = PoolingAllocationConfig::new();
    // Slots for the worst case of every call, so a call with a permit never finds the pool empty.
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
        // Address space only, to avoid bounds checks. Each call's limiter enforces the grants.
        .max_memory_size(usize::try_from(MEMORY_MAX).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(8 << 20)
        .max_component_instance_size(8 << 20)
        // Cleared by overwriting: returning the memory interrupts every core, and costs a page fault at the next call.
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

/// One clock for all calls: it only advances the epoch. Each call compares its own deadline, so many calls never
/// shorten another's time. The thread ends with the engine.
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
