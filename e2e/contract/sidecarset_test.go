// SPDX-License-Identifier: Apache-2.0

package contract

var sidecarSetReadings = map[string]readings{
	"unseen":  {"InProgress", none, Progressing, ""},
	"no-Pods": {"Current", none, Healthy, ""},
	"new":     {"Current", none, Healthy, ""},

	"changed-and-not-yet-seen": {"InProgress", none, Progressing, ""},
	"rolling-first-Pod":        {"InProgress", none, Progressing, ""},
	"rolling":                  {"InProgress", none, Progressing, ""},
	"rolling-last-Pod":         {"InProgress", none, Progressing, ""},
	"complete":                 {"Current", none, Healthy, ""},

	"pausing":                       {"InProgress", none, Progressing, ""},
	"paused":                        {"Current", none, Suspended, ""},
	"paused-with-nothing-to-update": {"Current", none, Suspended, ""},
	"paused-with-a-broken-Pod":      {"Failed", none, Degraded, ""},
	"at-partition":                  {"Current", none, Suspended, ""},
	"max-unavailable-zero":          {"Current", none, Suspended, ""},

	// NotUpdate is a policy, and nothing that waits for a person: Pods come to the current version whenever their
	// owners make them anew.
	"not-update": {"Current", none, Healthy, ""},

	"deadline-exceeded": {"Failed", none, Degraded, ""},
	"auto-paused":       {"Failed", none, Degraded, ""},
	"image-unavailable": {"Failed", none, Degraded, ""},
	"invalid":           {"Failed", none, Degraded, ""},

	// What cannot be done in place, or not any more, makes no rollout fail. The message tells of it.
	"update-limited":    {"Current", none, Healthy, ""},
	"Pods-not-injected": {"Current", none, Healthy, ""},
	"name-taken":        {"Current", none, Healthy, ""},

	// Nothing will ever come of it, so somebody has to look.
	"namespace-not-served": {"Failed", none, Degraded, ""},

	"being-deleted": {"Terminating", none, Progressing, ""},
}
