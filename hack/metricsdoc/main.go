// SPDX-License-Identifier: Apache-2.0

// Command metricsdoc writes the tables of docs/metrics.md: of the metrics that the programs register, and of the alerts
// that docs/runbooks has pages of. What stands around the tables is written by people.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	_ "github.com/windlass-operator/windlass/hack/metricsdoc/registered" // the metrics of both programs
)

const (
	page     = "docs/metrics.md"
	runbooks = "docs/runbooks"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "metricsdoc:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	described, err := describe()
	if err != nil {
		return err
	}
	alerts, err := alertTable()
	if err != nil {
		return err
	}
	for name, table := range map[string]string{
		"operator": metricTable(described, func(name string) bool { return !strings.HasPrefix(name, "windlass_webhook_") }),
		"webhook":  metricTable(described, func(name string) bool { return strings.HasPrefix(name, "windlass_webhook_") }),
		"alerts":   alerts,
	} {
		if text, err = put(text, name, table); err != nil {
			return err
		}
	}
	return os.WriteFile(page, text, 0o644) //nolint:gosec // everybody reads it
}

// put puts a table between its two marks.
func put(text []byte, name, table string) ([]byte, error) {
	begin, end := []byte("<!-- "+name+": begin; written by make generate -->\n"), []byte("<!-- "+name+": end -->\n")
	before, rest, found := bytes.Cut(text, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return nil, fmt.Errorf("%s has no place for the table %q", page, name)
	}
	return slices.Concat(before, begin, []byte("\n"+table+"\n"), end, after), nil
}

// metric is one of ours.
type metric struct {
	name, kind, help string
	labels           []string
}

// description is how client_golang writes a description; it has no other way to read one.
var description = regexp.MustCompile(
	`^Desc\{fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)", (?:unit: "[^"]*", )?constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

func describe() ([]metric, error) {
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		return nil, fmt.Errorf("the registry of metrics, a %T, cannot describe them", metrics.Registry)
	}
	kinds, err := kindsOf(metrics.Registry)
	if err != nil {
		return nil, err
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	var out []metric
	for d := range descriptions {
		match := description.FindStringSubmatch(d.String())
		if match == nil {
			err = fmt.Errorf("this description of a metric is written in a new way: %s", d)
			continue
		}
		if !strings.HasPrefix(match[1], "windlass_") {
			continue
		}
		m := metric{name: match[1], kind: kinds[match[1]], help: strings.ReplaceAll(match[2], `\"`, `"`)}
		if match[3] != "" {
			m.labels = strings.Split(match[3], ",")
		}
		if m.kind == "" { // nothing was counted yet, so its name has to tell
			m.kind = "gauge"
			if strings.HasSuffix(m.name, "_total") {
				m.kind = "counter"
			}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return out, err
}

// kindsOf are the types of those metrics that have a series from the start.
func kindsOf(registry prometheus.Gatherer) (map[string]string, error) {
	families, err := registry.Gather()
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	for _, family := range families {
		kinds[family.GetName()] = strings.ToLower(family.GetType().String())
	}
	return kinds, nil
}

func metricTable(all []metric, of func(name string) bool) string {
	out := "| metric | type | labels | |\n|---|---|---|---|\n"
	for _, m := range all {
		if !of(m.name) {
			continue
		}
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		out += fmt.Sprintf("| %#q | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
	}
	return out
}

// row is a row of the table that each runbook begins with.
var row = regexp.MustCompile(`(?m)^\| (severity|fires) \| (.*) \|$`)

func alertTable() (string, error) {
	pages, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil {
		return "", err
	}
	out := "| alert | severity | fires |\n|---|---|---|\n"
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		said := map[string]string{}
		for _, match := range row.FindAllStringSubmatch(string(text), -1) {
			said[match[1]] = match[2]
		}
		if said["severity"] == "" || said["fires"] == "" {
			return "", fmt.Errorf("%s does not begin with the rows severity and fires", path)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		out += fmt.Sprintf("| [%s](runbooks/%s.md) | %s | %s |\n", name, name, said["severity"], said["fires"])
	}
	return out, nil
}
