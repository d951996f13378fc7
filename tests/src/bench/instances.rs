//! Measures an instance in wasmtime alone, with the executor's engine settings: the floor of a call.

use std::time::{Duration, Instant};

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{self, WasiP1Ctx};

use super::load::Sample;
use crate::stack::workspace;

const TIMES: u32 = 2000;

/// Medians, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instances {
    /// An empty module.
    pub(super) empty: f64,
    /// The bench's tool, with its WASI context.
    pub(super) wasi: f64,
    /// The tool, and its run.
    pub(super) run: f64,
}

/// Measures all three.
pub(super) fn instances() -> wasmtime::Result<Instances> {
    let engine = engine()?;
    let empty = wat::parse_str("(module)").map_err(|error| wasmtime::format_err!("{error}"))?;
    let tool = workspace().join("tests/contracts/bench/tools/nothing.wat");
    let tool = wat::parse_file(&tool).map_err(|error| wasmtime::format_err!("{error}"))?;
    let empty = ready(&engine, &empty)?;
    let tool = ready(&engine, &tool)?;
    Ok(Instances {
        empty: median(|| instance(&engine, &empty).map(drop))?,
        wasi: median(|| instance(&engine, &tool).map(drop))?,
        run: median(|| {
            let (mut store, instance) = instance(&engine, &tool)?;
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
        })?,
    })
}

fn engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(64).total_memories(64).total_tables(64).total_stacks(16).max_memory_size(4 << 30);
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

fn ready(engine: &Engine, module: &[u8]) -> wasmtime::Result<InstancePre<WasiP1Ctx>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_sync(&mut linker, |context: &mut WasiP1Ctx| context)?;
    linker.instantiate_pre(&Module::new(engine, module)?)
}

fn instance(
    engine: &Engine,
    module: &InstancePre<WasiP1Ctx>,
) -> wasmtime::Result<(Store<WasiP1Ctx>, wasmtime::Instance)> {
    let mut store = Store::new(engine, WasiCtxBuilder::new().build_p1());
    store.set_fuel(1_000_000)?;
    store.set_epoch_deadline(1_000_000);
    let instance = module.instantiate(&mut store)?;
    Ok((store, instance))
}

fn median(mut step: impl FnMut() -> wasmtime::Result<()>) -> wasmtime::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        step()?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Sample::of(times, Duration::from_secs(1)).p50)
}
