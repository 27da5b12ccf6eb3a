// SPDX-License-Identifier: Apache-2.0

// Package policy is what the administrator of a cluster allows SidecarSets to inject. A SidecarSet reaches Pods of
// every namespace, so who may write one has the power of all of them; the policy narrows it. It is pure but for File.
package policy

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// Action says what happens to a SidecarSet that a policy does not allow.
type Action string

const (
	// Allow does nothing.
	Allow Action = "Allow"
	// Warn stores the SidecarSet and sends a warning to whoever wrote it.
	Warn Action = "Warn"
	// Deny refuses the SidecarSet.
	Deny Action = "Deny"
)

// Policy is the content of a policy file. Every action that is left out is Warn.
type Policy struct {
	// Images is about where sidecars' images come from.
	Images Images `json:"images"`
	// Namespaces is about namespaces that no SidecarSet may reach.
	Namespaces Namespaces `json:"namespaces"`
	// Privileged is about privileged containers, and Windows' host processes.
	Privileged Switch `json:"privileged"`
	// HostPaths is about volumes of the node's own files.
	HostPaths HostPaths `json:"hostPaths"`
	// HostPorts is about ports of the node.
	HostPorts Switch `json:"hostPorts"`
	// Capabilities is about capabilities that are added to a container.
	Capabilities Capabilities `json:"capabilities"`
	// PodAnnotations is about annotations of Pods that no rule allows to patch.
	PodAnnotations Switch `json:"podAnnotations"`
}

// Switch is a policy without anything to list.
type Switch struct {
	Action Action `json:"action"`
}

// Images allows images by the beginning of their names.
type Images struct {
	Action Action `json:"action"`
	// Allowed are registries, or repositories in one: "registry.example.com", "ghcr.io/acme". An image is allowed when
	// its name is, or is below, one of them. Empty allows all.
	Allowed []string `json:"allowed"`
}

// Namespaces lists namespaces to keep out of.
type Namespaces struct {
	Action Action `json:"action"`
	// Protected are names of namespaces.
	Protected []string `json:"protected"`
}

// HostPaths allows paths of the node.
type HostPaths struct {
	Action Action `json:"action"`
	// Allowed are absolute paths. A volume is allowed when its path is, or is below, one of them. Empty allows none.
	Allowed []string `json:"allowed"`
}

// Capabilities allows capabilities.
type Capabilities struct {
	Action Action `json:"action"`
	// Allowed are capabilities without CAP_, such as NET_BIND_SERVICE. Empty allows none.
	Allowed []string `json:"allowed"`
}

// Default is the policy of an empty file.
func Default() Policy {
	p := Policy{}
	p.setDefaults()
	return p
}

// Parse reads a policy file, YAML or JSON. It fails for a field that it does not know, naming it, and for a value that
// could never work.
func Parse(content []byte) (Policy, error) {
	p := Policy{}
	if err := yaml.UnmarshalStrict(content, &p); err != nil {
		return Policy{}, fmt.Errorf("not a policy of SidecarSets: %w", err)
	}
	p.setDefaults()
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// actions lists the action of every policy by name.
func (p *Policy) actions() map[string]*Action {
	return map[string]*Action{
		"images": &p.Images.Action, "namespaces": &p.Namespaces.Action, "privileged": &p.Privileged.Action,
		"hostPaths": &p.HostPaths.Action, "hostPorts": &p.HostPorts.Action, "capabilities": &p.Capabilities.Action,
		"podAnnotations": &p.PodAnnotations.Action,
	}
}

func (p *Policy) setDefaults() {
	for _, action := range p.actions() {
		if *action == "" {
			*action = Warn
		}
	}
}

func (p *Policy) check() error {
	var errs []error
	for name, action := range p.actions() {
		if !slices.Contains([]Action{Allow, Warn, Deny}, *action) {
			errs = append(errs, fmt.Errorf("%s.action is %q: it must be Allow, Warn or Deny", name, *action))
		}
	}
	for i, image := range p.Images.Allowed {
		if !namesRegistry(image) {
			errs = append(errs, fmt.Errorf("images.allowed[%d] is %q: it must begin with the host of a registry, as in "+
				"docker.io/library or localhost:5000", i, image))
		}
	}
	for i, namespace := range p.Namespaces.Protected {
		if len(validation.IsDNS1123Label(namespace)) > 0 {
			errs = append(errs, fmt.Errorf("namespaces.protected[%d] is %q: it must be the name of a namespace", i, namespace))
		}
	}
	for i, hostPath := range p.HostPaths.Allowed {
		if !path.IsAbs(hostPath) || path.Clean(hostPath) != strings.TrimSuffix(hostPath, "/") && hostPath != "/" {
			errs = append(errs, fmt.Errorf("hostPaths.allowed[%d] is %q: it must be an absolute path that names no parent directory", i, hostPath))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// namesRegistry reports whether the first part of an image's name is a host, by the rule that image references go by.
func namesRegistry(name string) bool {
	host, _, _ := strings.Cut(name, "/")
	return host == "localhost" || strings.ContainsAny(host, ".:")
}
