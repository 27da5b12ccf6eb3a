// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"errors"
	"net/http"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/windlass-operator/windlass/internal/shorten"
	"github.com/windlass-operator/windlass/operator/apply"
)

// Kind is what the failure of a write means for what comes next.
type Kind int

const (
	// None means that the write was carried out.
	None Kind = iota
	// Stale means that the object is gone, or is not what the snapshot said. The change itself brings the next look.
	Stale
	// Refused means that the API server has said no, so nothing has changed: a policy, a quota, somebody's webhook, a
	// budget, a missing right.
	Refused
	// Doubtful means that nobody knows whether it was carried out: a timeout, a connection that broke, an error inside
	// the API server.
	Doubtful
)

// KindOf classifies the error of a write to the API server.
func KindOf(err error) Kind {
	switch {
	case err == nil:
		return None
	case apply.IsStale(err):
		return Stale
	case isAnswer(err):
		return Refused
	}
	return Doubtful
}

// isAnswer reports whether an error says that a write was not carried out. Errors of the API server's own are no such
// answer, but for a webhook that could not be asked: webhooks come before the store.
func isAnswer(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	if strings.Contains(status.Status().Message, twoBudgets) {
		return true
	}
	return apply.IsDenial(err) || strings.Contains(err.Error(), "failed calling webhook") ||
		code >= http.StatusBadRequest && code < http.StatusInternalServerError && code != http.StatusRequestTimeout
}

// twoBudgets is what the eviction API says, as an error of its own, of a Pod that more than one PodDisruptionBudget
// covers.
const twoBudgets = "more than one PodDisruptionBudget"

// Reason is what words of the API server say besides the name of the object, so that objects refused for one reason can be
// told of together.
func Reason(words string) string {
	if i := strings.Index(words, forbidden); i >= 0 {
		return words[i+len(forbidden):]
	}
	return words
}

const forbidden = `" is forbidden: `

// Words are the API server's own, without ours around them; short enough for an event or a condition.
func Words(err error) string {
	const most = 256
	text := err.Error()
	if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Message != "" {
		text = status.Status().Message
		if details := status.Status().Details; details != nil {
			for _, cause := range details.Causes {
				if cause.Type == policyv1.DisruptionBudgetCause { // it has the name and the numbers
					text += " " + cause.Message + "."
				}
			}
		}
	}
	return shorten.To(text, most)
}
