// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/constant"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/windlass-operator/windlass/internal/testing/source"
)

func TestTheTablesArePutBetweenTheirMarks(t *testing.T) {
	text := []byte("# Metrics\n<!-- a: begin; written by make generate -->\nold\n<!-- a: end -->\nrest\n")
	got, err := put(text, "a", "new\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "# Metrics\n<!-- a: begin; written by make generate -->\n\nnew\n\n<!-- a: end -->\nrest\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	if _, err := put(text, "b", "new\n"); err == nil {
		t.Error("a table without a place is put nowhere, and nobody hears of it")
	}
}

func TestMetricsAreDescribedWithTypeAndLabels(t *testing.T) {
	all, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []metric{
		{name: "windlass_sidecarset_stalled", kind: "gauge", labels: []string{"sidecarset"}},
		{name: "windlass_statefulset_pods", kind: "gauge", labels: []string{"namespace", "statefulset", "state"}},
		{name: "windlass_statefulset_rollout_duration_seconds", kind: "histogram"},
		{name: "windlass_webhook_admissions_total", kind: "counter", labels: []string{"webhook", "outcome"}},
	} {
		at := slices.IndexFunc(all, func(m metric) bool { return m.name == want.name })
		if at < 0 {
			t.Errorf("%s is not described", want.name)
			continue
		}
		got := all[at]
		if got.help == "" {
			t.Errorf("%s has no text", want.name)
		}
		got.help = ""
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(metric{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.name, diff)
		}
	}
}

// TestThePageNamesEveryEvent: the reasons of events are constants, whose names begin with event.
func TestThePageNamesEveryEvent(t *testing.T) {
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range source.Load(t, "./operator/...", "./webhook/...") {
		for ident, object := range p.Info.Defs {
			reason, ok := object.(*types.Const)
			if !ok || reason.Val().Kind() != constant.String || !strings.HasPrefix(strings.ToLower(ident.Name), "event") {
				continue
			}
			found++
			if name := constant.StringVal(reason.Val()); !strings.Contains(string(text), name) {
				t.Errorf("%s does not name the event %s of %s", page, name, p.Path)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d events were found", found)
	}
}
