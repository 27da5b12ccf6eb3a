// SPDX-License-Identifier: Apache-2.0

package box

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/windlass-operator/windlass/cluster/internal/topology"
)

// setUpNetwork makes the bridge that joins control plane and nodes, and routes to the Pods. There is no uplink.
func setUpNetwork(nodes int) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	bridge.Name = topology.Bridge
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make bridge %s: %w", topology.Bridge, err)
	}
	address, err := netlink.ParseAddr(fmt.Sprintf("%s/%d", topology.ControlPlaneIP, topology.NodePrefixLength))
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return err
	}
	for number := 1; number <= nodes; number++ {
		_, pods, err := net.ParseCIDR(topology.NodePodCIDR(number))
		if err != nil {
			return err
		}
		route := &netlink.Route{LinkIndex: bridge.Attrs().Index, Dst: pods, Gw: net.ParseIP(topology.NodeIP(number))}
		if err := netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("route to %s: %w", pods, err)
		}
	}
	if nodes == 0 {
		return nil // and nothing to forward
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// connectNode joins the namespace of a node's first process to the bridge. The node's end is called eth0 and appears
// there when the pair is complete.
func connectNode(number, pid int) error {
	bridge, err := netlink.LinkByName(topology.Bridge)
	if err != nil {
		return err
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = fmt.Sprintf("wl-node%d", number)
	attributes.MasterIndex = bridge.Attrs().Index
	attributes.Flags = net.FlagUp
	if old, err := netlink.LinkByName(attributes.Name); err == nil {
		_ = netlink.LinkDel(old) // of the node's previous life, not yet collected by the kernel
	}
	pair := &netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("join node%d to the bridge: %w", number, err)
	}
	return netlink.LinkSetUp(pair)
}
