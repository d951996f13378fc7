//! `/metrics` needs no token, so a page of another site must not read it under its own host name.

use callgate_approvals::Approvals;
use callgate_executor::telemetry::{Instruments, Metrics};
use callgate_executor::web::HttpServer;
use reqwest::StatusCode;

use super::waiting::audit;
use crate::idempotency::config;

#[tokio::test(flavor = "multi_thread")]
async fn dns_rebinding_reads_no_metrics() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for (more, stranger) in
        [("", StatusCode::MISDIRECTED_REQUEST), ("telemetry: { openMetrics: true }\n", StatusCode::OK)]
    {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), &format!("http: {{ listen: '127.0.0.1:0' }}\n{more}"));
        let audit = audit(&config);
        let approvals = Approvals::open(&config.state_dir, &config.approvals, audit.clone()).unwrap();
        let instruments = Instruments::start(&config.telemetry, Metrics::new()).unwrap();
        let side = HttpServer::bind(
            &config.http,
            &config.state_dir,
            config.telemetry.open_metrics,
            &approvals,
            &audit,
            &instruments,
        )
        .await
        .unwrap()
        .unwrap();
        let address = side.address().to_string();
        let served = tokio::spawn(side.serve(std::future::pending()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str, host: &str| {
            client.get(format!("http://{address}{path}")).header("host", host).send().await.unwrap().status()
        };
        for here in [&*address, "localhost:7071", "[::1]:7071"] {
            assert_eq!(get("/metrics", here).await, StatusCode::OK, "{here}");
        }
        for other in ["evil.example", "evil.example:7071", "127.0.0.1.evil.example"] {
            assert_eq!(get("/metrics", other).await, stranger, "{other}");
        }
        // These reveal nothing of calls, and probes have names of their own.
        assert_eq!(get("/healthz", "probe.example").await, StatusCode::OK);
        served.abort();
    }
}
