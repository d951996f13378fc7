//! Segments on their way to a folder, and to a small server with S3's protocol.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{Method, StatusCode, Uri};
use callgate_audit::{Archive, Retention};
use callgate_audit::{AuditLog, SegmentPlace, verify_all};

use super::segments::{small, until};
use super::{StateFolder, calls, settings};

/// A server that keeps objects, and fails at first.
#[derive(Clone, Default)]
struct Storage(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    objects: HashMap<String, Bytes>,
    puts: u32,
    fail_first: u32,
    /// True if the storage returns other bytes than those it was given.
    corrupt: bool,
    unsigned: u32,
}

async fn serve(storage: Storage) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(object).with_state(storage).layer(axum::extract::DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn object(
    State(storage): State<Storage>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> (StatusCode, Bytes) {
    let mut kept = storage.0.lock().unwrap();
    let query = query.unwrap_or_default();
    if !query.contains("X-Amz-Algorithm=AWS4-HMAC-SHA256") || !query.contains("X-Amz-Signature=") {
        kept.unsigned += 1;
        return (StatusCode::FORBIDDEN, Bytes::new());
    }
    match method {
        Method::PUT => {
            kept.puts += 1;
            if kept.puts <= kept.fail_first {
                return (StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
            }
            kept.objects.insert(uri.path().to_owned(), body);
            (StatusCode::OK, Bytes::new())
        }
        Method::GET if kept.corrupt => (StatusCode::OK, Bytes::from_static(b"something else")),
        Method::GET => match kept.objects.get(uri.path()) {
            Some(object) => (StatusCode::OK, object.clone()),
            None => (StatusCode::NOT_FOUND, Bytes::new()),
        },
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    }
}

fn to_storage(state: &StateFolder, address: SocketAddr) -> Retention {
    fs::write(state.folder.path().join("access"), "AKIA\n").unwrap();
    fs::write(state.folder.path().join("secret"), "hunter2hunter2\n").unwrap();
    let text = format!(
        "{{ archive: {{ s3: {{ endpoint: 'http://{address}', bucket: audit, region: r, prefix: 'logs/', \
         accessKey: 'file:access', secretKey: 'file:secret' }} }} }}"
    );
    Retention { archive: settings(&text, state.folder.path()).retention.archive, ..small() }
}

fn archived(state: &StateFolder) -> usize {
    state.segments().iter().filter(|segment| segment.at == SegmentPlace::Archived).count()
}

fn here(folder: &Path) -> usize {
    fs::read_dir(folder)
        .map_or(0, |entries| entries.flatten().filter(|entry| entry.path().extension() == Some("db".as_ref())).count())
}

async fn filled(state: &StateFolder, retention: Retention) -> AuditLog {
    let log = state.open_with(retention);
    calls(&log, "e-1", 15).await;
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_move_to_a_folder_and_verify_from_there() {
    let state = StateFolder::new();
    let folder = state.folder.path().join("archive");
    fs::create_dir(&folder).unwrap();
    let log = filled(&state, Retention { archive: Some(Archive::Folder(folder.clone())), ..small() }).await;
    until("nothing is archived", || archived(&state) > 1 && archived(&state) == state.segments().len()).await;
    until("archived segments stay here", || here(&state.segment_folder()) == 0).await;
    let whole = verify_all(&state.reader(), &[folder], None).unwrap();
    assert!(whole.absent.is_empty(), "{whole:?}");
    // Without the archive, the missing segments are known.
    let whole = verify_all(&state.reader(), &[], None).unwrap();
    assert_eq!(whole.absent.len(), state.segments().len());
    drop(log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_of_another_log_in_the_archive_is_never_replaced() {
    let state = StateFolder::new();
    let folder = state.folder.path().join("archive");
    fs::create_dir(&folder).unwrap();
    let log = filled(&state, small()).await;
    until("nothing is sealed", || !state.segments().is_empty()).await;
    log.close().await;
    let segment = state.segments()[0].clone();
    let taken = folder.join(segment.name());
    fs::write(&taken, "of another log").unwrap();
    let _log = state.open_with(Retention { archive: Some(Archive::Folder(folder)), ..small() });
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(fs::read(&taken).unwrap(), b"of another log");
    assert!(archived(&state) == 0 && state.segment_folder().join(segment.name()).exists());
    fs::remove_file(&taken).unwrap();
    until("nothing is archived", || archived(&state) > 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_sent_to_storage_until_it_accepts_them() {
    let state = StateFolder::new();
    let storage = Storage::default();
    storage.0.lock().unwrap().fail_first = 2;
    let address = serve(storage.clone()).await;
    let _log = filled(&state, to_storage(&state, address)).await;
    until("nothing is archived", || archived(&state) > 0).await;
    let segment = state.segments()[0].clone();
    until("an archived segment stays here", || !state.segment_folder().join(segment.name()).exists()).await;
    let kept = storage.0.lock().unwrap();
    assert!(kept.puts > 2 && kept.unsigned == 0);
    assert!(kept.objects.contains_key(&format!("/audit/logs/{}", segment.name())), "{:?}", kept.objects.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_kept_if_the_storage_returns_other_bytes() {
    let state = StateFolder::new();
    let storage = Storage::default();
    storage.0.lock().unwrap().corrupt = true;
    let address = serve(storage.clone()).await;
    let _log = filled(&state, to_storage(&state, address)).await;
    until("nothing is put there", || storage.0.lock().unwrap().puts > 1).await;
    assert_eq!(archived(&state), 0);
    assert!(here(&state.segment_folder()) > 0);
}
