// SPDX-License-Identifier: Apache-2.0

package charttest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

const (
	securityPage = "../../SECURITY.md"
	tableBegins  = "<!-- rights: begin; written by go test ./charttest -run Security -update -->\n"
	tableEnds    = "<!-- rights: end -->\n"
)

// TestTheSecurityPageNamesEveryRight holds the page to the roles of the chart: a right that is not on it fails, and so
// does one that is on it and is not granted.
func TestTheSecurityPageNamesEveryRight(t *testing.T) {
	content, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(content), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", securityPage, tableBegins, tableEnds)
	}
	want := rightsTable(roles(mustRender(t, "")))
	if *update {
		if err := os.WriteFile(securityPage, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs from the roles; see what the accounts could do at worst, too, and run the test with -update (-want +got):\n%s", securityPage, diff)
	}
}

// rightsTable writes what the two programs may do.
func rightsTable(roles []role) string {
	out := "\n| account | where | may | of |\n|---|---|---|---|\n"
	for _, program := range []string{"operator", "webhook"} {
		for _, role := range roles {
			if role.Name != "windlass-"+program {
				continue
			}
			where := "the cluster"
			if role.Kind == "Role" {
				where = "the release namespace"
			}
			for i := range role.Rules {
				out += fmt.Sprintf("| %s | %s | %s | %s |\n", program, where, strings.Join(role.Rules[i].Verbs, ", "), resourcesOf(&role.Rules[i]))
			}
		}
	}
	return out + "\n"
}

// resourcesOf names the resources of a rule as kubectl does.
func resourcesOf(rule *rbacv1.PolicyRule) string {
	var out []string
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			name, subresource, isSub := strings.Cut(resource, "/")
			if group != "" {
				name += "." + group
			}
			if isSub {
				name += "/" + subresource
			}
			out = append(out, name)
		}
	}
	text := strings.Join(out, ", ")
	if len(rule.ResourceNames) > 0 {
		text += " named " + strings.Join(rule.ResourceNames, ", ")
	}
	return text
}
