// SPDX-License-Identifier: Apache-2.0

package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refuses is the body of the tables below: base, changed, is refused on creation with exactly these words.
func refuses(ctx SpecContext, base, change, want string) {
	err := k8s.Create(ctx, object(base, change), client.DryRunAll)
	Expect(refusal(err)).To(Equal(want))
}
