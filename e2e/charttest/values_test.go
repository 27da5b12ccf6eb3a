// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestSchemaAndValuesNameTheSame walks both files: a value without a schema could be misspelt unnoticed, and a schema
// without a value would describe something that nobody can find.
func TestSchemaAndValuesNameTheSame(t *testing.T) {
	var values map[string]any
	readYAML(t, "values.yaml", &values)
	var schema map[string]any
	readYAML(t, "values.schema.json", &schema)

	definitions, ok := schema["definitions"].(map[string]any)
	if !ok {
		t.Fatal("the schema has no definitions")
	}
	want := slices.Sorted(maps.Keys(valuePaths("", values, schema, definitions)))
	got := slices.Sorted(maps.Keys(schemaPaths("", schema, definitions)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-values.yaml +values.schema.json):\n%s", diff)
	}
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chartDir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// schemaPaths returns the path of every property, down to those that name no properties of their own. Deprecated ones are
// left out: they are accepted for --reuse-values alone.
func schemaPaths(path string, schema, definitions map[string]any) map[string]bool {
	schema = resolve(schema, definitions)
	properties, ok := schema["properties"].(map[string]any)
	if !ok || schema["type"] != "object" {
		return map[string]bool{path: true}
	}
	paths := map[string]bool{}
	for name, property := range properties {
		property := property.(map[string]any)
		if property["deprecated"] == true {
			continue
		}
		maps.Copy(paths, schemaPaths(join(path, name), property, definitions))
	}
	return paths
}

// valuePaths returns the path of every value, as deep as the schema names properties: what is passed on to Kubernetes
// is one value.
func valuePaths(path string, value any, schema, definitions map[string]any) map[string]bool {
	schema = resolve(schema, definitions)
	properties, described := schema["properties"].(map[string]any)
	fields, isMap := value.(map[string]any)
	if !described || !isMap {
		return map[string]bool{path: true}
	}
	paths := map[string]bool{}
	for name, field := range fields {
		property, ok := properties[name].(map[string]any)
		if !ok {
			property = map[string]any{}
		}
		maps.Copy(paths, valuePaths(join(path, name), field, property, definitions))
	}
	return paths
}

func resolve(schema, definitions map[string]any) map[string]any {
	reference, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	definition, ok := definitions[strings.TrimPrefix(reference, "#/definitions/")].(map[string]any)
	if !ok {
		return map[string]any{}
	}
	return definition
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// TestOurOwnMapsAreClosed makes sure that a typo is refused at every level, not only where somebody thought of it.
func TestOurOwnMapsAreClosed(t *testing.T) {
	var schema map[string]any
	readYAML(t, "values.schema.json", &schema)
	var walk func(path string, node any)
	walk = func(path string, node any) {
		fields, ok := node.(map[string]any)
		if !ok {
			return
		}
		if _, described := fields["properties"]; described && fields["additionalProperties"] != false {
			t.Errorf("%s accepts properties it does not name", path)
		}
		for name, field := range fields {
			walk(join(path, name), field)
		}
	}
	walk("", schema)
}

func TestSchemaRefuses(t *testing.T) {
	tests := map[string]struct {
		values string
		want   string
	}{
		"a misspelt value":                    {values: "replica: 3", want: "replica"},
		"a misspelt value of the webhook":     {values: "webhook: {timeoutSecond: 3}", want: "timeoutSecond"},
		"a failure policy that is none":       {values: "webhook: {failurePolicy: {pods: Retry}}", want: "/webhook/failurePolicy/pods"},
		"a timeout above the API server's 30": {values: "webhook: {timeoutSeconds: {pods: 31}}", want: "/webhook/timeoutSeconds/pods"},
		"a log level that is none":            {values: "logging: {level: warn}", want: "/logging/level"},
		"a digest without its algorithm":      {values: "image: {digest: abc}", want: "/image/digest"},
		"a duration without a unit":           {values: `certificates: {validity: "8760"}`, want: "/certificates/validity"},
		"a namespace that cannot exist":       {values: "webhook: {excludedNamespaces: [Shop]}", want: "/webhook/excludedNamespaces/0"},
		"replicas as a word":                  {values: "operator: {replicas: two}", want: "/operator/replicas"},
		"an action of a policy that is none":  {values: "sidecarSet: {policy: {privileged: {action: Never}}}", want: "/sidecarSet/policy/privileged/action"},
		"an allowed image without a registry": {values: "sidecarSet: {policy: {images: {allowed: [nginx]}}}", want: "/sidecarSet/policy/images/allowed/0"},
		"a misspelt policy":                   {values: "sidecarSet: {policy: {hostPath: {}}}", want: "hostPath"},
		"a rule without expressions":          {values: "sidecarSet: {patchPodMetadata: {rules: [{}]}}", want: "allowedAnnotationKeyExprs"},
		"a disruption budget that is neither a number nor a percentage": {
			values: "webhook: {podDisruptionBudget: {maxUnavailable: half}}", want: "/webhook/podDisruptionBudget/maxUnavailable",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, renderOptions{values: test.values})
			if err == nil {
				t.Fatal("the values were accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error does not name %s:\n%v", test.want, err)
			}
		})
	}
}

func TestGuards(t *testing.T) {
	tests := map[string]struct {
		namespace string
		values    string
		want      string
	}{
		"installing into kube-system": {
			namespace: "kube-system",
			want:      "windlass cannot be installed in the namespace kube-system",
		},
		"an unknown provider of certificates": {
			values: "certificates: {provider: vault}",
			want:   `certificates.provider is "vault"; this version knows: self, cert-manager.`,
		},
		"one Secret for both providers of certificates": {
			values: "certificates: {secretName: mine, certManager: {secretName: mine}}",
			want:   `certificates.secretName and certificates.certManager.secretName are both "mine"`,
		},
		"the CA's Secret for what it signs": {
			values: "certificates: {certManager: {secretName: windlass-webhook-ca}}",
			want:   `certificates.certManager.secretName is "windlass-webhook-ca", which is the Secret that cert-manager keeps the CA in`,
		},
		"certificates that are replaced before they are made": {
			values: "certificates: {rotateBefore: 8760h}",
			want:   "certificates.validity is 8760h and certificates.rotateBefore is 8760h: a certificate would have to be replaced before it is made.",
		},
		"a CA that ends before what it signs": {
			values: "certificates: {caValidity: 2400h}",
			want:   "certificates.caValidity is 2400h and certificates.validity is 8760h: the CA would end before the certificates that it signs.",
		},
		"times too short for cert-manager": {
			values: "certificates: {provider: cert-manager, rotateBefore: 4m}",
			want:   "certificates.validity is 8760h and certificates.rotateBefore is 4m; cert-manager takes no less than 1h and 5m.",
		},
		"two who write the CA": {
			values: "commonAnnotations: {cert-manager.io/inject-ca-from: a/b}",
			want:   `commonAnnotations has cert-manager.io/inject-ca-from: cert-manager and the provider "self" would write over each other's CA for ever.`,
		},
		"several operators without an election": {
			values: "operator: {leaderElection: {enabled: false}}",
			want:   "operator.replicas is 2 while operator.leaderElection.enabled is false",
		},
		"Fail for all Pods with a single webhook": {
			values: "webhook: {replicas: 1, failurePolicy: {pods: Fail}}",
			want:   "webhook.failurePolicy.pods is Fail while webhook.replicas is 1",
		},
		"a delay as long as the grace period": {
			values: "webhook: {shutdownDelaySeconds: 30}",
			want:   "webhook.shutdownDelaySeconds is 30; it must be shorter than webhook.terminationGracePeriodSeconds, which is 30.",
		},
		"metrics on the webhook's port": {
			values: "metrics: {port: 9443}",
			want:   "webhook.port and metrics.port are both 9443. The webhook needs a port for each.",
		},
		"the webhook on the probes' port": {
			values: "webhook: {port: 8081}",
			want:   "webhook.port and webhook.healthPort are both 8081. The webhook needs a port for each.",
		},
		"metrics on the port of the operator's probes": {
			values: "operator: {healthPort: 8080}",
			want:   "operator.healthPort and metrics.port are both 8080. The operator needs a port for each.",
		},
		"profiles on the port of the metrics": {
			values: "profiles: {enabled: true, port: 8080}",
			want:   "profiles.port and metrics.port are both 8080. The profiles need a port of their own.",
		},
		"a port below 1024 on the nodes": {
			values: "webhook: {hostNetwork: true, port: 443}",
			want:   "webhook.port is 443 while webhook.hostNetwork is true",
		},
		"a ServiceMonitor that cannot read the CA": {
			values: "metrics: {secure: {enabled: true}, serviceMonitor: {enabled: true, namespace: monitoring}}",
			want:   "a ServiceMonitor there cannot read the CA from Secret windlass-system/windlass-webhook-self-cert.",
		},
		"alerts without metrics": {
			values: "metrics: {enabled: false, prometheusRule: {enabled: true}}",
			want:   "metrics.prometheusRule.enabled is true while metrics.enabled is false",
		},
		"a disruption budget with both bounds": {
			values: "operator: {podDisruptionBudget: {minAvailable: 1}}",
			want:   "operator.podDisruptionBudget has maxUnavailable 1 and minAvailable 1",
		},
		"a disruption budget without a bound": {
			values: `webhook: {podDisruptionBudget: {maxUnavailable: ""}}`,
			want:   "webhook.podDisruptionBudget is enabled but has neither",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := render(t, renderOptions{namespace: test.namespace, values: test.values})
			if err == nil {
				t.Fatal("the values were accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error does not say %q:\n%v", test.want, err)
			}
		})
	}
}

func TestNotesWarn(t *testing.T) {
	tests := map[string]struct {
		values string
		want   string
	}{
		"of a single webhook":         {values: "webhook: {replicas: 1}", want: "WARNING: webhook.replicas is 1."},
		"of Fail for all Pods":        {values: "webhook: {failurePolicy: {pods: Fail}}", want: "WARNING: webhook.failurePolicy.pods is Fail."},
		"of Ignore for SidecarSets":   {values: "webhook: {failurePolicy: {sidecarSets: Ignore}}", want: "WARNING: webhook.failurePolicy.sidecarSets is Ignore."},
		"of Ignore for StatefulSets":  {values: "webhook: {failurePolicy: {statefulSets: Ignore}}", want: "WARNING: webhook.failurePolicy.statefulSets is Ignore."},
		"of Ignore for SchedPatches":  {values: "webhook: {failurePolicy: {schedPatches: Ignore}}", want: "WARNING: webhook.failurePolicy.schedPatches is Ignore."},
		"of missing roles":            {values: "rbac: {create: false}", want: "WARNING: rbac.create is false."},
		"of missing definitions":      {values: "crds: {install: false}", want: "WARNING: crds.install is false."},
		"of definitions that go away": {values: "crds: {keep: false}", want: "WARNING: crds.keep is false."},
		"of the network of the nodes": {values: "webhook: {hostNetwork: true}", want: "WARNING: webhook.hostNetwork is true."},
		"of addresses left open":      {values: "networkPolicy: {enabled: true}", want: "both programs may call any address at the ports 443, 6443."},
		"of a port that all may call": {values: "networkPolicy: {enabled: true}", want: "WARNING: networkPolicy.webhookFrom is empty."},
		"of metrics that nobody can read": {
			values: "metrics: {secure: {enabled: true}}", want: "metrics.secure.readers is empty",
		},
		"of alerts without their series": {
			values: "metrics: {perObject: false, prometheusRule: {enabled: true}}", want: "WARNING: metrics.perObject is false.",
		},
		"of alerts without metrics": {
			values: "metrics: {prometheusRule: {enabled: true}}", want: "WARNING: metrics.prometheusRule is enabled and metrics.serviceMonitor is not.",
		},
		"of a cluster nobody can look into": {values: "rbac: {aggregateClusterRoles: false}", want: "rbac.aggregateClusterRoles is false"},
	}
	byDefault := mustRender(t, "").notes
	if strings.Contains(byDefault, "WARNING") {
		t.Errorf("the notes warn of the defaults:\n%s", byDefault)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(byDefault, test.want) {
				t.Errorf("the notes say %q without a reason", test.want)
			}
			if notes := mustRender(t, test.values).notes; !strings.Contains(notes, test.want) {
				t.Errorf("the notes do not say %q:\n%s", test.want, notes)
			}
		})
	}
}

// TestDefaultsPassTheSchema is what `helm install` without values needs.
func TestDefaultsPassTheSchema(t *testing.T) {
	loaded := loadChart(t)
	if !json.Valid(loaded.Schema) {
		t.Fatal("values.schema.json is no JSON")
	}
	mustRender(t, "")
}
