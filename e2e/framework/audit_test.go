// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodWrites(t *testing.T) {
	line := func(verb, uri, user, ref, code string) string {
		return `{"stage":"ResponseComplete","verb":"` + verb + `","requestURI":"` + uri + `","user":{"username":"` + user +
			`"},"objectRef":{` + ref + `},"responseStatus":{"code":` + code + `}}` + "\n"
	}
	const (
		ours = "system:serviceaccount:windlass-system:operator"
		pod  = `"resource":"pods","namespace":"shop","name":"web-0","apiVersion":"v1"`
	)
	log := line("patch", "/api/v1/namespaces/shop/pods/web-0", ours, pod, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0/status", ours, pod+`,"subresource":"status"`, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0?dryRun=All", ours, pod, "200") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0", ours, pod, "422") +
		line("patch", "/api/v1/namespaces/shop/pods/web-0", "system:serviceaccount:other:x", pod, "200") +
		line("patch", "/api/v1/namespaces/else/pods/web-0", ours, `"resource":"pods","namespace":"else","name":"web-0"`, "200") +
		line("create", "/api/v1/namespaces/shop/events", ours, `"resource":"events","namespace":"shop"`, "201") +
		`{"stage":"Respon`

	writes, err := podWrites(strings.NewReader(log), "shop", "system:serviceaccount:windlass-system:")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range writes {
		got = append(got, writes[i].Name+": "+writes[i].What())
	}
	if diff := cmp.Diff([]string{"web-0: patch", "web-0: patch status"}, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
