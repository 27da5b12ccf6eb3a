// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func TestRepeatsAreForgotten(t *testing.T) {
	r, now := NewRepeats(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	web, db := types.NamespacedName{Namespace: "default", Name: "web"}, types.NamespacedName{Namespace: "default", Name: "db"}
	for i := range 100 {
		now = now.Add(time.Second)
		if !r.First(web, strings.Repeat("x", i), now) {
			t.Errorf("text %d is held for a repeat", i)
		}
	}
	r.First(db, "x", now)
	if n := len(r.said[web]); n != 60 {
		t.Errorf("%d texts are remembered, want those of the last minute, 60", n)
	}
	r.Forget(web)
	if _, ok := r.said[web]; ok || len(r.said) != 1 {
		t.Errorf("%d objects are remembered, want db alone", len(r.said))
	}
}
