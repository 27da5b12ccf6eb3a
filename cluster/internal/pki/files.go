// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/state"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// Names of kubeconfigs below the PKI directory, without ".kubeconfig".
const (
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	KubeProxy         = "kube-proxy"
	Kwok              = "kwok"
	Admin             = "admin"
)

// Plan says what to make.
type Plan struct {
	// Dir receives the files.
	Dir string
	// Cluster is the name that kubeconfigs carry.
	Cluster string
	// HostServer is the API server's URL for host-side clients, written to HostKubeconfig.
	HostServer     string
	HostKubeconfig string
	// Nodes is the number of real nodes.
	Nodes int
}

// writer issues certificates and writes files, and remembers the first error, so that the plan below reads as a list.
type writer struct {
	plan Plan
	ca   *Pair
	err  error
}

// Write makes everything the cluster needs to trust itself.
func Write(plan Plan) error {
	ca, err := NewCA("windlass-cluster")
	if err != nil {
		return err
	}
	frontProxyCA, err := NewCA("windlass-front-proxy")
	if err != nil {
		return err
	}
	w := &writer{plan: plan, ca: ca}
	w.file("ca.crt", ca.CertPEM)
	w.file("ca.key", ca.KeyPEM)
	w.file("front-proxy-ca.crt", frontProxyCA.CertPEM)
	w.signingKey()
	w.issue(frontProxyCA, "front-proxy-client", "front-proxy-client", nil)
	w.issue(ca, "apiserver", "kube-apiserver", nil, topology.ControlPlaneIP, "127.0.0.1", topology.KubernetesIP, "localhost",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	w.issue(ca, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", []string{"system:masters"})
	w.user(ControllerManager, "system:kube-controller-manager")
	w.user(Scheduler, "system:kube-scheduler")
	w.user(KubeProxy, "system:kube-proxy")
	w.user(Kwok, "windlass:kwok", "system:masters")
	for number := 1; number <= plan.Nodes; number++ {
		name := topology.NodeName(number)
		pair := w.issue(ca, name, "system:node:"+name, []string{"system:nodes"}, name, topology.NodeIP(number))
		w.kubeconfig(w.path(name+".kubeconfig"), topology.APIServer(), "system:node:"+name, pair)
	}
	admin := w.user(Admin, "windlass:admin", "system:masters")
	w.kubeconfig(plan.HostKubeconfig, plan.HostServer, "windlass:admin", admin)
	return w.err
}

func (w *writer) path(name string) string { return filepath.Join(w.plan.Dir, name) }

func (w *writer) file(name string, data []byte) {
	if w.err == nil {
		w.err = state.WriteFile(w.path(name), data, 0o600)
	}
}

func (w *writer) issue(ca *Pair, file, commonName string, organizations []string, names ...string) *Pair {
	if w.err != nil {
		return nil
	}
	pair, err := ca.Issue(commonName, organizations, names...)
	if err != nil {
		w.err = err
		return nil
	}
	w.file(file+".crt", pair.CertPEM)
	w.file(file+".key", pair.KeyPEM)
	return pair
}

// user makes a client certificate and a kubeconfig for use inside the cluster.
func (w *writer) user(file, name string, organizations ...string) *Pair {
	pair := w.issue(w.ca, file, name, organizations)
	w.kubeconfig(w.path(file+".kubeconfig"), topology.APIServer(), name, pair)
	return pair
}

func (w *writer) kubeconfig(path, server, user string, pair *Pair) {
	if w.err != nil {
		return
	}
	data, err := Kubeconfig("windlass-"+w.plan.Cluster, server, w.ca, user, pair)
	if err == nil {
		err = state.WriteFile(path, data, 0o600)
	}
	w.err = err
}

func (w *writer) signingKey() {
	private, public, err := newSigningKey()
	if err != nil && w.err == nil {
		w.err = err
	}
	w.file("sa.key", private)
	w.file("sa.pub", public)
}
