// SPDX-License-Identifier: Apache-2.0

package podtemplate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/windlass-operator/windlass/internal/podtemplate"
)

// written is a template as a user writes it.
const written = `
metadata:
  labels: {app: web}
spec:
  serviceAccountName: web
  containers:
  - name: app
    image: registry.example/app:1
    resources: {limits: {cpu: "1"}}
    livenessProbe: {httpGet: {port: 80}}
    env:
    - {name: ONE, value: "1"}
    - {name: TWO, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
  volumes:
  - {name: config, configMap: {name: config}}
`

// stored is the same as an API server of a few years ago stored it.
const stored = `
metadata:
  creationTimestamp: null
  labels: {app: web}
  annotations: {}
spec:
  dnsPolicy: ClusterFirst
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccount: web
  serviceAccountName: web
  terminationGracePeriodSeconds: 30
  tolerations: []
  containers:
  - name: app
    image: registry.example/app:1
    imagePullPolicy: IfNotPresent
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    resources: {limits: {cpu: 1000m}}
    livenessProbe: {failureThreshold: 3, httpGet: {path: /, port: 80, scheme: HTTP}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
    env:
    - {name: ONE, value: "1"}
    - {name: TWO, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: "metadata.labels['app']"}}}
  volumes:
  - {name: config, configMap: {defaultMode: 420, name: config}}
`

func template(t *testing.T, text string) *corev1.PodTemplateSpec {
	t.Helper()
	out := &corev1.PodTemplateSpec{}
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEqual(t *testing.T) {
	for name, test := range map[string]struct {
		a, b string
		want bool
	}{
		"as written and as stored":               {written, stored, true},
		"an amount in other words":               {written, strings.Replace(written, `cpu: "1"`, "cpu: 1000m", 1), true},
		"a request that the limit implies":       {written, strings.Replace(written, "{limits: {cpu: \"1\"}}", "{limits: {cpu: \"1\"}, requests: {cpu: \"1\"}}", 1), true},
		"the older name of the service account":  {written, strings.Replace(written, "serviceAccountName", "serviceAccount", 1), true},
		"a default written out":                  {written, strings.Replace(written, "spec:", "spec:\n  enableServiceLinks: true", 1), true},
		"another request than the limit":         {written, strings.Replace(written, "{limits: {cpu: \"1\"}}", "{limits: {cpu: \"1\"}, requests: {cpu: 500m}}", 1), false},
		"another amount":                         {written, strings.Replace(written, `cpu: "1"`, "cpu: 100m", 1), false},
		"another image":                          {written, strings.Replace(written, "app:1", "app:2", 1), false},
		"another pull policy than the default":   {written, strings.Replace(stored, "IfNotPresent", "Always", 1), false},
		"another label":                          {written, strings.Replace(written, "{app: web}", "{app: web, a: b}", 1), false},
		"variables in another order":             {written, swapVariables(written), false},
		"an empty volume is not one without any": {"{spec: {volumes: [{name: a, emptyDir: {}}]}}", "{spec: {volumes: []}}", false},
		"a port of the host's network":           {hostPort(""), hostPort(", hostPort: 80"), true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := podtemplate.Defaulted(template(t, test.a)), podtemplate.Defaulted(template(t, test.b))
			if got := podtemplate.Equal(a, b); got != test.want {
				t.Errorf("Equal = %t, want %t:\n%s", got, test.want, cmp.Diff(a, b))
			}
		})
	}
}

func swapVariables(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.Contains(line, "name: ONE") {
			lines[i], lines[i+1] = lines[i+1], lines[i]
			break
		}
	}
	return strings.Join(lines, "\n")
}

func hostPort(port string) string {
	return "{spec: {hostNetwork: true, containers: [{name: app, image: a, ports: [{containerPort: 80" + port + "}]}]}}"
}

func TestDefaultedLeavesTheTemplateAlone(t *testing.T) {
	given := template(t, written)
	before := given.DeepCopy()
	podtemplate.Defaulted(given).Spec.Containers[0].Image = "changed"
	if diff := cmp.Diff(before, given); diff != "" {
		t.Errorf("the template was modified (-before +after):\n%s", diff)
	}
}

func TestDefaultingTwiceIsDefaultingOnce(t *testing.T) {
	once := podtemplate.Defaulted(template(t, written))
	if diff := cmp.Diff(once, podtemplate.Defaulted(once)); diff != "" {
		t.Errorf("defaulted again (-once +twice):\n%s", diff)
	}
}

func TestEncodeWritesTheTemplateAsGiven(t *testing.T) {
	want := `{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},` +
		`"spec":{"containers":[{"env":[{"name":"ONE","value":"1"},{"name":"TWO","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app']"}}}],` +
		`"image":"registry.example/app:1","livenessProbe":{"httpGet":{"port":80}},"name":"app","resources":{"limits":{"cpu":"1"}}}],` +
		`"serviceAccountName":"web","volumes":[{"configMap":{"name":"config"},"name":"config"}]}}}}`
	got, err := podtemplate.Encode(template(t, written))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	given := template(t, "{spec: {priority: 2000000001, activeDeadlineSeconds: 9007199254740993}}")
	data, err := podtemplate.Encode(given)
	if err != nil {
		t.Fatal(err)
	}
	got, err := podtemplate.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(given, got); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func TestDecodeIsTolerant(t *testing.T) {
	want := template(t, "{metadata: {labels: {a: b}}, spec: {hostname: h}}")
	for name, data := range map[string]string{
		"other order of keys":     `{"spec":{"template":{"spec":{"hostname":"h"},"metadata":{"labels":{"a":"b"}},"$patch":"replace"}}}`,
		"a null creation time":    `{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null,"labels":{"a":"b"}},"spec":{"hostname":"h"}}}}`,
		"no directive":            `{"spec":{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"hostname":"h"}}}}`,
		"a field of later days":   `{"spec":{"template":{"metadata":{"labels":{"a":"b"}},"spec":{"hostname":"h","moodOfPod":"good"}}}}`,
		"more than the template":  `{"spec":{"replicas":2,"template":{"metadata":{"labels":{"a":"b"}},"spec":{"hostname":"h"}}},"status":{}}`,
		"spaces between its keys": "{ \"spec\": {\n \"template\": {\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"hostname\":\"h\"}}}}",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := podtemplate.Decode([]byte(data))
			if err != nil {
				t.Fatal(err)
			}
			if !podtemplate.Equal(want, got) {
				t.Errorf("template (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	const prefix = "the revision's data is not that of a StatefulSet: "
	for name, test := range map[string]struct{ data, want string }{
		"nothing":             {"", prefix + "unexpected end of JSON input"},
		"another kind's data": {`{"spec":{"containers":[]}}`, prefix + "it has no spec.template"},
		"a null template":     {`{"spec":{"template":null}}`, prefix + "it has no spec.template"},
		"a quantity that costs too much to decode": {
			`{"spec":{"template":{"spec":{"overhead":{"cpu":"1e-2147483647"}}}}}`,
			prefix + `spec.template.spec.overhead[cpu]: Invalid value: "1e-2147483647": its exponent is -2147483647; a quantity has at most 64 characters and an exponent from -30 to 30`,
		},
		"a field of another type": {
			`{"spec":{"template":{"spec":{"hostname":1}}}}`,
			prefix + "json: cannot unmarshal number into Go struct field PodSpec.spec.template.spec.hostname of type string",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := podtemplate.Decode([]byte(test.data))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"spec":{"template":{"$patch":"replace","metadata":{"creationTimestamp":null},"spec":{"containers":[{"name":"a"}]}}}}`))
	f.Add([]byte(`{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		decoded, err := podtemplate.Decode(data)
		if err != nil {
			return
		}
		encoded, err := podtemplate.Encode(decoded)
		if err != nil {
			t.Fatal(err)
		}
		again, err := podtemplate.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if !equality.Semantic.DeepEqual(podtemplate.Defaulted(decoded), podtemplate.Defaulted(again)) {
			t.Errorf("%s is not %s", encoded, data)
		}
	})
}
