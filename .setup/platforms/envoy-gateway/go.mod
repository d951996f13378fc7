module callgate.dev/platforms/envoy-gateway

go 1.24.0

require github.com/envoyproxy/gateway v1.9.1
