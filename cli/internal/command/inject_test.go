// SPDX-License-Identifier: Apache-2.0

package command

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	sidecarSetManifest = `
apiVersion: apps.kruise.io/v1beta1
kind: SidecarSet
metadata: {name: mesh}
spec:
  selector: {matchLabels: {app: web}}
  namespaceSelector: {matchLabels: {inject: "on"}}
  containers: [{name: proxy, image: "proxy:1"}]
`
	podManifest = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: app, image: "app:1"}]}
`
	takenManifest = `
apiVersion: v1
kind: Pod
metadata: {name: taken, labels: {app: web}}
spec: {containers: [{name: proxy, image: "app:1"}]}
`
	deploymentManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "app:1"}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {inject: "on"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
`
)

// manifests writes files and names them on a command line in place of {name}.
func manifests(t *testing.T, line string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range map[string]string{
		"set": sidecarSetManifest, "pod": podManifest, "taken": takenManifest, "deployment": deploymentManifest,
		"enforced": `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {inject: "on", apps.kruise.io/injection: enforced}}}`,
		"disabled": "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {apps.kruise.io/injection: disabled}}}", "broken": "kind: [",
	} {
		file := filepath.Join(directory, name+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		line = strings.ReplaceAll(line, "{"+name+"}", file)
	}
	return line
}

const injectedPod = `apiVersion: v1
kind: Pod
metadata:
  annotations:
    kruise.io/sidecarset-hash: '{"mesh":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"HASH","sidecarSetName":"mesh","sidecarList":["proxy"]}}'
    kruise.io/sidecarset-hash-without-image: '{"mesh":{"updateTimestamp":"2026-01-02T03:04:05Z","hash":"HASH","sidecarSetName":"mesh","sidecarList":["proxy"]}}'
    kruise.io/sidecarset-injected-list: mesh
  generateName: cart-
  labels:
    app: web
  namespace: shop
spec:
  containers:
  - env:
    - name: IS_INJECTED
      value: "true"
    image: proxy:1
    imagePullPolicy: IfNotPresent
    name: proxy
    resources: {}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  - image: app:1
    imagePullPolicy: IfNotPresent
    name: app
    resources: {}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
`

// hashes are known by tests of their own.
var hashes = regexp.MustCompile(`"hash":"[^"]+"`)

func TestInject(t *testing.T) {
	for name, test := range map[string]struct {
		line string
		want result
	}{
		"a Pod whose namespace has the label": {"inject -f {set},{pod} --namespace-labels inject=on -o name", result{Out: "pod/web\n"}},
		"a name that is taken": {"inject -f {set} -f {taken} --namespace-labels inject=on -o name --exit-code", result{Code: 1, Out: "pod/taken\n",
			Err: "warning: Pod taken: SidecarSet mesh is not injected: its container \"proxy\" has the name of a container of this Pod; rename one of the two\n"}},
		"the same where injection is enforced": {"inject -f {set} -f {taken} -f {enforced} -n shop", result{Code: 1,
			Err: "error: Pod taken would be refused: SidecarSet mesh is not injected: its container \"proxy\" has the name of a container of this Pod; rename " +
				"one of the two. Namespace shop takes no Pod without its sidecars (its label apps.kruise.io/injection is enforced)\n"}},
		"a namespace that is not served": {"inject -f {set} -f {pod} -f {disabled} -o name", result{Out: "pod/web\n",
			Err: "Pod web: the webhooks do not serve its namespace, since the label says so.\n"}},
		"no Pod":    {"inject -f {set}", result{Code: 1, Err: "error: there is no Pod in these manifests, and nothing that makes Pods from a template\n"}},
		"no file":   {"inject", result{Code: 2, Err: "error: name the manifests with -f\n"}},
		"not there": {"inject -f /nowhere/x.yaml", result{Code: 1, Err: "error: /nowhere/x.yaml: no such file or directory\n"}},
		"no time":   {"inject -f {pod} --at noon", result{Code: 2, Err: "error: --at=noon: must be a time such as 2026-01-02T03:04:05Z\n"}},
	} {
		t.Run(name, func(t *testing.T) { newWorld(t).check(manifests(t, test.line), test.want) })
	}
}

func TestInjectedPods(t *testing.T) {
	w := newWorld(t)
	got := w.run(manifests(t, "inject -f {set} -f {deployment} --at 2026-01-02T03:04:05Z"))
	if got.Code != 0 || got.Err != "" {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(injectedPod, hashes.ReplaceAllString(got.Out, `"hash":"HASH"`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	without := w.run(manifests(t, "inject -f {set} -f {pod} -o json"))
	if without.Code != 0 || strings.Contains(without.Out, "proxy") {
		t.Errorf("injected where namespaceSelector selects nothing: %+v", without)
	}
	if broken := w.run(manifests(t, "inject -f {broken}")); broken.Code != 1 || !strings.HasPrefix(broken.Err, "error: ") {
		t.Errorf("%+v", broken)
	}
}
