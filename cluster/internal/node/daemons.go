// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"path/filepath"

	"github.com/windlass-operator/windlass/cluster/internal/supervise"
	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// environment of the daemons: the cluster's binaries first, then the machine's (mount, nft).
func (c Config) environment() []string {
	return []string{"PATH=" + c.BinDir + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=" + os.TempDir()}
}

func (c Config) daemon(name string, args ...string) supervise.Program {
	return supervise.Program{
		Name: name, Path: filepath.Join(c.BinDir, name), Args: args, Env: c.environment(), Log: c.Log(name),
	}
}

func (c Config) containerd() supervise.Program {
	return c.daemon("containerd", "--config", filepath.Join(c.Etc(), "containerd.toml"))
}

func (c Config) kubelet() supervise.Program {
	return c.daemon("kubelet",
		"--config="+filepath.Join(c.Etc(), "kubelet.yaml"),
		"--kubeconfig="+filepath.Join(c.PKIDir, c.Name()+".kubeconfig"),
		"--hostname-override="+c.Name(),
		"--node-ip="+c.IP(),
		"--node-labels="+topology.RealNodeLabel+"=true",
		"--v=2")
}

func (c Config) kubeProxy() supervise.Program {
	return c.daemon("kube-proxy", "--config="+filepath.Join(c.Etc(), "kube-proxy.yaml"), "--v=2")
}
