// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// ReleaseName is the release's name, as in the README.
const ReleaseName = "windlass"

// Release is the chart installed in the cluster, or to be installed, with Helm as a user would.
type Release struct {
	name      string
	namespace string
	values    map[string]any
	chart     *chart.Chart
	config    *action.Configuration
	// takeOwnership makes what others have in the cluster already this release's.
	takeOwnership bool
}

// Release prepares Helm for the options' chart and namespace.
func (c *Cluster) Release() (*Release, error) {
	path, err := c.Options.chartPath()
	if err != nil {
		return nil, err
	}
	loaded, err := loader.Load(path)
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", path, err)
	}
	settings := cli.New()
	settings.KubeConfig = c.Options.Kubeconfig
	settings.SetNamespace(c.Options.Namespace)
	r := &Release{name: ReleaseName, namespace: c.Options.Namespace, values: imageValues(c.Options.Image), chart: loaded, config: new(action.Configuration)}
	discard := func(string, ...any) {}
	if err := r.config.Init(settings.RESTClientGetter(), r.namespace, "secret", discard); err != nil {
		return nil, fmt.Errorf("set Helm up for %s: %w", c.Options.Kubeconfig, err)
	}
	return r, nil
}

// Install is `helm install --create-namespace --wait`, with these values only. It returns how long that took.
func (r *Release) Install(ctx context.Context, values map[string]any) (time.Duration, error) {
	install := action.NewInstall(r.config)
	install.ReleaseName, install.Namespace, install.CreateNamespace = r.name, r.namespace, true
	install.TakeOwnership = r.takeOwnership
	install.Wait, install.Timeout = true, Patience
	return timed("helm install", func() error {
		_, err := install.RunWithContext(ctx, r.chart, r.with(values))
		return err
	})
}

// Upgrade is `helm upgrade --wait`, with these values only. It returns how long that took.
func (r *Release) Upgrade(ctx context.Context, values map[string]any) (time.Duration, error) {
	upgrade := action.NewUpgrade(r.config)
	upgrade.Namespace, upgrade.ResetValues = r.namespace, true
	upgrade.Wait, upgrade.Timeout = true, Patience
	return timed("helm upgrade", func() error {
		_, err := upgrade.RunWithContext(ctx, r.name, r.chart, r.with(values))
		return err
	})
}

// Uninstall is `helm uninstall`, which does not wait until everything is gone. It returns how long that took.
func (r *Release) Uninstall() (time.Duration, error) {
	uninstall := action.NewUninstall(r.config)
	uninstall.Timeout = Patience
	return timed("helm uninstall", func() error {
		_, err := uninstall.Run(r.name)
		return err
	})
}

// Test is `helm test`. It returns how long that took.
func (r *Release) Test() (time.Duration, error) {
	test := action.NewReleaseTesting(r.config)
	test.Namespace, test.Timeout = r.namespace, Patience
	return timed("helm test", func() error {
		_, err := test.Run(r.name)
		return err
	})
}

// Named is the same chart under another name.
func (r *Release) Named(name string) *Release {
	named := *r
	named.name = name
	return &named
}

// TakingOwnership is the same release, installed with Helm's --take-ownership.
func (r *Release) TakingOwnership() *Release {
	taking := *r
	taking.takeOwnership = true
	return &taking
}

// Installed reports whether the release is there, and as it should be.
func (r *Release) Installed() (bool, error) {
	found, err := action.NewStatus(r.config).Run(r.name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("helm status: %w", err)
	}
	if found.Info.Status != release.StatusDeployed {
		return false, fmt.Errorf("release %s in namespace %s is %s: remove it with helm uninstall first", r.name, r.namespace, found.Info.Status)
	}
	return true, nil
}

// EnsureInstalled installs the release if it is not there.
func (r *Release) EnsureInstalled(ctx context.Context) error {
	installed, err := r.Installed()
	if err != nil || installed {
		return err
	}
	_, err = r.Install(ctx, nil)
	return err
}

// EnsureUninstalled removes the release if it is there, in whatever state.
func (r *Release) EnsureUninstalled() error {
	_, err := r.Uninstall()
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil
	}
	return err
}

// OwnValues are the values that every install and upgrade gets: those that the options ask for. Nobody may modify them.
func (r *Release) OwnValues() map[string]any { return r.values }

func (r *Release) with(values map[string]any) map[string]any {
	merged := map[string]any{}
	for _, from := range []map[string]any{r.values, values} {
		for key, value := range from {
			merged[key] = value
		}
	}
	return merged
}

// chartImage is a value of the chart's own image.
func (r *Release) chartImage(key string) any {
	image, _ := r.chart.Values["image"].(map[string]any)
	return image[key]
}

func timed(what string, run func() error) (time.Duration, error) {
	began := time.Now()
	if err := run(); err != nil {
		return time.Since(began), fmt.Errorf("%s: %w", what, err)
	}
	return time.Since(began), nil
}

// chartPath finds the chart: the one that is named, or that of the checkout around the working directory.
func (o *Options) chartPath() (string, error) {
	if o.Chart != "" {
		return o.Chart, nil
	}
	directory, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("look for the chart: %w", err)
	}
	for d := directory; ; d = filepath.Dir(d) {
		path := filepath.Join(d, "charts", "windlass")
		if _, err := os.Stat(filepath.Join(path, "Chart.yaml")); err == nil {
			return path, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no charts/windlass in %s or above it: name the chart with -chart", directory)
		}
	}
}

// imageValues are the chart's values for an image reference, none when it is empty.
func imageValues(reference string) map[string]any {
	if reference == "" {
		return nil
	}
	name, digest, _ := strings.Cut(reference, "@")
	repository, tag := name, ""
	if at := strings.LastIndex(name, ":"); at > strings.LastIndex(name, "/") {
		repository, tag = name[:at], name[at+1:]
	}
	return map[string]any{"image": map[string]any{"registry": "", "repository": repository, "tag": tag, "digest": digest}}
}
