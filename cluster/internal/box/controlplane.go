// SPDX-License-Identifier: Apache-2.0

package box

import (
	"fmt"
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/pki"
	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

const etcdURL = "http://127.0.0.1:2379"

func (c Config) program(name string, args ...string) supervise.Program {
	return supervise.Program{
		Name: name, Path: filepath.Join(c.BinDir, name), Args: args, Log: c.log(name),
		Env: []string{"PATH=" + c.BinDir + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
	}
}

func (c Config) etcd() supervise.Program {
	return c.program("etcd",
		"--name=windlass",
		"--data-dir="+c.path("etcd"),
		"--unsafe-no-fsync", // nothing in a throw-away cluster is worth waiting for the disk
		"--listen-client-urls="+etcdURL,
		"--advertise-client-urls="+etcdURL,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=windlass=http://127.0.0.1:2380",
		"--quota-backend-bytes=4294967296",
		"--log-level=warn")
}

func (c Config) apiServer() supervise.Program {
	return c.program("kube-apiserver", append(c.auditArgs(),
		"--etcd-servers="+etcdURL,
		"--bind-address="+topology.ControlPlaneIP,
		"--advertise-address="+topology.ControlPlaneIP,
		fmt.Sprintf("--secure-port=%d", topology.APIPort),
		"--service-cluster-ip-range="+topology.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged",
		"--client-ca-file="+c.pki("ca.crt"),
		"--tls-cert-file="+c.pki("apiserver.crt"),
		"--tls-private-key-file="+c.pki("apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.pki("sa.pub"),
		"--service-account-signing-key-file="+c.pki("sa.key"),
		"--kubelet-client-certificate="+c.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key="+c.pki("apiserver-kubelet-client.key"),
		"--kubelet-certificate-authority="+c.pki("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		// Webhooks and aggregated APIs behind Services are dialled at their Pods: no kube-proxy runs beside the API
		// server.
		"--enable-aggregator-routing",
		"--requestheader-client-ca-file="+c.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+c.pki("front-proxy-client.crt"),
		"--proxy-client-key-file="+c.pki("front-proxy-client.key"),
		"--max-requests-inflight=1000",
		"--max-mutating-requests-inflight=500")...)
}

// kubeconfigArgs make a component use one kubeconfig for everything.
func (c Config) kubeconfigArgs(name string) []string {
	path := c.pki(name + ".kubeconfig")
	return []string{
		"--kubeconfig=" + path, "--authentication-kubeconfig=" + path, "--authorization-kubeconfig=" + path,
		"--bind-address=127.0.0.1", "--leader-elect=false",
	}
}

func (c Config) controllerManager() supervise.Program {
	return c.program("kube-controller-manager", append(c.kubeconfigArgs(pki.ControllerManager),
		"--service-account-private-key-file="+c.pki("sa.key"),
		"--root-ca-file="+c.pki("ca.crt"),
		"--cluster-signing-cert-file="+c.pki("ca.crt"),
		"--cluster-signing-key-file="+c.pki("ca.key"),
		"--use-service-account-credentials",
		"--concurrent-deployment-syncs=20",
		"--concurrent-replicaset-syncs=20",
		"--kube-api-qps=500",
		"--kube-api-burst=1000")...)
}

func (c Config) scheduler() supervise.Program {
	return c.program("kube-scheduler", append(c.kubeconfigArgs(pki.Scheduler),
		"--kube-api-qps=1000",
		"--kube-api-burst=2000")...)
}

func (c Config) kwok() supervise.Program {
	return c.program("kwok",
		"--kubeconfig="+c.pki(pki.Kwok+".kubeconfig"),
		"--config="+c.path("kwok.yaml"),
		"--manage-all-nodes=false",
		"--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
		"--server-address=127.0.0.1:10247",
		"--cidr="+topology.KwokPodCIDR,
		"--node-ip="+topology.ControlPlaneIP)
}
