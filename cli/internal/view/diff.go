// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// diff is what makes one text of another, in lines with + and - before them; "" for equal texts. Three lines around each
// change are shown.
func diff(before, after, from, to string) (string, error) {
	if before == after {
		return "", nil
	}
	return difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(strings.TrimSuffix(before, "\n")), FromFile: from,
		B: difflib.SplitLines(strings.TrimSuffix(after, "\n")), ToFile: to, Context: 3,
	})
}
