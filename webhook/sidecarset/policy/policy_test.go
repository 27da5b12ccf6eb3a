// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestParse(t *testing.T) {
	warnOfAll := Default()
	full := Policy{
		Images:         Images{Deny, []string{"ghcr.io/acme", "localhost:5000", "localhost/x"}},
		Namespaces:     Namespaces{Deny, []string{"vault"}},
		Privileged:     Switch{Allow},
		HostPaths:      HostPaths{Deny, []string{"/", "/var/log/"}},
		HostPorts:      Switch{Warn},
		Capabilities:   Capabilities{Deny, []string{"NET_ADMIN"}},
		PodAnnotations: Switch{Deny},
	}
	for name, test := range map[string]struct {
		content   string
		want      Policy
		wantError string
	}{
		"an empty file warns of everything": {content: "", want: warnOfAll},
		"an empty object does the same":     {content: "{}", want: warnOfAll},
		"every field": {want: full, content: `
images: {action: Deny, allowed: [ghcr.io/acme, "localhost:5000", localhost/x]}
namespaces: {action: Deny, protected: [vault]}
privileged: {action: Allow}
hostPaths: {action: Deny, allowed: [/, /var/log/]}
hostPorts: {action: Warn}
capabilities: {action: Deny, allowed: [NET_ADMIN]}
podAnnotations: {action: Deny}
`},
		"a field that does not exist": {content: "image: {action: Deny}",
			wantError: `not a policy of SidecarSets: error unmarshaling JSON: while decoding JSON: json: unknown field "image"`},
		"a field twice": {content: "images: {action: Deny}\nimages: {action: Warn}",
			wantError: "not a policy of SidecarSets: error converting YAML to JSON: yaml: unmarshal errors:\n  line 2: key \"images\" already set in map"},
		"a list in place of a policy": {content: "images: [a]",
			wantError: "not a policy of SidecarSets: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field Policy.images of type policy.Images"},
		"an action that does not exist": {content: "privileged: {action: Never}",
			wantError: `privileged.action is "Never": it must be Allow, Warn or Deny`},
		"an image without registry": {content: "images: {allowed: [nginx]}",
			wantError: `images.allowed[0] is "nginx": it must begin with the host of a registry, as in docker.io/library or localhost:5000`},
		"a namespace that cannot be": {content: "namespaces: {protected: [Vault]}",
			wantError: `namespaces.protected[0] is "Vault": it must be the name of a namespace`},
		"a relative path": {content: "hostPaths: {allowed: [var/log]}",
			wantError: `hostPaths.allowed[0] is "var/log": it must be an absolute path that names no parent directory`},
		"a path that climbs": {content: "hostPaths: {allowed: [/var/../etc]}",
			wantError: `hostPaths.allowed[0] is "/var/../etc": it must be an absolute path that names no parent directory`},
		"several mistakes are all named": {content: "{hostPorts: {action: never}, hostPaths: {action: deny}}",
			wantError: "hostPaths.action is \"deny\": it must be Allow, Warn or Deny\nhostPorts.action is \"never\": it must be Allow, Warn or Deny"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(test.content))
			if test.wantError != "" {
				if err == nil || err.Error() != test.wantError {
					t.Fatalf("error\n%v, want\n%s", err, test.wantError)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImages(t *testing.T) {
	for name, test := range map[string]struct {
		allowed, image string
		want           bool
	}{
		"the repository itself, by tag":       {"ghcr.io/acme/agent", "ghcr.io/acme/agent:1", true},
		"the repository itself, by digest":    {"ghcr.io/acme/agent", "ghcr.io/acme/agent@sha256:0123456789012345678901234567890123456789012345678901234567890123", true},
		"below an organisation":               {"ghcr.io/acme", "ghcr.io/acme/team/agent", true},
		"a slash at the end changes nothing":  {"ghcr.io/acme/", "ghcr.io/acme/agent", true},
		"a name that only begins alike":       {"ghcr.io/acme", "ghcr.io/acme2/agent", false},
		"a host that only begins alike":       {"ghcr.io", "ghcr.io.evil.example/agent", false},
		"a registry with port":                {"localhost:5000", "localhost:5000/agent:1", true},
		"another port":                        {"localhost:5000", "localhost:5001/agent:1", false},
		"a short name is one of Docker Hub":   {"docker.io/library", "nginx", true},
		"a short name with an organisation":   {"docker.io/library", "acme/nginx", false},
		"a reference that cannot be is never": {"docker.io", "Agent:1", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Images{Allowed: []string{test.allowed}}).allows(test.image); got != test.want {
				t.Errorf("allows: %t, want %t", got, test.want)
			}
		})
	}
}

func TestHostPathsAndCapabilities(t *testing.T) {
	for name, test := range map[string]struct {
		got, want bool
	}{
		"a path below":                     {isBelow("/var/log/app", "/var/log"), true},
		"the path itself":                  {isBelow("/var/log", "/var/log/"), true},
		"a path that only begins alike":    {isBelow("/var/logs", "/var/log"), false},
		"all paths are below the root":     {isBelow("/etc", "/"), true},
		"the root is below itself":         {isBelow("/", "/"), true},
		"a capability in other spelling":   {(Capabilities{Allowed: []string{"cap_net_admin"}}).allows(corev1.Capability("NET_ADMIN")), true},
		"ALL is more than a list of them":  {(Capabilities{Allowed: []string{"NET_ADMIN"}}).allows("ALL"), false},
		"ALL can be allowed, by that name": {(Capabilities{Allowed: []string{"ALL"}}).allows("ALL"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if test.got != test.want {
				t.Errorf("%t, want %t", test.got, test.want)
			}
		})
	}
}

func TestPatchRules(t *testing.T) {
	const rules = `{"rules": [
		{"selector": {"matchLabels": {"sidecar": "istio"}}, "allowedAnnotationKeyExprs": ["sidecar.istio.io"]},
		{"selector": {}, "allowedAnnotationKeyExprs": ["^a$"]},
		{"allowedAnnotationKeyExprs": ["^b$", "^c$"]}
	]}`
	parsed, err := ParsePatchRules([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	istio := map[string]string{"sidecar": "istio"}
	for name, test := range map[string]struct {
		labels map[string]string
		key    string
		want   bool
	}{
		"a rule for such sets, matching a part of the key": {istio, "sidecar.istio.io/inject", true},
		"a rule for other sets":                            {nil, "sidecar.istio.io/inject", false},
		"a rule whose empty selector is for all sets":      {nil, "a", true},
		"a rule without selector, its second expression":   {istio, "c", true},
		"an anchored expression is not for longer keys":    {nil, "ab", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parsed.Allow(test.labels, test.key); got != test.want {
				t.Errorf("allowed: %t, want %t", got, test.want)
			}
		})
	}
}

func TestPatchRulesThatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"not JSON":             {"rules: []", `not JSON of the form {"rules": [...]}: invalid character 'r' looking for beginning of value`},
		"an unknown field":     {`{"rules": [{"allowedAnnotationKeys": ["a"]}]}`, `not JSON of the form {"rules": [...]}: json: unknown field "allowedAnnotationKeys"`},
		"a bad expression":     {`{"rules": [{}, {"allowedAnnotationKeyExprs": ["a", "("]}]}`, "rules[1].allowedAnnotationKeyExprs[1]: error parsing regexp: missing closing ): `(`"},
		"a bad selector":       {`{"rules": [{"selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}]}`, `rules[0].selector: "Like" is not a valid label selector operator`},
		"more after the rules": {`{"rules": []} {"rules": []}`, `not JSON of the form {"rules": [...]}: there is more after the closing brace`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParsePatchRules([]byte(test.content)); err == nil || err.Error() != test.want {
				t.Errorf("error\n%v, want\n%s", err, test.want)
			}
		})
	}
}
