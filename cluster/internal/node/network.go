// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// uplink is the node's end of the pair that joins it to the cluster's bridge.
const uplink = "eth0"

// setUpNetwork gives the node its address and routes to Services and to the other nodes' Pods. There is no default
// route: nothing that runs here can leave the machine.
func setUpNetwork(c Config) error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	link, err := waitForLink(uplink, 10*time.Second)
	if err != nil {
		return err
	}
	address, err := netlink.ParseAddr(fmt.Sprintf("%s/%d", c.IP(), topology.NodePrefixLength))
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, address); err != nil {
		return fmt.Errorf("add %s to %s: %w", address, uplink, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	// The destination is rewritten to a Pod before it leaves, but without a route the kernel refuses the connection
	// first.
	if err := addRoute(link, topology.ServiceCIDR, ""); err != nil {
		return err
	}
	for number := 1; number <= c.Nodes; number++ {
		if number == c.Number {
			continue
		}
		if err := addRoute(link, topology.NodePodCIDR(number), topology.NodeIP(number)); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return netlink.LinkSetUp(link)
}

// waitForLink waits for the box to put the interface here.
func waitForLink(name string, timeout time.Duration) (netlink.Link, error) {
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		link, err := netlink.LinkByName(name)
		if err == nil {
			return link, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("interface %s did not appear within %s: %w", name, timeout, err)
		}
	}
}

func addRoute(link netlink.Link, destination, gateway string) error {
	_, network, err := net.ParseCIDR(destination)
	if err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: network, Gw: net.ParseIP(gateway)}
	if gateway == "" {
		route.Scope = netlink.SCOPE_LINK
	}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route to %s: %w", destination, err)
	}
	return nil
}
