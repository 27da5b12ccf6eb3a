// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// argoCDBinary names the program argocd, which hack/tool.sh argocd builds.
const argoCDBinary = "ARGOCD_BINARY"

// TestRealArgoCD lets Argo CD itself read the ConfigMap and the objects. It has to come to the same as the tests of
// this package, which run the scripts in its way.
func TestRealArgoCD(t *testing.T) {
	argocd := &realArgoCD{program: program(t), config: filepath.Join(root, "examples", "argocd", "customizations", "argocd-cm.yaml")}
	for _, kind := range kinds {
		script := healthScript(t, Own(root, kind))
		for _, phase := range shown[kind] {
			t.Run("health/"+kind+"/"+phase, func(t *testing.T) {
				file := phaseFile(kind, phase)
				want := CheckHealth(script, readObject(t, file))
				if got := argocd.health(t, file); got != want {
					t.Errorf("Argo CD says %+v, want %+v", got, want)
				}
			})
		}
	}
	for name, test := range map[string]struct{ kind, phase, action, want string }{
		"a set is paused":       {"StatefulSet", "rolling", "pause", `>\s+paused: true`},
		"a set goes on":         {"StatefulSet", "paused", "resume", `>\s+paused: false`},
		"a set is restarted":    {"StatefulSet", "complete", "restart", `>\s+kubectl.kubernetes.io/restartedAt: "20`},
		"sidecars are paused":   {"SidecarSet", "rolling", "pause", `>\s+paused: true`},
		"sidecars go on, again": {"SidecarSet", "paused", "resume", `>\s+paused: false`},
	} {
		t.Run("action/"+name, func(t *testing.T) {
			file := phaseFile(test.kind, test.phase)
			if got := argocd.run(t, "run-action", file, test.action); !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("%s changes\n%s\nwant %s", test.action, got, test.want)
			}
			if got := argocd.run(t, "list-actions", file); !regexp.MustCompile(`(?m)^` + test.action + `\s+false$`).MatchString(got) {
				t.Errorf("%s cannot be chosen:\n%s", test.action, got)
			}
		})
	}
}

// What Argo CD says with its own script for StatefulSets is what the tests of this package say it does: for healthy and
// unhealthy sets alike.
func TestRealArgoCDWithItsOwnScript(t *testing.T) {
	// The program says nothing of kinds for which nothing is configured.
	config, err := ConfigMap(root, "StatefulSet")
	if err != nil {
		t.Fatal(err)
	}
	delete(config.Data, "resource.customizations.health."+Group+"_StatefulSet")
	file := filepath.Join(t.TempDir(), "argocd-cm.yaml")
	if err := os.WriteFile(file, encode(t, config), 0o600); err != nil {
		t.Fatal(err)
	}
	argocd := &realArgoCD{program: program(t), config: file}
	for _, phase := range []string{"unseen", "rolling", "complete", "paused", "at-partition", "cannot-be-created"} {
		if got, want := argocd.health(t, phaseFile("StatefulSet", phase)).Status, statefulSetReadings[phase].Builtin; got != want {
			t.Errorf("%s: Argo CD says %s, want %s", phase, got, want)
		}
	}
}

// program is the path of Argo CD's program. It skips the test where no path is given, and only there: a program that
// cannot be run is a failure.
func program(t *testing.T) string {
	t.Helper()
	path, given := os.LookupEnv(argoCDBinary)
	if !given {
		t.Skipf("%s does not name the program; hack/tool.sh argocd builds it and prints its path", argoCDBinary)
	}
	return path
}

// realArgoCD is Argo CD's program with a configuration.
type realArgoCD struct{ program, config string }

var printedHealth = regexp.MustCompile(`(?s)^STATUS: (\S*)\nMESSAGE: (.*)\n$`)

func (a *realArgoCD) health(t *testing.T, file string) Health {
	t.Helper()
	printed := a.run(t, "health", file)
	found := printedHealth.FindStringSubmatch(printed)
	if found == nil {
		t.Fatalf("no health in %q", printed)
	}
	return Health{found[1], found[2]}
}

// run runs one of the commands that try a configuration, and returns what it prints.
func (a *realArgoCD) run(t *testing.T, command string, args ...string) string {
	t.Helper()
	line := append([]string{"admin", "settings", "resource-overrides", command, "--argocd-cm-path", a.config}, args...)
	run := exec.CommandContext(t.Context(), a.program, line...)
	home := t.TempDir()
	run.Env = append(os.Environ(), "ARGOCD_BINARY_NAME=argocd", "HOME="+home, "KUBECONFIG="+filepath.Join(home, "none"))
	var out, complaints bytes.Buffer
	run.Stdout, run.Stderr = &out, &complaints
	if err := run.Run(); err != nil {
		t.Fatalf("argocd %s: %v\n%s%s", strings.Join(line, " "), err, out.String(), complaints.String())
	}
	return out.String()
}
