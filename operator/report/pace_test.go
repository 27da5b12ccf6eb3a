// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func named(name string) types.NamespacedName { return types.NamespacedName{Name: name} }

func TestPaceSpacesOutWrites(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := NewPace(time.Second)
	if got := p.Wait(named("s"), start); got != 0 {
		t.Errorf("the first write waits %s", got)
	}
	p.Note(named("s"), start)
	if got := p.Wait(named("s"), start.Add(300*time.Millisecond)); got != 700*time.Millisecond {
		t.Errorf("0.3 s after a write the next waits %s, want 0.7 s", got)
	}
	if got := p.Wait(named("other"), start); got != 0 {
		t.Errorf("another object waits %s", got)
	}
	if got := p.Wait(named("s"), start.Add(time.Second)); got != 0 {
		t.Errorf("a second after a write the next waits %s", got)
	}
	p.Forget(named("s"))
	if got := p.Wait(named("s"), start); got != 0 {
		t.Errorf("a forgotten object waits %s", got)
	}
}
