// SPDX-License-Identifier: Apache-2.0

package remediation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ledger is what the operator itself has done for all sets, as far as limits of the whole cluster count it. It is kept
// in the operator's own namespace, because whoever may write SchedPatches anywhere can write a record: what a record
// says concerns the set that it belongs to, and nobody else. An entry is made by what is done alone, before that is
// done, and never out of a record. A record can only end an exclusion sooner, as when a person removes it.
type Ledger struct {
	// Sets are the accounts, by namespace/name.
	Sets map[string]Account `json:"sets,omitempty"`
}

// Account is what was done for one set. It stays when the set is recreated.
type Account struct {
	// Excluded is until when nodes are, or were, excluded.
	Excluded map[string]metav1.Time `json:"excluded,omitempty"`
	// Begun is when the deletions of the last minutes were begun, by the Pod's UID.
	Begun map[types.UID]metav1.Time `json:"begun,omitempty"`
}

// ParseLedger reads what String has written.
func ParseLedger(text string) (Ledger, error) {
	out := Ledger{}
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return Ledger{}, fmt.Errorf("no JSON object with accounts by namespace and name: %w", err)
	}
	return out, nil
}

// String writes a ledger as it is kept. Equal ones give equal texts.
func (l Ledger) String() string {
	text, err := json.Marshal(l)
	if err != nil { // times and texts can always be written
		panic(fmt.Sprintf("ledger of remediation: %v", err))
	}
	return string(text)
}

// copied is the same ledger, to be changed.
func (l Ledger) copied() Ledger {
	out := Ledger{Sets: make(map[string]Account, len(l.Sets))}
	for key, account := range l.Sets {
		out.Sets[key] = Account{Excluded: maps.Clone(account.Excluded), Begun: maps.Clone(account.Begun)}
	}
	return out
}

// account returns that of a set, to be changed, with maps to write to.
func (l Ledger) account(key string) Account {
	account := l.Sets[key]
	if account.Excluded == nil {
		account.Excluded = map[string]metav1.Time{}
	}
	if account.Begun == nil {
		account.Begun = map[types.UID]metav1.Time{}
	}
	l.Sets[key] = account
	return account
}

// end ends the exclusion of a node now, if it is in force.
func (a Account) end(node string, now time.Time) {
	if until := a.Excluded[node]; until.After(now) {
		a.Excluded[node] = later(now, 0)
	}
}

// prune forgets what counts for nothing any more.
func (l Ledger) prune(now time.Time) {
	for key, account := range l.Sets {
		maps.DeleteFunc(account.Excluded, func(_ string, until metav1.Time) bool { return !calm(until, now) })
		maps.DeleteFunc(account.Begun, func(_ types.UID, at metav1.Time) bool { return now.Sub(at.Time) > rateWindow })
		if len(account.Excluded)+len(account.Begun) == 0 {
			delete(l.Sets, key)
		}
	}
}

// calm reports whether an exclusion still counts towards a storm.
func calm(until metav1.Time, now time.Time) bool { return now.Sub(until.Time) < calmTime }

// excluded names the nodes that count towards a storm, for whichever set.
func (l Ledger) excluded(now time.Time) []string {
	var out []string
	for _, account := range l.Sets {
		for node, until := range account.Excluded {
			if calm(until, now) {
				out = append(out, node)
			}
		}
	}
	return unique(out)
}

// begun are the deletions of all sets, by the Pods' UIDs.
func (l Ledger) begun() map[types.UID]metav1.Time {
	out := map[types.UID]metav1.Time{}
	for _, account := range l.Sets {
		maps.Copy(out, account.Begun)
	}
	return out
}

// keys are those of all accounts.
func (l Ledger) keys() []string { return slices.Sorted(maps.Keys(l.Sets)) }
