// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"net/netip"
)

// Check returns an error for a flag whose value is not allowed. Profiles tell what the program holds and does, so only
// those may read them who can reach into its network: they are served on loopback addresses, on a port of their own.
func (o *Options) Check() error {
	if o.PprofAddress == "" || o.PprofAddress == "0" {
		return nil
	}
	address, err := netip.ParseAddrPort(o.PprofAddress)
	if err != nil || !address.Addr().IsLoopback() || address.Port() == 0 {
		return fmt.Errorf("--pprof-bind-address=%s: must be a loopback address and a port, such as 127.0.0.1:6060 or [::1]:6060, "+
			"or 0 for no profiles", o.PprofAddress)
	}
	return nil
}
