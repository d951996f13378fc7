// Package platforms names the programs that .setup/platforms.sh builds, so that go.mod and go.sum pin everything in them.
package platforms

import (
	_ "go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
)
