//! `demo`: a stack, and a Python program using it with the official SDK.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callgate_stack::stack::{Artefacts, GatePlan, Model, Plan, Stack, StackError, workspace};

/// The time limit for all calls of the demo.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs the demo; true if every line had its announced outcome.
pub(crate) async fn demo() -> Result<bool, StackError> {
    let model = Model::from_environment()?;
    let python = python()?;
    let artefacts = Artefacts::find()?;
    let contract = artefacts.built("the example contract", "contracts/order-desk/contract.yaml")?;
    let folder = workspace().join(".callgate/run/demo");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StackError::io(folder.display().to_string())(error));
        }
        _ => {}
    }
    fs::create_dir_all(&folder).map_err(StackError::io(folder.display().to_string()))?;

    println!("Callgate demo");
    println!("  contract  {}", contract.display());
    let (path, who) = match &model {
        Model::Scripted { .. } | Model::At(_) => {
            ("/v1".to_owned(), "scripted (set LLM_BASE_URL for a real API, or LLM=local)".to_owned())
        }
        Model::Real(base) => (base.path().to_owned(), std::env::var("LLM_BASE_URL").unwrap_or_default()),
    };
    println!("  model     {who}");
    println!("  starting the executor and Envoy with the filter, twice: onViolation refuse, and feedback …");
    let gate = |on_violation: &str| GatePlan::new(on_violation, &contract).on_violation(on_violation);
    let plan = Plan { model, gates: vec![gate("refuse"), gate("feedback")], one_by_one: false };
    let stack = Stack::start(&plan, &artefacts, &folder).await?;

    let mut command = tokio::process::Command::new(python);
    command.arg(workspace().join("tests/python/demo.py")).kill_on_drop(true).env("PYTHONUNBUFFERED", "1");
    for gate in stack.gates() {
        let base = format!("http://{}{}", gate.address, path.trim_end_matches('/'));
        command.env(format!("CALLGATE_{}", gate.name.to_uppercase()), base);
    }
    if let Some(upstream) = stack.upstream() {
        command.env("CALLGATE_UPSTREAM", format!("http://{}", upstream.address()));
    }
    let status = match tokio::time::timeout(LIMIT, command.status()).await {
        Ok(status) => status.map_err(StackError::io("running tests/python/demo.py"))?,
        Err(_) => {
            println!("FAIL  it took longer than {} s", LIMIT.as_secs());
            return Ok(false);
        }
    };
    if !status.success() {
        println!("Not every line came out as announced. Logs: {}", folder.display());
        return Ok(false);
    }
    let here = |path: &Path| path.strip_prefix(workspace()).unwrap_or(path).display().to_string();
    println!(
        "\nNext:\n  \
         make up            keeps the stack running: point any OpenAI SDK's base_url at it; make down ends it\n  \
         {command} check {contract} --help\n                     \
         asks for one decision, without a model\n  \
         contracts/         change a rule, run this again, and see the line change\n  \
         LLM_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… make demo\n                     \
         the same with a real model\n  \
         make demo LLM=local\n                     \
         real text and calls of a small model on this machine (127 MB to download, once)",
        command = here(&artefacts.cli),
        contract = here(&contract),
    );
    Ok(true)
}

fn python() -> Result<PathBuf, StackError> {
    let path = std::env::var_os("CALLGATE_PYTHON")
        .map_or_else(|| workspace().join(".callgate/venv/bin/python"), PathBuf::from);
    if path.is_file() {
        return Ok(path);
    }
    Err(StackError::Missing { what: "the Python environment of the client tests", path, variable: "CALLGATE_PYTHON" })
}
