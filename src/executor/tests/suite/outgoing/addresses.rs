//! Ways around the grants: other names, other ports, other spellings, names that lie, redirects.

use serde_json::json;

use super::internet::{Made, PUBLIC};
use super::site::{Reply, Site};
use super::{desk, error, get, send};

#[tokio::test(flavor = "multi_thread")]
async fn an_ungranted_request_is_denied_before_anything_leaves() {
    let internet = Made::new();
    let desk = desk(&internet, "timeout: 10s, http: [\"api.example.com:443\"]").await;
    for url in [
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.:443/",
        "https://xapi.example.com/",
        "https://example.com/",
        "https://api.example.com.evil.com/",
        "https://93.184.215.14/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[2606:4700::1111]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
    ] {
        assert_eq!(error(&get(&desk, url).await), "HttpRequestDenied", "{url}");
    }
    assert!(internet.log().is_empty(), "{:?}", internet.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_without_grants_may_ask_and_is_denied() {
    let internet = Made::new();
    let desk = desk(&internet, "").await;
    assert_eq!(error(&get(&desk, "https://api.example.com/").await), "HttpRequestDenied");
    assert!(internet.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_address_covers_only_itself() {
    let site = Site::start(Reply::Text("near")).await;
    let port = site.address.port();
    let internet = Made::new();
    let desk = desk(&internet, &format!("timeout: 10s, http: [{{ to: \"127.0.0.1:{port}\", private: true }}]")).await;
    assert_eq!(get(&desk, &format!("http://127.0.0.1:{port}/")).await["body"], "near");
    for host in ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]"] {
        assert_eq!(error(&get(&desk, &format!("http://{host}:{port}/")).await), "HttpRequestDenied", "{host}");
    }
    assert_eq!(site.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ipv6_address_may_be_written_in_any_way() {
    let site = Site::start(Reply::Text("six")).await;
    let internet = Made::new().server("[2606:4700::1111]:80", site.address);
    let desk = desk(&internet, "http: [\"[2606:4700::1111]:80\"]").await;
    for url in ["http://[2606:4700::1111]/", "http://[2606:4700:0:0:0:0:0:1111]:80/"] {
        assert_eq!(get(&desk, url).await["body"], "six", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_rebinding_to_a_private_address_is_refused() {
    let addresses = [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:101:101::80ff:fffe",
        // One good address does not excuse a bad one, at any position.
        "93.184.215.14 127.0.0.1",
        "127.0.0.1 93.184.215.14",
        "2606:4700::1111 ::1",
    ];
    let internet = Made::new().name("api.example.com", &addresses);
    let desk = desk(&internet, "timeout: 10s, http: [\"api.example.com:80\"]").await;
    for address in addresses {
        let answer = get(&desk, "http://api.example.com/").await;
        assert_eq!(error(&answer), "DestinationIpProhibited", "{address}");
    }
    assert_eq!(internet.log(), ["lookup api.example.com"; 24]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_refused_without_private_in_every_spelling() {
    let site = Site::start(Reply::Text("near")).await;
    let port = site.address.port();
    // The system resolves the first four, as many a program would.
    let hosts = ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"];
    let grants: Vec<_> = hosts.iter().map(|host| format!("\"{host}:{port}\"")).collect();
    let desk = desk(&Made::new(), &format!("timeout: 10s, http: [{}]", grants.join(", "))).await;
    for host in hosts {
        let answer = get(&desk, &format!("http://{host}:{port}/")).await;
        assert_eq!(error(&answer), "DestinationIpProhibited", "{host}");
    }
    assert!(site.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn private_lets_a_name_be_near() {
    let site = Site::start(Reply::Text("near")).await;
    let port = site.address.port();
    let internet = Made::new().name("ledger.internal", &["127.0.0.1"]);
    let desk = desk(&internet, &format!("http: [{{ to: \"ledger.internal:{port}\", private: true }}]")).await;
    assert_eq!(get(&desk, &format!("http://ledger.internal:{port}/")).await["body"], "near");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_reaches_the_metadata_service_even_with_private() {
    let site = Site::start(Reply::Text("credentials")).await;
    let internet = Made::new()
        .name("ledger.internal", &["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"])
        .server("169.254.169.254:80", site.address);
    let named = desk(&internet, "http: [{ to: \"ledger.internal:80\", private: true }]").await;
    for _ in 0..3 {
        assert_eq!(error(&get(&named, "http://ledger.internal/").await), "DestinationIpProhibited");
    }
    let private = desk(&internet, "http: [{ to: \"169.254.169.254:80\" }]").await;
    assert_eq!(error(&get(&private, "http://169.254.169.254/").await), "DestinationIpProhibited");
    assert!(site.seen().is_empty());
    // The contract holds exactly this.
    let meant = desk(&internet, "http: [{ to: \"169.254.169.254:80\", private: true }]").await;
    assert_eq!(get(&meant, "http://169.254.169.254/").await["body"], "credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_reaches_link_local_or_credential_services() {
    let answers = [
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::23",
        "169.254.0.23",
        "fd00:c1::a9fe:a9fe",
        "169.254.1.1",
        "fe80::1",
        "::ffff:169.254.170.2",
        "64:ff9b::a9fe:aa02",
        "64:ff9b:1::a9fe:aa02",
        "64:ff9b:1:a9fe:aa:200::",
        "93.184.215.14 169.254.7.7",
    ];
    let internet = Made::new().name("ledger.internal", &answers);
    let named = desk(&internet, "timeout: 10s, http: [{ to: \"ledger.internal:80\", private: true }]").await;
    for address in answers {
        assert_eq!(error(&get(&named, "http://ledger.internal/").await), "DestinationIpProhibited", "{address}");
    }
    assert_eq!(internet.log(), ["lookup ledger.internal"; 12]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_address_gains_nothing() {
    let (honest, near) = (Site::start(Reply::Text("honest")).await, Site::start(Reply::Text("near")).await);
    let port = near.address.port();
    let internet = Made::new()
        .name("rebind.example.com", &[PUBLIC, "127.0.0.1"])
        .server(&format!("{PUBLIC}:{port}"), honest.address);
    let desk = desk(&internet, &format!("http: [\"rebind.example.com:{port}\"]")).await;
    let ask = json!({ "url": format!("http://rebind.example.com:{port}/") });
    let answers = send(&desk, &[ask.clone(), ask]).await;
    assert_eq!(answers[0]["body"], "honest");
    assert_eq!(error(&answers[1]), "DestinationIpProhibited");
    // One lookup a request, and a connection only to an address of that lookup.
    let lookup = "lookup rebind.example.com".to_owned();
    assert_eq!(internet.log(), [lookup.clone(), format!("connect {PUBLIC}:{port}"), lookup]);
    assert!(near.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_a_new_request_and_is_checked_as_one() {
    let (end, near) = (Site::start(Reply::Text("end")).await, Site::start(Reply::Text("near")).await);
    let port = near.address.port();
    let internet = Made::new()
        .name("end.example.com", &["93.184.215.20"])
        .server("93.184.215.20:80", end.address)
        .name("liar.example.com", &["127.0.0.1"]);
    let mut hops = Vec::new();
    for (n, (to, expected)) in [
        ("http://end.example.com/".to_owned(), Ok("end")),
        ("http://other.example.com/".to_owned(), Err("HttpRequestDenied")),
        (format!("http://127.0.0.1:{port}/"), Err("HttpRequestDenied")),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), Err("HttpRequestDenied")),
        (format!("http://liar.example.com:{port}/"), Err("DestinationIpProhibited")),
    ]
    .into_iter()
    .enumerate()
    {
        let site = Site::start(Reply::Redirect(to)).await;
        let (host, public) = (format!("hop{n}.example.com"), format!("93.184.215.{}", 30 + n));
        internet.name(&host, &[&public]).server(&format!("{public}:80"), site.address);
        hops.push((host, expected, site));
    }
    let granted: Vec<_> = hops.iter().map(|(host, ..)| format!("\"{host}:80\"")).collect();
    let grants =
        format!("http: [\"end.example.com:80\", \"liar.example.com:{port}\", {}], timeout: 10s", granted.join(", "));
    let desk = desk(&internet, &grants).await;
    for (host, expected, site) in &hops {
        // The executor follows nothing by itself …
        let url = format!("http://{host}/");
        assert_eq!(get(&desk, &url).await["status"], 302);
        // … and the guest reaches only its grants.
        let answer = send(&desk, &[json!({ "url": url, "follow": true })]).await.remove(0);
        match expected {
            Ok(body) => assert_eq!(answer["body"], *body),
            Err(code) => assert_eq!(error(&answer), *code, "{host}"),
        }
        assert_eq!(site.seen().len(), 2);
    }
    assert_eq!(end.seen().len(), 1);
    assert!(near.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_more_than_host_and_port_and_a_tunnel_are_refused() {
    let internet = Made::new().name("api.example.com", &[PUBLIC]);
    let desk = desk(&internet, "http: [\"api.example.com:80\"]").await;
    for url in
        ["http://user:word@api.example.com/", "http://api.example.com@evil.com/", "http://api.example.com:99999/"]
    {
        assert_eq!(error(&get(&desk, url).await), "HttpRequestUriInvalid", "{url}");
    }
    let tunnel = json!({ "url": "http://api.example.com/", "method": "CONNECT" });
    assert_eq!(error(&send(&desk, &[tunnel]).await[0]), "HttpRequestMethodInvalid");
    assert!(internet.log().is_empty());
}
