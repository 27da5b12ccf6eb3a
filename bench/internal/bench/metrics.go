// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metricsPort is the chart's default.
const metricsPort = 8080

// Families are metrics by name.
type Families map[string]*dto.MetricFamily

// Sum adds up all series of a metric that carry the labels: counters, gauges, and the sample counts of histograms.
func (f Families) Sum(name string, labels map[string]string) float64 {
	var sum float64
	for _, metric := range f[name].GetMetric() {
		if !carries(metric, labels) {
			continue
		}
		sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + metric.GetUntyped().GetValue() +
			float64(metric.GetHistogram().GetSampleCount())
	}
	return sum
}

func carries(metric *dto.Metric, labels map[string]string) bool {
	matched := 0
	for _, pair := range metric.GetLabel() {
		if want, asked := labels[pair.GetName()]; asked {
			if pair.GetValue() != want {
				return false
			}
			matched++
		}
	}
	return matched == len(labels)
}

// Metrics asks every Pod of a program of the release for its metrics, those of the Go runtime included. They are by
// the Pod's name.
func (e *Env) Metrics(ctx context.Context, program string) (map[string]Families, error) {
	pods, err := e.Cluster.ReleasePods(ctx, program)
	if err != nil {
		return nil, err
	}
	out := map[string]Families{}
	for i := range pods {
		text, err := e.Ask(ctx, pods[i].Name, metricsPort, "/metrics")
		if err != nil {
			return nil, err
		}
		if out[pods[i].Name], err = parseMetrics(text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// APIServer asks the API server for its metrics.
func (e *Env) APIServer(ctx context.Context) (Families, error) {
	text, err := e.Cluster.Clientset.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of the API server: %w", err)
	}
	return parseMetrics(text)
}

func parseMetrics(text []byte) (Families, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return families, nil
}

// Ask is a GET to a port of a Pod of the release, those of its loopback included: "/debug/pprof/heap?gc=1" of ProfilesPort
// has it collect its garbage first.
func (e *Env) Ask(ctx context.Context, pod string, port int, path string) ([]byte, error) {
	address, stop, err := e.Cluster.Forward(ctx, e.Cluster.Options.Namespace, pod, port)
	if err != nil {
		return nil, err
	}
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask Pod %s: %w", pod, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask Pod %s: %w", pod, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask Pod %s for %s: %s %s (%w)", pod, path, response.Status, strings.TrimSpace(string(body)), err)
	}
	return body, nil
}
