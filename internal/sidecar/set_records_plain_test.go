// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/windlass-operator/windlass/internal/inplace"
)

// someRecords are annotations as programs write them: of hashes, and of updates.
func someRecords(t testing.TB) (hashes, updates []string) {
	t.Helper()
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	hash := hashRecord{UpdateTimestamp: at, Hash: "w4b8", SidecarSetName: "s", SidecarList: []string{"agent", "mesh"}, ControllerRevision: "s-5d"}
	wire := hash
	wire.ControllerRevision, wire.SidecarList = "", nil // a list that is not there is null
	none := hash
	none.SidecarList = []string{}
	update := updateRecord{
		Revision: "w4b8", UpdateTimestamp: at, LastContainerStatuses: map[string]inplace.Replaced{
			"agent": {ImageID: "docker.io/agent@sha256:0a", ContainerID: "containerd://12"}, "mesh": {ImageID: "docker.io/mesh@sha256:0b"},
		},
		Resized: []string{"agent"}, Served: ptr.To(false), NotReadySince: &at, NotReady: []string{"mesh"},
	}
	kruise := updateRecord{Revision: "w4b8", UpdateTimestamp: at, LastContainerStatuses: map[string]inplace.Replaced{}}
	text := func(entries any) string {
		out, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	return []string{text(map[string]any{"s": hash}), text(map[string]any{"a": none, "s": hash, "z": hash}), text(map[string]any{"z": none}), "{}"},
		[]string{text(map[string]any{"s": update}), text(map[string]any{"a": kruise, "s": kruise, "z": update}), text(map[string]any{"s": kruise}), "{}"}
}

// decoded is what encoding/json makes of an annotation.
func decoded(text string) (hashRecord, *updateRecord) {
	all, _ := parseEntries(text)
	return all.record("s"), all.update("s")
}

func TestWhatProgramsWriteIsReadAsItIs(t *testing.T) {
	hashes, updates := someRecords(t)
	for _, text := range hashes {
		want, _ := decoded(text)
		if got, _, ok := plainEntry(text, "s", (*plain).hashRecord); !ok || !reflect.DeepEqual(want, got) {
			t.Errorf("%s: read %t, %+v, want %+v", text, ok, got, want)
		}
	}
	for _, text := range updates {
		_, want := decoded(text)
		got, found, ok := plainEntry(text, "s", (*plain).updateRecord)
		if !ok || found != (want != nil) || want != nil && !reflect.DeepEqual(*want, got) {
			t.Errorf("%s: read %t, found %t, %+v, want %+v", text, ok, found, got, want)
		}
	}
}

// Whatever somebody makes of an annotation, it means what encoding/json says.
func TestGarbledRecordsMeanWhatJSONSays(t *testing.T) {
	hashes, updates := someRecords(t)
	odd := []string{
		"null", "", " ", "[]", "{}", `"`, `\`, `\u0041`, "true", "fals", "0", ",", ":", "{", "}", "[", "]", "é", "\x7f", "\n", `"s":{}`, `"s":"w4"`,
		`"hash":"x",`, `"Hash":"x",`, `"served":null,`, `"served":true,`, `"sidecarList":null,`, `"sidecarList":[],`, `"unknown":1,`, `"resizeRefused":"no",`,
		`"resizedFrom":{"agent":{}},`, `"updateTimestamp":"2026-02-30T00:00:00Z",`, `"updateTimestamp":"2026-01-01T00:00:00.5+01:00",`,
		`"lastContainerStatuses":{"agent":{}},`, `"lastContainerStatuses":null,`, `"notReady":["a","b"],`, `"notReadySince":null,`,
	}
	r, read, plainly := rand.New(rand.NewPCG(1, 2)), 0, 0
	for _, list := range [][]string{hashes, updates} {
		for range 20_000 {
			text := list[r.IntN(len(list))]
			for range 1 + r.IntN(3) {
				at, until := len(`{"s":{`), len(`{"s":{`) // where an entry begins
				if r.IntN(2) == 0 {
					at = r.IntN(len(text) + 1)
					until = at + r.IntN(4)*r.IntN(2)
				}
				at, until = min(len(text), at), min(len(text), until)
				text = text[:at] + odd[r.IntN(len(odd))] + text[until:]
			}
			wantHash, wantUpdate := decoded(text)
			if got := readHash(text, "s"); !reflect.DeepEqual(wantHash, got) {
				t.Fatalf("hash of %q: %+v, want %+v", text, got, wantHash)
			}
			if got := readUpdate(text, "s"); !reflect.DeepEqual(wantUpdate, got) {
				t.Fatalf("update of %q: %+v, want %+v", text, got, wantUpdate)
			}
			if wantHash.Hash != "" || wantUpdate != nil {
				read++
			}
			if _, _, ok := plainEntry(text, "s", (*plain).updateRecord); ok {
				plainly++
			}
		}
	}
	if read < 1000 || plainly < 500 {
		t.Errorf("of what was tried, %d texts say something and %d are plain: that proves little", read, plainly)
	}
}
