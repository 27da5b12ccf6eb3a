package sidecarset

import (
	"testing"
	"time"
)

func TestPaceSpacesOutWrites(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := newPace(time.Second)
	if got := p.wait("s", start); got != 0 {
		t.Errorf("the first write waits %s", got)
	}
	p.note("s", start)
	if got := p.wait("s", start.Add(300*time.Millisecond)); got != 700*time.Millisecond {
		t.Errorf("0.3 s after a write the next waits %s, want 0.7 s", got)
	}
	if got := p.wait("other", start); got != 0 {
		t.Errorf("another object waits %s", got)
	}
	if got := p.wait("s", start.Add(time.Second)); got != 0 {
		t.Errorf("a second after a write the next waits %s", got)
	}
	p.forget("s")
	if got := p.wait("s", start); got != 0 {
		t.Errorf("a forgotten object waits %s", got)
	}
}
