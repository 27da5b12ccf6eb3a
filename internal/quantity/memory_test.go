// SPDX-License-Identifier: Apache-2.0

package quantity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper/qos"

	"github.com/windlass-operator/windlass/internal/quantity"
)

// inChild is set in the program that may not have much memory.
const inChild = "QUANTITY_TEST_TEXT"

// hostile are values that cost gigabytes unless they are bounded.
var hostile = []string{
	`"1e2147483647"`, `"-1e2147483647"`, `"1e-2147483647"`, `"1e-200000000"`, `"12345678901234567890e200000000"`, `"0e2147483647"`, `"1.5E+999999999"`, `1e2147483647`,
	`"1\u0065200000000"`,
}

// TestBoundedQuantitiesNeedLittleMemory decodes and computes in a program of its own that ends when it wants more
// memory than 2 GiB of addresses. Without the bounds every one of these values ends it.
func TestBoundedQuantitiesNeedLittleMemory(t *testing.T) {
	if text := os.Getenv(inChild); text != "" {
		child(t, text)
		return
	}
	for _, text := range hostile {
		t.Run(text, func(t *testing.T) {
			command := exec.Command(os.Args[0], "-test.run=^TestBoundedQuantitiesNeedLittleMemory$", "-test.count=1")
			command.Env = append(os.Environ(), inChild+"="+text)
			if output, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%.2000s", err, output)
			}
		})
	}
}

func child(t *testing.T, text string) {
	limit := syscall.Rlimit{Cur: 2 << 30, Max: 2 << 30}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	cpu := syscall.Rlimit{Cur: 20, Max: 20} // seconds of its own, however busy the machine is
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &cpu); err != nil {
		t.Fatal(err)
	}
	raw, _, err := quantity.Bound(fmt.Appendf(nil, everywhere, text), &corev1.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(raw, pod); err != nil {
		t.Fatal(err)
	}
	compute(pod)
	if text := strings.Trim(text, `"`); !strings.HasPrefix(text, "1e-") && !strings.ContainsAny(text, `\`) && len(text) < 20 {
		cheap := decoded(t, fmt.Sprintf("%q", text)) // decoding is cheap for these, but computing is not
		quantity.Cap(cheap)
		compute(cheap)
	}
}

func compute(pod *corev1.Pod) {
	qos.GetPodQOS(pod)
	q := pod.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU]
	q.Add(resource.MustParse("1m"))
	_, _, _ = q.Cmp(resource.MustParse("1")), q.Value(), q.String()
	equality.Semantic.DeepEqual(q, resource.MustParse("2e3"))
}

func FuzzBound(f *testing.F) {
	for _, text := range append(hostile, `"1Ei"`, `"1e3"`, `5`, `null`, `"`+strings.Repeat("7", 65)+`"`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		given := []byte(`{"spec":{"overhead":{"cpu":` + text + `},"containers":[{"name":"a","env":[{"name":"E","value":"1e999"}]}]}}`)
		if !json.Valid(given) {
			return
		}
		raw, faults, err := quantity.Bound(given, &corev1.Pod{})
		if err != nil {
			t.Fatal(err)
		}
		if again, more, err := quantity.Bound(raw, &corev1.Pod{}); err != nil || len(more) > 0 || !bytes.Equal(again, raw) {
			t.Fatalf("bounding %s twice: %v %v", text, more, err)
		}
		pod := &corev1.Pod{}
		if err := json.Unmarshal(raw, pod); err != nil {
			return
		}
		if left := quantity.Find(pod, nil); len(left) > 0 {
			t.Errorf("%s is decoded out of bounds, after %v: %v", text, faults, left)
		}
		compute2(pod)
	})
}

func compute2(pod *corev1.Pod) {
	for _, q := range pod.Spec.Overhead {
		q.Add(resource.MustParse("1m"))
		q.Cmp(resource.MustParse("1"))
	}
}
