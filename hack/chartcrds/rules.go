// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

var sidecarSetRefinements = []refinement{
	{"spec.containers", keyedByName},
	{"spec.initContainers", keyedByName},
	{"spec.volumes", inOrder(objectsKeptWhole, keyedByName)},
	{"spec.imagePullSecrets[]", requiring("name")},
}

var statefulSetRefinements = []refinement{
	{"spec.reserveOrdinals[]", ordinalOrRange},
	{"spec.template", mergedByKey},
	{"spec.volumeClaimTemplates", objectsKeptWhole},
	// Conditions that OpenKruise wrote have no reason, and clients made for it may write none.
	{"status.conditions[]", requiring("type", "status")},
	{"status.conditions[].reason", anyString},
}

const (
	required  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferred = "preferredDuringSchedulingIgnoredDuringExecution"

	nodeAffinity    = "spec.affinity.nodeAffinity."
	podAffinity     = "spec.affinity.podAffinity."
	podAntiAffinity = "spec.affinity.podAntiAffinity."

	// maxTerms is the limit of required node selector terms; maxRules, generous, that of every other list in a patch.
	maxTerms = 64
	maxRules = 256
)

// schedPatchRefinements hold what the API server would refuse in a Pod, so that a patch can never make it refuse one.
var schedPatchRefinements = []refinement{
	{"spec", rule(hasAnySchedulingRule(), "needs at least one rule in affinity, tolerations or nodeSelector")},
	{"spec.nodeSelector", labelValues},

	{nodeAffinity + required + ".nodeSelectorTerms", inOrder(atLeastItems(1), atMostItems(maxTerms))},
	{nodeAffinity + required + ".nodeSelectorTerms[]", inOrder(nodeSelectorTerm, rule(
		"size(self.?matchExpressions.orValue([])) > 0 || size(self.?matchFields.orValue([])) > 0",
		"an empty term matches no node"))},
	{nodeAffinity + preferred, atMostItems(maxRules)},
	{nodeAffinity + preferred + "[].weight", between(1, 100)},
	{nodeAffinity + preferred + "[].preference", nodeSelectorTerm},

	{podAffinity + required, atMostItems(maxRules)},
	{podAffinity + required + "[].topologyKey", labelKey},
	{podAffinity + preferred, atMostItems(maxRules)},
	{podAffinity + preferred + "[].weight", between(1, 100)},
	{podAffinity + preferred + "[].podAffinityTerm.topologyKey", labelKey},

	{podAntiAffinity + required, atMostItems(maxRules)},
	{podAntiAffinity + required + "[].topologyKey", labelKey},
	{podAntiAffinity + preferred, atMostItems(maxRules)},
	{podAntiAffinity + preferred + "[].weight", between(1, 100)},
	{podAntiAffinity + preferred + "[].podAffinityTerm.topologyKey", labelKey},

	{"spec.tolerations[]", inOrder(
		rule("self.?key.orValue('') != '' || self.?operator.orValue('Equal') == 'Exists'",
			"without a key needs operator Exists"),
		rule("self.?operator.orValue('Equal') != 'Exists' || self.?value.orValue('') == ''",
			"with operator Exists cannot have a value"),
		rule("!has(self.tolerationSeconds) || self.?effect.orValue('') == 'NoExecute'",
			"with tolerationSeconds needs effect NoExecute"))},
	{"spec.tolerations[].operator", oneOf("Exists", "Equal", "Lt", "Gt")},
	{"spec.tolerations[].effect", oneOf("", "NoSchedule", "PreferNoSchedule", "NoExecute")},
}

// hasAnySchedulingRule is true of a spec that would change a Pod at all.
func hasAnySchedulingRule() string {
	return strings.Join([]string{
		"self.?affinity.?nodeAffinity.?" + required + ".hasValue()",
		"size(self.?affinity.?nodeAffinity.?" + preferred + ".orValue([])) > 0",
		"size(self.?affinity.?podAffinity.?" + required + ".orValue([])) > 0",
		"size(self.?affinity.?podAffinity.?" + preferred + ".orValue([])) > 0",
		"size(self.?affinity.?podAntiAffinity.?" + required + ".orValue([])) > 0",
		"size(self.?affinity.?podAntiAffinity.?" + preferred + ".orValue([])) > 0",
		"size(self.?tolerations.orValue([])) > 0",
		"size(self.?nodeSelector.orValue({})) > 0",
	}, " || ")
}

// nodeSelectorTerm checks the requirements of a term on nodes.
func nodeSelectorTerm(term *schemaProps) {
	for _, name := range []string{"matchExpressions", "matchFields"} {
		requirements := term.Properties[name]
		atMostItems(maxRules)(&requirements)
		requirement(requirements.Items.Schema, "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
		term.Properties[name] = requirements
	}
}

// checkLabelSelector checks the requirements of a label selector, and leaves every other schema alone.
func checkLabelSelector(schema *schemaProps) {
	expressions, ok := schema.Properties["matchExpressions"]
	if _, labels := schema.Properties["matchLabels"]; !ok || !labels {
		return
	}
	atMostItems(maxRules)(&expressions)
	requirement(expressions.Items.Schema, "In", "NotIn", "Exists", "DoesNotExist")
	schema.Properties["matchExpressions"] = expressions
}

// requirement allows these operators, each with as many values as it takes.
func requirement(schema *schemaProps, operators ...string) {
	operator := schema.Properties["operator"]
	oneOf(operators...)(&operator)
	schema.Properties["operator"] = operator

	rule("!(self.operator in ['In', 'NotIn']) || size(self.?values.orValue([])) > 0",
		"operators In and NotIn need at least one entry in values")(schema)
	rule("!(self.operator in ['Exists', 'DoesNotExist']) || size(self.?values.orValue([])) == 0",
		"operators Exists and DoesNotExist cannot have values")(schema)
	rule("!(self.operator in ['Gt', 'Lt']) || size(self.?values.orValue([])) == 1",
		"operators Gt and Lt need exactly one entry in values")(schema)
}

// ordinalOrRange allows 3 and "5-8". That the start is not above the end is for the webhook to check: a rule would be
// too dear for a list that may be long.
func ordinalOrRange(schema *schemaProps) {
	lowest := 0.0
	schema.Minimum = &lowest
	schema.Pattern = `^[0-9]{1,10}-[0-9]{1,10}$`
}

// labelKey checks a string that must be the key of a label.
func labelKey(schema *schemaProps) {
	atMostBytes(317)(schema)
	ruleNamingValue(`self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')`,
		"must be the key of a node label, such as kubernetes.io/hostname")(schema)
}

// labelValues checks a map whose values must be values of labels.
func labelValues(schema *schemaProps) {
	value := schema.AdditionalProperties.Schema
	atMostBytes(63)(value)
	value.Pattern = `^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
}

// anyString lifts the limits of a string.
func anyString(schema *schemaProps) {
	schema.MinLength, schema.MaxLength, schema.Pattern = nil, nil, ""
}
