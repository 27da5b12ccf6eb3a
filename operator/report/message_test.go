// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordsForNumbersAndNames(t *testing.T) {
	five := []string{"a", "b", "c", "d", "e"}
	for name, test := range map[string]struct{ got, want string }{
		"no Pods":                  {Pods(0), "0 Pods"},
		"one Pod":                  {Pods(1), "1 Pod"},
		"several namespaces":       {Count(2, "namespace"), "2 namespaces"},
		"what one Pod does":        {PodsThat(1, "keeps", "keep"), "1 Pod keeps"},
		"what several Pods are":    {PodsAre(3), "3 Pods are"},
		"some of none":             {Some("Pod", nil), ""},
		"some of one":              {Some("Pod", five[:1]), "Pod a"},
		"some of several":          {Some("claim", five), "5 claims, claim a the first"},
		"as many names as may be":  {Names(five), "a, b, c, d, e"},
		"one name more":            {Names(append(five, "f")), "a, b, c, d, e and 1 more"},
		"fewer names":              {NamesUpTo(2, five), "a, b and 3 more"},
		"a condition says a thing": {Message(""), "-"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMessageNamesFivePodsInAll(t *testing.T) {
	b := &MessageBuilder{}
	pod := func(i int) string { return fmt.Sprintf("web-%d", i) }
	b.SayOfOne("Pod %s is refused.", "web-9")
	b.ListBy("; ", "Cannot run", 2, pod)
	b.List("Waiting for Pods to go", 0, pod)
	b.List("Waiting for Pods to be available", 4, pod)
	b.List("Waiting for claims of Pods", 3, pod)
	b.Begin("Update: 1 of 10 Pods done.")
	want := []string{
		"Update: 1 of 10 Pods done.", "Pod web-9 is refused.", "Cannot run: web-0; web-1.",
		"Waiting for Pods to be available: web-0, web-1 and 2 more.", "Waiting for claims of Pods: 3 Pods.",
	}
	if diff := cmp.Diff(strings.Join(want, " "), b.String()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}
