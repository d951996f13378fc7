//! MCP servers on standard input and output, which the executor starts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use callgate_executor::backends::Stop;
use serde_json::Value;
use tempfile::TempDir;

use super::kit::{Kit, LONG};

const TOOL: &str = "effects: read, run: { mcp: { cluster: b, tool: look_up, outputBytes: 4KiB } }";

/// A server in a shell. `$call` is the part of the script that answers a call, with the result in `$result`.
const SERVER: &str = r#"
calls=0
while IFS= read -r line; do
  [[ $line =~ \"id\":([0-9]+|\"[^\"]*\") ]] || continue
  id=${BASH_REMATCH[1]}
  case $line in
    *\"server/discover\"*) echo '{"jsonrpc":"2.0","id":'$id',"error":{"code":-32601,"message":"unknown"}}' ;;
    *\"initialize\"*) echo '{"jsonrpc":"2.0","id":'$id',"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"1"}}}' ;;
    *\"tools/call\"*)
      calls=$((calls + 1))
      CALL
      echo '{"jsonrpc":"2.0","id":'$id',"result":{"content":[],"structuredContent":'$result'}}' ;;
  esac
done
"#;

/// A server whose calls run `call`, in a folder of its own that it may read.
struct Server {
    folder: TempDir,
}

impl Server {
    fn new(call: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("server.sh"), SERVER.replace("CALL", call)).unwrap();
        Self { folder }
    }

    fn kit(&self, more: &str) -> Kit {
        let folder = self.folder.path().display();
        let program = format!("command: [/bin/bash, {folder}/server.sh], read: [{folder}]{more}");
        Kit::of_program(&program, TOOL).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Returns false where the system allows no user namespaces, and says so.
fn is_allowed() -> bool {
    let probed = Kit::of_program("command: [/bin/bash]", TOOL);
    let is_denied = probed.is_err_and(|fault| fault.to_string().contains("allow user namespaces"));
    if is_denied {
        println!("SKIPPED: no program can be confined here, because the system allows no user namespaces");
    }
    !is_denied
}

async fn result(kit: &Kit, tenant: &str) -> Value {
    serde_json::from_str(&kit.call_of(tenant, "{}", LONG).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_program_answers_calls_with_its_environment_and_nothing_else() {
    if !is_allowed() {
        return;
    }
    let server = Server::new(
        r#"result='{"calls":'$calls',"token":"'$TOKEN'","home":"'$HOME'","user":'$UID',"files":"'$(ls /home /root /var 2>/dev/null)'"}'"#,
    );
    fs::write(server.folder.path().join("token"), "s3cret\n").unwrap();
    let token = server.folder.path().join("token").display().to_string();
    let kit = server.kit(&format!(", environment: {{ TOKEN: 'file:{token}', PATH: '/usr/bin:/bin' }}"));
    let expected =
        |calls: u32| serde_json::json!({"calls": calls, "token": "s3cret", "home": "", "user": 65534, "files": ""});
    assert_eq!(result(&kit, "acme").await, expected(1));
    assert_eq!(result(&kit, "acme").await, expected(2));
    // Another tenant has a process of its own.
    assert_eq!(result(&kit, "globex").await, expected(1));
}

#[tokio::test]
async fn a_program_that_ends_is_started_again() {
    if !is_allowed() {
        return;
    }
    let server = Server::new(r#"result=$calls; [ $calls = 2 ] && exit 3"#);
    let kit = server.kit("");
    assert_eq!(result(&kit, "acme").await, 1);
    // The end takes this call; a read is tried again, in a new process.
    assert_eq!(result(&kit, "acme").await, 1);
}

#[tokio::test]
async fn a_program_that_hangs_floods_or_babbles_costs_its_call_only() {
    if !is_allowed() {
        return;
    }
    for (call, expected) in [
        ("sleep 60", "timeout"),
        (r#"head -c 20000000 /dev/zero | tr '\0' x; echo; result=1"#, "result"),
        (r#"for i in {1..1000}; do echo "no json $i"; echo "noise" >&2; done; result=1"#, "result"),
        (r#"result='"'$(head -c 5000 /dev/zero | tr '\0' x)'"'"#, "too large"),
        ("exec >&-; sleep 60", "unavailable"),
    ] {
        let server = Server::new(call);
        let kit = server.kit(", environment: { PATH: '/usr/bin:/bin' }");
        let limit = if expected == "timeout" { Duration::from_secs(2) } else { LONG };
        let got = match kit.call_within("{}", limit).await {
            Ok(_) => "result",
            Err(Stop::Timeout { .. }) => "timeout",
            Err(Stop::TooLarge { .. }) => "too large",
            Err(Stop::Unavailable { .. }) => "unavailable",
            Err(Stop::Failed { .. }) => "failed",
        };
        assert_eq!(got, expected, "{call}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_confined_is_a_fault_at_start() {
    if !is_allowed() {
        return;
    }
    let refused = |program: &str, tool: &str| Kit::of_program(program, tool).err().unwrap().to_string();
    let fault = refused("command: [/bin/bash], read: [/nowhere]", TOOL);
    assert!(fault.starts_with("programs.b.command: cannot show /nowhere to the program"), "{fault}");
    let fault = refused("command: [/bin/bash], environment: { TOKEN: 'file:/nowhere' }", TOOL);
    assert!(fault.starts_with("programs.b.environment.TOKEN: "), "{fault}");
    let fault = refused("command: [/bin/bash]", "effects: read, run: { http: { cluster: b, method: GET, path: /x } }");
    assert!(fault.ends_with("expected `run.mcp`, since it is a program with MCP"), "{fault}");
}
