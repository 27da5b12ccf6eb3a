// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/windlass-operator/windlass/e2e/internal/process"
)

// Config says what to run.
type Config struct {
	// Kubeconfig is the file that names the cluster.
	Kubeconfig string
	// Binary is the file of Argo CD, which holds all its programs.
	Binary string
	// Programs are the files of the programs that the repo-server renders manifests with, by the name it calls them:
	// helm, kustomize.
	Programs map[string]string
	// VerifyScript is the file git-verify-wrapper.sh of Argo CD's release, without which it reads no commit, signed or
	// not.
	VerifyScript string
	// Directory is where the programs' files and logs go. It must exist.
	Directory string
}

// ArgoCD is a running Argo CD.
type ArgoCD struct {
	redis      *redis
	repoServer *process.Process
	controller *process.Process
}

// Start runs Argo CD and returns when both programs are healthy. Install must have been called before.
func Start(ctx context.Context, config Config) (*ArgoCD, error) {
	a := &ArgoCD{}
	if err := a.start(ctx, config); err != nil {
		return nil, errors.Join(fmt.Errorf("start Argo CD: %w", err), a.Stop())
	}
	return a, nil
}

func (a *ArgoCD) start(ctx context.Context, config Config) error {
	path, err := linkPrograms(config)
	if err != nil {
		return err
	}
	addresses, err := process.FreeAddresses(3)
	if err != nil {
		return err
	}
	serving, repoMetrics, controllerMetrics := addresses[0], addresses[1], addresses[2]
	if a.redis, err = startRedis(); err != nil {
		return err
	}
	if a.repoServer, err = process.Start(ctx, repoServer(config, path, a.redis.address(), serving, repoMetrics)); err != nil {
		return err
	}
	a.controller, err = process.Start(ctx, controller(config, path, a.redis.address(), serving, controllerMetrics))
	return err
}

// linkPrograms makes a directory in which the programs have the names that Argo CD calls, and returns it as the head of
// a PATH.
func linkPrograms(config Config) (path string, err error) {
	directory := filepath.Join(config.Directory, "bin")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return "", err
	}
	for name, file := range config.Programs {
		if err := os.Symlink(file, filepath.Join(directory, name)); err != nil {
			return "", err
		}
	}
	script, err := os.ReadFile(config.VerifyScript)
	if err != nil {
		return "", err
	}
	// The module cache, where it comes from, knows no executable files.
	if err := os.WriteFile(filepath.Join(directory, filepath.Base(config.VerifyScript)), script, 0o755); err != nil {
		return "", err
	}
	return "PATH=" + directory + string(os.PathListSeparator) + os.Getenv("PATH"), nil
}

func repoServer(config Config, path, redis, serving, metrics string) process.Command {
	host, port := split(serving)
	metricsHost, metricsPort := split(metrics)
	return process.Command{
		Name: "argocd-repo-server",
		Path: config.Binary,
		Env:  environment(config, "argocd-repo-server", path),
		Args: []string{
			"--address", host, "--port", port, "--disable-tls", "--client-ca-path=",
			"--metrics-address", metricsHost, "--metrics-port", metricsPort,
			// A commit is to be seen at the next look, not minutes later.
			"--redis", redis, "--revision-cache-expiration", "1s",
		},
		Directory: config.Directory,
		HealthURL: "http://" + metrics + "/healthz",
	}
}

// controller serves its metrics on all addresses of the machine: it has no flag for that. Nothing of ours connects to
// them but the health check, through loopback.
func controller(config Config, path, redis, repoServer, metrics string) process.Command {
	_, metricsPort := split(metrics)
	return process.Command{
		Name: "argocd-application-controller",
		Path: config.Binary,
		Env:  environment(config, "argocd-application-controller", path),
		Args: []string{
			"--namespace", Namespace, "--repo-server", repoServer, "--repo-server-plaintext", "--redis", redis, "--metrics-port", metricsPort,
			// The shortest pauses: whoever fights over a field with Argo CD fights often.
			"--app-resync", "5", "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "1",
			// The health of every object is to be read in the Application's status, not only in the cache.
			"--persist-resource-health",
		},
		Directory: config.Directory,
		HealthURL: "http://" + metrics + "/healthz",
	}
}

// environment makes one of Argo CD's programs of its binary, and keeps its files in the directory instead of below
// /app.
func environment(config Config, program, path string) []string {
	return []string{
		"ARGOCD_BINARY_NAME=" + program,
		"KUBECONFIG=" + config.Kubeconfig,
		// https://kubernetes.default.svc is the cluster of the kubeconfig.
		"ARGOCD_FAKE_IN_CLUSTER=true",
		"ARGOCD_GPG_ENABLED=false",
		"ARGOCD_TLS_DATA_PATH=" + filepath.Join(config.Directory, "tls"),
		"ARGOCD_SSH_DATA_PATH=" + filepath.Join(config.Directory, "ssh"),
		"ARGOCD_PLUGINSOCKFILEPATH=" + filepath.Join(config.Directory, "plugins"),
		path,
	}
}

// split takes an address apart that process.FreeAddresses found: IPv4 and a port.
func split(address string) (host, port string) {
	host, port, _ = strings.Cut(address, ":")
	return host, port
}

// Check fails if one of the programs has ended although nobody stopped it.
func (a *ArgoCD) Check() error {
	return errors.Join(a.repoServer.Check(), a.controller.Check())
}

// LogTail is the last lines of both programs' logs.
func (a *ArgoCD) LogTail(lines int) string {
	return fmt.Sprintf("---- repo-server\n%s\n---- application-controller\n%s", a.repoServer.LogTail(lines), a.controller.LogTail(lines))
}

// Stop ends what runs of Argo CD.
func (a *ArgoCD) Stop() error {
	var failures []error
	for _, program := range []*process.Process{a.controller, a.repoServer} {
		if program != nil {
			failures = append(failures, program.Stop())
		}
	}
	if a.redis != nil {
		a.redis.stop()
	}
	return errors.Join(failures...)
}
