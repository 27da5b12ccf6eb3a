// SPDX-License-Identifier: Apache-2.0

// Package validity says whether the API server would refuse a new Pod because of what is injected into it. It asks
// Kubernetes' own validation, and remembers the answers: the Pods of one workload differ in little that matters.
//
// What is validated is what every API server validates of a Pod by itself, with the features that are on by default in
// the version of Kubernetes that this program is built with. Quotas, limit ranges, Pod security and policies are not.
package validity

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/utils/lru"

	"github.com/windlass-operator/windlass/internal/sidecar"
)

// remembered is how many answers are kept; one takes about 200 bytes.
const remembered = 8192

// Validator validates injections. The zero value is not ready for use. It is safe for concurrent use.
type Validator struct {
	answers *lru.Cache
}

// NewValidator returns a Validator that remembers nothing yet.
func NewValidator() *Validator { return &Validator{answers: lru.New(remembered)} }

// Refusal is why the API server would refuse the Pod with the injection though it would not without, in its words; ""
// when it would not. Only that is answered which the injection adds: what is wrong with the Pod itself is for the API
// server to say.
func (v *Validator) Refusal(pod *corev1.Pod, injection *sidecar.Injection) (words string, err error) {
	// A Pod that nobody has thought of must not be refused by a panic.
	defer func() {
		if r := recover(); r != nil {
			words, err = "", fmt.Errorf("validation of the Pod has failed: %v", r)
		}
	}()
	if refusal := sizeRefusal(pod.Annotations, injection.Annotations); refusal != "" {
		return refusal, nil
	}
	if outlandish(pod) {
		return "", nil
	}
	before, after := shapes(pod, injection)
	key, err := keyOf(before, after)
	if err != nil {
		return "", err
	}
	if answer, ok := v.answers.Get(key); ok {
		return answer.(string), nil
	}
	answer, err := firstAdded(before, after)
	if err != nil {
		return "", err
	}
	v.answers.Add(key, answer)
	return answer, nil
}

// sizeRefusal looks at the one limit that depends on every byte of a Pod's annotations.
func sizeRefusal(old, added map[string]string) string {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, added)
	if apivalidation.ValidateAnnotationsSize(old) != nil || apivalidation.ValidateAnnotationsSize(all) == nil {
		return ""
	}
	return fmt.Sprintf("metadata.annotations: Too long: all of them together may not be more than %d bytes",
		apivalidation.TotalAnnotationSizeLimitB)
}

type answerKey [sha256.Size]byte

// keyOf tells pairs of shapes apart. A tenant must not be able to make two of the same key, so the hash is a strong
// one.
func keyOf(before, after *corev1.Pod) (answerKey, error) {
	was, errWas := before.Marshal()
	is, errIs := after.Marshal()
	if err := errors.Join(errWas, errIs); err != nil {
		return answerKey{}, fmt.Errorf("encode the shape of the Pod: %w", err)
	}
	first := sha256.Sum256(was)
	return sha256.Sum256(append(first[:], is...)), nil
}
