//! One contract's file, read, checked, and its tools made ready to run.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use callgate_contract::{Contract, ContractPool, Files, Run, Tool, WasmRun};
use callgate_sandbox::{Program, Sandbox, Wasm};

use super::error::{AdmissionError, ToolFault};
use super::fence::Fence;
use super::grants;
use super::overlap::Overlaps;
use super::settings::{AdmissionSettings, OwnPath};
use super::{Programs, Runnable};
use crate::footprint::Reads;

/// A larger file is not read: no tool is that large, and compiling takes several times its size.
const MODULE_BYTES: u64 = 256 << 20;
/// The most bytes of a contract, and of each schema file beside it.
const CONTRACT_BYTES: u64 = 16 << 20;

/// A contract that was read, and the file it came from.
pub(super) struct Source {
    file: PathBuf,
    pub(super) contract: Contract,
}

/// The schema files beside a contract.
struct ContractFolder<'a> {
    path: &'a Path,
    reads: &'a Reads,
}

// === impl Source ===

impl Source {
    /// Every contract that `settings` lists, alone or in a contract set, each once. While a contract is rolled out, the old file and the
    /// new one may be equal: the first counts. Contracts share compiled schemas.
    pub(super) fn all(settings: &AdmissionSettings, reads: &Reads) -> Result<Vec<Self>, AdmissionError> {
        let mut sources: Vec<Self> = Vec::new();
        let (mut pool, mut files, mut digests) = (ContractPool::default(), HashSet::new(), HashMap::new());
        for listed in &settings.contracts {
            for (file, text) in Self::listed(listed, reads)? {
                if !files.insert(file.clone()) {
                    continue;
                }
                let source = Self::compile(&mut pool, &file, text, reads)?;
                match digests.get(source.contract.digest()).and_then(|twin| sources.get::<usize>(*twin)) {
                    None => {
                        digests.insert(source.contract.digest().to_owned(), sources.len());
                        sources.push(source);
                    }
                    Some(twin) => tracing::warn!(
                        file = source.name(),
                        twin = twin.name(),
                        "two files hold the same contract, digest for digest; only the first is used, with the folder that it lies in"
                    ),
                }
            }
        }
        Ok(sources)
    }

    /// The files of a contract set with no texts, or the contract's own file and text.
    fn listed(file: &Path, reads: &Reads) -> Result<Vec<(PathBuf, Option<String>)>, AdmissionError> {
        let text = Self::text(file, reads)?;
        let set = callgate_contract::read_set(&file.display().to_string(), &text).map_err(AdmissionError::Contract)?;
        Ok(match set {
            None => vec![(file.to_owned(), Some(text))],
            Some(entries) => entries.iter().map(|entry| (folder(file).join(&entry.contract), None)).collect(),
        })
    }

    pub(super) fn read(file: &Path, reads: &Reads) -> Result<Self, AdmissionError> {
        Self::compile(&mut ContractPool::default(), file, None, reads)
    }

    fn compile(
        pool: &mut ContractPool,
        file: &Path,
        text: Option<String>,
        reads: &Reads,
    ) -> Result<Self, AdmissionError> {
        let text = match text {
            Some(text) => text,
            None => Self::text(file, reads)?,
        };
        let files = ContractFolder { path: folder(file), reads };
        let contract = pool.load(&file.display().to_string(), &text, &files).map_err(AdmissionError::Contract)?;
        Ok(Self { file: file.to_owned(), contract })
    }

    fn text(file: &Path, reads: &Reads) -> Result<String, AdmissionError> {
        let unreadable = |error: std::io::Error| AdmissionError::Unreadable {
            file: file.display().to_string(),
            reason: error.to_string(),
        };
        reads.text(file, CONTRACT_BYTES).map_err(unreadable)
    }

    /// The fence around what `sources` may grant. `reads` has their contracts and schemas.
    pub(super) fn fence(
        settings: &AdmissionSettings,
        own: &[OwnPath],
        sources: &[Self],
        reads: &Reads,
    ) -> Result<Fence, AdmissionError> {
        let modules = sources.iter().flat_map(Self::modules);
        let secrets = sources.iter().flat_map(Self::secrets);
        Fence::new(settings, own, reads.footprint().files().map(Path::to_owned).chain(modules), secrets)
    }

    fn secrets(&self) -> impl Iterator<Item = PathBuf> {
        self.wasm_tools().flat_map(|(_, run)| run.secret_env.iter().map(|(_, path)| PathBuf::from(path)))
    }

    fn modules(&self) -> impl Iterator<Item = PathBuf> {
        self.wasm_tools().map(|(_, run)| folder(&self.file).join(&run.module))
    }

    pub(super) fn name(&self) -> String {
        self.file.display().to_string()
    }

    fn wasm_tools(&self) -> impl Iterator<Item = (&Tool, &WasmRun)> {
        self.contract.tools().iter().filter_map(|tool| match tool.run() {
            Run::Wasm(run) => Some((tool, run)),
            Run::Client | Run::Grpc(_) | Run::Http(_) | Run::Mcp(_) => None,
        })
    }

    /// Compiles each module that was not compiled `before`; tools that share one share its code. With `only`, of one tool.
    pub(super) fn admit(
        &self,
        sandbox: &Arc<Sandbox>,
        (fence, overlaps): (&Fence, &mut Overlaps),
        before: &Programs,
        programs: &mut Programs,
        only: Option<&str>,
        reads: &Reads,
    ) -> Result<HashMap<String, Runnable>, AdmissionError> {
        let mut runnables = HashMap::new();
        for (tool, run) in self.wasm_tools().filter(|(tool, _)| only.is_none_or(|only| tool.name() == only)) {
            let fault = |fault: ToolFault| AdmissionError::Tool {
                file: self.name(),
                tool: tool.name().to_owned(),
                fault: Box::new(fault),
            };
            let program = self.program(tool, run, sandbox, before, programs, reads).map_err(fault)?;
            if program.memory_min() > run.memory {
                return Err(fault(ToolFault::Memory { granted: run.memory, needed: program.memory_min() }));
            }
            let base = folder(&self.file);
            let grants = grants::resolve(sandbox, fence, overlaps, tool.name(), run, base, reads).map_err(fault)?;
            let sandbox = Arc::clone(sandbox);
            runnables.insert(tool.name().to_owned(), Runnable::Sandbox { sandbox, program, grants: Arc::new(grants) });
        }
        Ok(runnables)
    }

    fn program(
        &self,
        tool: &Tool,
        run: &WasmRun,
        sandbox: &Sandbox,
        before: &Programs,
        programs: &mut Programs,
        reads: &Reads,
    ) -> Result<Arc<Program>, ToolFault> {
        let path = folder(&self.file).join(&run.module);
        let bytes = reads
            .bytes(&path, MODULE_BYTES)
            .map_err(|error| ToolFault::Module { module: path.clone(), reason: error.to_string() })?;
        let wasm = Wasm::new(bytes);
        let found = *wasm.sha256();
        if found != run.sha256 {
            return Err(ToolFault::Hash { module: path, expected: run.sha256, found, contract: self.name() });
        }
        if let Some(program) = programs.get(&found).or_else(|| before.get(&found)).cloned() {
            programs.insert(found, Arc::clone(&program));
            return Ok(program);
        }
        tracing::info!(tool = tool.name(), module = %path.display(), bytes = wasm.bytes().len(), "module is read");
        let began = Instant::now();
        let program = sandbox.compile(&wasm).map_err(|reason| ToolFault::Program { module: path.clone(), reason })?;
        tracing::info!(tool = tool.name(), milliseconds = began.elapsed().as_millis(), "module is ready");
        let program = Arc::new(program);
        programs.insert(found, Arc::clone(&program));
        Ok(program)
    }
}

// === impl ContractFolder ===

impl Files for ContractFolder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.reads.text(&self.path.join(path), CONTRACT_BYTES).map_err(|error| error.to_string())
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}
