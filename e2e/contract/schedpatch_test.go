// SPDX-License-Identifier: Apache-2.0

package contract

var schedPatchReadings = map[string]readings{
	"unseen":                   {"InProgress", none, Progressing, ""},
	"changed-and-not-yet-seen": {"InProgress", none, Progressing, ""},

	// A patch is made before its target, in an earlier wave of a sync: it is in force, and the wave has to end.
	"waiting-for-target": {"InProgress", none, Healthy, ""},
	"unknown-kind":       {"InProgress", none, Healthy, ""},
	"target-deleted":     {"InProgress", none, Healthy, ""},
	// The nodes may come from a later wave.
	"no-eligible-nodes": {"InProgress", none, Healthy, ""},

	"active":              {"Current", none, Healthy, ""},
	"active-without-Pods": {"Current", none, Healthy, ""},
	"active-and-missed":   {"Current", none, Healthy, ""},
	"preview":             {"Current", none, Healthy, ""},
	"expired":             {"Current", none, Healthy, ""},

	"conflict":          {"Failed", none, Degraded, ""},
	"denying":           {"Failed", none, Degraded, ""},
	"not-served":        {"Failed", none, Degraded, ""},
	"unreadable-target": {"Failed", none, Degraded, ""},
	"invalid":           {"Failed", none, Degraded, ""},

	"being-deleted": {"Terminating", none, Progressing, ""},
}
