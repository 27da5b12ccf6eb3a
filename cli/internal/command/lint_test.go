// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lint runs the command with manifests on its standard input.
func lint(t *testing.T, line, manifests string) result {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, errOut bytes.Buffer
	code := Run(t.Context(), Env{
		IOStreams: genericiooptions.IOStreams{In: strings.NewReader(manifests), Out: &out, ErrOut: &errOut},
		Now:       func() time.Time { return now },
		Connect: func(*genericclioptions.ConfigFlags, io.Writer) (client.Client, error) {
			t.Error("a cluster was asked")
			return nil, nil
		},
	}, strings.Fields("lint -f - "+line))
	return result{out.String(), errOut.String(), code}
}

func sidecarSetWith(name, spec string) string {
	return "---\napiVersion: apps.kruise.io/v1beta1\nkind: SidecarSet\nmetadata: {name: " + name + "}\nspec: {selector: {matchLabels: {app: web}}, " + spec + "}\n"
}

func statefulSetWith(version, spec string) string {
	return "---\napiVersion: apps.kruise.io/" + version + "\nkind: StatefulSet\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: web}}, " +
		`serviceName: web, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "app:1"}]}}` + spec + "}\n"
}

func patchOf(spec string) string {
	return "apiVersion: apps.kruise.io/v1alpha1\nkind: SchedPatch\nmetadata: {name: spot}\nspec: " + spec +
		"targetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}\n"
}

const proxy = `containers: [{name: proxy, image: "proxy:1"}]`

func TestLint(t *testing.T) {
	for name, test := range map[string]struct {
		line, manifests string
		want            result
	}{
		"nothing is wrong": {"", sidecarSetWith("mesh", proxy) + statefulSetWith("v1alpha1", ""), result{Out: "2 objects: 0 refused, 0 warnings.\n"}},
		"a field that there is not": {"", sidecarSetWith("mesh", proxy+", updateStrategi: {}"), result{Code: 1, Out: `
-: sidecarset/mesh: refused: spec.updateStrategi: there is no such field: kubectl refuses it, others lose it
1 object: 1 refused, 0 warnings.
`}},
		"a field of metadata that there is not": {"", strings.Replace(sidecarSetWith("mesh", proxy), "name: mesh", "name: mesh, label: {a: b}", 1),
			result{Code: 1, Out: `
-: sidecarset/mesh: refused: metadata.label: there is no such field: kubectl refuses it, others lose it
1 object: 1 refused, 0 warnings.
`}},
		"a field of a container that there is not": {"", statefulSetWith("v1beta1", "") + sidecarSetWith("mesh", `containers: [{name: proxy, image: "proxy:1", imagee: x}]`),
			result{Out: `
-: sidecarset/mesh: warning: unknown field "spec.containers[0].imagee", which is kept but has no effect unless the cluster knows it
2 objects: 0 refused, 1 warning.
`}},
		"a key that is there twice": {"", statefulSetWith("v1beta1", ", replicas: 2, replicas: 3"), result{Code: 1, Out: `
-: asts/web: refused: line 5: key "replicas" already set in map
1 object: 1 refused, 0 warnings.
`}},
		"a field of another type": {"", sidecarSetWith("mesh", `containers: [{name: 5, image: "proxy:1"}]`), result{Code: 1, Out: `
-: sidecarset/mesh: refused: spec.containers[0].name: Invalid value: "integer": spec.containers[0].name in body must be of type string: "integer"
-: sidecarset/mesh: refused: <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing ` +
			`errors to complete validation
1 object: 1 refused, 0 warnings.
`}},
		"a rule of the definition": {"", statefulSetWith("v1beta1", ", updateStrategy: {rollingUpdate: {maxUnavailable: 0}}"), result{Code: 1, Out: `
-: asts/web: refused: spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: is 0; allowed are a number of Pods from 1 up, or a ` +
			`percentage from "1%" to "100%"
1 object: 1 refused, 0 warnings.
`}},
		"the webhook's own validation": {"", strings.Replace(statefulSetWith("v1beta1", ""), "labels: {app: web}", "labels: {app: db}", 1), result{Code: 1, Out: `
-: asts/web: refused: spec.template.metadata.labels: Invalid value: "app=db": must be matched by spec.selector, which is app=web
1 object: 1 refused, 0 warnings.
`}},
		"two sets that conflict": {"", sidecarSetWith("mesh", proxy) + sidecarSetWith("other", proxy), result{Code: 1, Out: `
-: sidecarset/other: refused: spec.containers[0].name: Invalid value: "proxy": a container of this name comes from SidecarSet "mesh" too, which ` +
			`can be for the same Pods: rename one, or make the selectors or namespaces of the sets exclude each other
2 objects: 1 refused, 0 warnings.
`}},
		"a version that is not served": {"", statefulSetWith("v1", ""), result{Code: 1, Out: `
-: asts/web: refused: apiVersion: "apps.kruise.io/v1" is not served: StatefulSet of apps.kruise.io has v1alpha1 and v1beta1
1 object: 1 refused, 0 warnings.
`}},
		"a name that may not be": {"-o name", sidecarSetWith("Mesh", proxy), result{Code: 1, Out: "sidecarset.apps.kruise.io/Mesh\n"}},
		"StorageClasses are taken to be there": {"", statefulSetWith("v1beta1", `, volumeClaimUpdateStrategy: {type: OnPodRollingUpdate}, volumeClaimTemplates: [`+
			`{metadata: {name: a}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}, `+
			`{metadata: {name: b}, spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]`),
			result{Out: "1 object: 0 refused, 0 warnings.\n"}},
		"a canary's base is taken to be there": {"", strings.Replace(sidecarSetWith("next", proxy+", updateStrategy: {type: NotUpdate}"), "name: next",
			`name: next, annotations: {apps.kruise.io/sidecarset-canary: "true", apps.kruise.io/sidecarset-base: mesh}`, 1),
			result{Out: "1 object: 0 refused, 0 warnings.\n"}},
		"a warning that is asked for": {"--exit-code -o yaml", patchOf("{expiresAt: \"2020-01-01T00:00:00Z\", nodeSelector: {a: b}, "), result{Code: 1, Out: `
items:
- file: '-'
  kind: SchedPatch
  name: spot
  namespace: default
  warnings:
  - 'spec.expiresAt: 2020-01-01T00:00:00Z is over, so no new Pod is patched'
`}},
		"a namespace whose Pods are not served": {"-n shop --namespace-labels apps.kruise.io/injection=disabled", patchOf("{nodeSelector: {a: b}, "), result{Out: `
-: schedpatch/spot: warning: metadata.namespace: new Pods of namespace shop are not seen by the webhooks, so this SchedPatch has no effect: the ` +
			`namespace is labelled apps.kruise.io/injection=disabled
1 object: 0 refused, 1 warning.
`}},
		"a list in JSON": {"", `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "apps.kruise.io/v1", "kind": "SchedPatch", "metadata": {"name": "spot"}}]}` +
			`{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "others"}}`, result{Code: 1, Out: `
-: schedpatch/spot: refused: apiVersion: "apps.kruise.io/v1" is not served: SchedPatch of apps.kruise.io has v1alpha1
1 object: 1 refused, 0 warnings.
`}},
		"nothing of ours": {"", "kind: Pod\napiVersion: v1\n", result{Code: 1,
			Err: "error: there is no SidecarSet, no StatefulSet of apps.kruise.io and no SchedPatch in these manifests\n"}},
		"no YAML": {"", "kind: [", result{Code: 1, Err: "error: -: yaml: line 1: did not find expected node content\n"}},
		"a policy that is not there": {"--policy /nowhere/x.yaml", sidecarSetWith("mesh", proxy), result{Code: 1,
			Err: "error: open /nowhere/x.yaml: no such file or directory\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Out = strings.TrimPrefix(test.want.Out, "\n")
			if diff := cmp.Diff(test.want, lint(t, test.line, test.manifests)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLintByPolicy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("privileged: {action: Deny}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	privileged := sidecarSetWith("mesh", `containers: [{name: proxy, image: "proxy:1", securityContext: {privileged: true}}]`)
	const says = `spec.containers[0].securityContext.privileged: policy sidecarSet.policy.privileged: container "proxy" is privileged: no sidecar may be`
	for line, want := range map[string]result{
		"":                 {Out: "-: sidecarset/mesh: warning: " + says + "\n1 object: 0 refused, 1 warning.\n"},
		"--policy " + file: {Code: 1, Out: "-: sidecarset/mesh: refused: " + strings.Replace(says, ": policy", ": Forbidden: policy", 1) + "\n1 object: 1 refused, 0 warnings.\n"},
	} {
		if diff := cmp.Diff(want, lint(t, line, privileged)); diff != "" {
			t.Errorf("lint %s (-want +got):\n%s", line, diff)
		}
	}
}
