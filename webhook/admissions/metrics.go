// SPDX-License-Identifier: Apache-2.0

// Package admissions counts what the webhook answers.
package admissions

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// What became of a request, as the metric has it.
const (
	outcomeAllowed   = "Allowed"
	outcomeChanged   = "Changed"
	outcomeDenied    = "Denied"
	outcomeMalformed = "Malformed"
	outcomeFailed    = "Failed"
)

var outcomes = []string{outcomeAllowed, outcomeChanged, outcomeDenied, outcomeMalformed, outcomeFailed}

// The label webhook has what controller-runtime's own metrics have there, so that one can be divided by the other.
var admissions = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "windlass_webhook_admissions_total",
	Help: "Requests for admission by the path that was asked and by outcome: Allowed (as it is), Changed (allowed with a patch), Denied, " +
		"Malformed (nobody's object; refused) or Failed (an error of the webhook; refused).",
}, []string{"webhook", "outcome"})

func init() { metrics.Registry.MustRegister(admissions) }

// Counted is a handler that is served at a path, and whose answers are counted.
func Counted(path string, handler admission.Handler) admission.Handler {
	for _, outcome := range outcomes {
		admissions.WithLabelValues(path, outcome)
	}
	return admission.HandlerFunc(func(ctx context.Context, request admission.Request) admission.Response {
		response := handler.Handle(ctx, request)
		admissions.WithLabelValues(path, outcomeOf(&response)).Inc()
		return response
	})
}

func outcomeOf(response *admission.Response) string {
	code := int32(0)
	if response.Result != nil {
		code = response.Result.Code
	}
	switch {
	case response.Allowed && len(response.Patches) > 0:
		return outcomeChanged
	case response.Allowed:
		return outcomeAllowed
	case code == http.StatusBadRequest:
		return outcomeMalformed
	case code >= http.StatusInternalServerError:
		return outcomeFailed
	}
	return outcomeDenied
}
