package integration

import (
	. "github.com/onsi/ginkgo/v2"
)

var _ = It("starts", func() {})
