// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Where the rules for annotations of Pods are: a key of a ConfigMap in the namespace of the program. Both names, and
// the format, are OpenKruise's.
const (
	ConfigMapName = "kruise-configuration"
	PatchRulesKey = "SidecarSet_PatchPodMetadata_WhiteList"
)

// PatchRules say which annotations of Pods a SidecarSet may patch. The zero value allows none.
type PatchRules struct{ rules []patchRule }

type patchRule struct {
	// sets picks the SidecarSets that the rule is for by their labels.
	sets labels.Selector
	keys []*regexp.Regexp
}

// ParsePatchRules reads rules as JSON:
//
//	{"rules": [{"selector": {"matchLabels": {...}}, "allowedAnnotationKeyExprs": ["^example.com/.*$"]}]}
//
// A rule without selector is for every SidecarSet. An expression (RE2) need not match the whole key: anchor it to be
// strict. No content is no rules. It fails for a field that it does not know and for what cannot be understood.
func ParsePatchRules(content []byte) (PatchRules, error) {
	var written struct {
		Rules []struct {
			Selector                  *metav1.LabelSelector `json:"selector"`
			AllowedAnnotationKeyExprs []string              `json:"allowedAnnotationKeyExprs"`
		} `json:"rules"`
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return PatchRules{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&written); err != nil {
		return PatchRules{}, fmt.Errorf("not JSON of the form {\"rules\": [...]}: %w", err)
	}
	if decoder.More() {
		return PatchRules{}, errors.New("not JSON of the form {\"rules\": [...]}: there is more after the closing brace")
	}
	out := PatchRules{}
	for i, rule := range written.Rules {
		compiled, err := compileRule(rule.Selector, rule.AllowedAnnotationKeyExprs)
		if err != nil {
			return PatchRules{}, fmt.Errorf("rules[%d].%w", i, err)
		}
		out.rules = append(out.rules, compiled)
	}
	return out, nil
}

func compileRule(selector *metav1.LabelSelector, expressions []string) (patchRule, error) {
	out := patchRule{sets: labels.Everything()}
	if selector != nil {
		var err error
		if out.sets, err = metav1.LabelSelectorAsSelector(selector); err != nil {
			return patchRule{}, fmt.Errorf("selector: %w", err)
		}
	}
	for i, expression := range expressions {
		key, err := regexp.Compile(expression)
		if err != nil {
			return patchRule{}, fmt.Errorf("allowedAnnotationKeyExprs[%d]: %w", i, err)
		}
		out.keys = append(out.keys, key)
	}
	return out, nil
}

// Allow reports whether a SidecarSet with these labels may patch the annotation.
func (r PatchRules) Allow(setLabels map[string]string, key string) bool {
	for _, rule := range r.rules {
		if !rule.sets.Matches(labels.Set(setLabels)) {
			continue
		}
		for _, expression := range rule.keys {
			if expression.MatchString(key) {
				return true
			}
		}
	}
	return false
}
