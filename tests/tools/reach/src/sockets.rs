//! Sockets without HTTP, and names.

use std::net::SocketAddrV4;

use serde_json::{Value, json};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

pub(crate) fn tcp(to: SocketAddrV4) -> Value {
    entry(connect(to))
}

pub(crate) fn udp(to: SocketAddrV4) -> Value {
    entry(datagram(to))
}

pub(crate) fn lookup(name: &str) -> Value {
    entry(addresses(name))
}

fn entry(result: Result<String, ErrorCode>) -> Value {
    match result {
        Ok(done) => json!({ "done": done }),
        Err(code) => json!({ "error": code.name() }),
    }
}

fn connect(to: SocketAddrV4) -> Result<String, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&instance_network(), address(to))?;
    socket.subscribe().block();
    let _streams = socket.finish_connect()?;
    Ok("connected".into())
}

fn datagram(to: SocketAddrV4) -> Result<String, ErrorCode> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&instance_network(), address(SocketAddrV4::new([0, 0, 0, 0].into(), 0)))?;
    socket.finish_bind()?;
    let (_, outgoing) = socket.stream(None)?;
    outgoing.subscribe().block();
    outgoing.check_send()?;
    outgoing.send(&[OutgoingDatagram { data: b"x".to_vec(), remote_address: Some(address(to)) }])?;
    Ok("sent".into())
}

fn addresses(name: &str) -> Result<String, ErrorCode> {
    let found = resolve_addresses(&instance_network(), name)?;
    found.subscribe().block();
    Ok(format!("{:?}", found.resolve_next_address()?))
}

fn address(to: SocketAddrV4) -> IpSocketAddress {
    let [a, b, c, d] = to.ip().octets();
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port: to.port(), address: (a, b, c, d) })
}
