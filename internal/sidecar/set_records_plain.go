// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/internal/inplace"
)

// plain reads records as programs write them: JSON without white space and escapes, of fields that are known. Each look at a
// set reads one of each Pod, and encoding/json takes 20 times as long for it. Anything else, and whatever is not valid, ends
// it with ok being false: then encoding/json decides what is meant. What is read refers to the text.
type plain struct {
	rest string
	ok   bool
}

// plainEntry reads the entry of one set in an annotation that holds one for each set. The result counts only where ok is
// true; found tells whether there is such an entry.
func plainEntry[T any](annotation, name string, read func(*plain) T) (entry T, found, ok bool) {
	p := &plain{rest: annotation, ok: true}
	p.object(func(key string) {
		if each := read(p); key == name {
			entry, found = each, true
		}
	})
	return entry, found, p.ok && p.rest == ""
}

func (p *plain) hashRecord() (r hashRecord) {
	p.object(func(key string) {
		switch key {
		case "updateTimestamp":
			r.UpdateTimestamp = p.time()
		case "hash":
			r.Hash = p.text()
		case "sidecarSetName":
			r.SidecarSetName = p.text()
		case "sidecarList":
			r.SidecarList = p.texts()
		case "controllerRevision":
			r.ControllerRevision = p.text()
		default:
			p.ok = false
		}
	})
	return r
}

func (p *plain) updateRecord() (r updateRecord) {
	p.object(func(key string) {
		switch key {
		case "revision":
			r.Revision = p.text()
		case "updateTimestamp":
			r.UpdateTimestamp = p.time()
		case "lastContainerStatuses":
			r.LastContainerStatuses = p.replaced(r.LastContainerStatuses)
		case "resized":
			r.Resized = p.texts()
		case "served":
			served := p.boolean()
			r.Served = &served
		case "notReadySince":
			since := p.time()
			r.NotReadySince = &since
		case "notReady":
			r.NotReady = p.texts()
		default:
			p.ok = false
		}
	})
	return r
}

// replaced reads what ran in containers, and adds to what is known of others.
func (p *plain) replaced(known map[string]inplace.Replaced) map[string]inplace.Replaced {
	if known == nil {
		known = map[string]inplace.Replaced{}
	}
	p.object(func(container string) {
		r := inplace.Replaced{}
		p.object(func(key string) {
			switch key {
			case "imageID":
				r.ImageID = p.text()
			case "containerID":
				r.ContainerID = p.text()
			default:
				p.ok = false
			}
		})
		known[container] = r
	})
	return known
}

// object reads the members of an object. Each is given its name, and reads its value.
func (p *plain) object(member func(key string)) {
	for next := p.open('{', '}'); next; next = p.more('}') {
		key := p.text()
		p.need(':')
		member(key)
	}
}

func (p *plain) texts() []string {
	out := []string{}
	for next := p.open('[', ']'); next; next = p.more(']') {
		out = append(out, p.text())
	}
	return out
}

// open begins an object or a list, and reports whether there is anything in it.
func (p *plain) open(first, last byte) bool {
	p.need(first)
	return p.ok && !p.take(last)
}

// more reports whether something follows in an object or a list.
func (p *plain) more(last byte) bool {
	if p.take(last) {
		return false
	}
	p.need(',')
	return p.ok
}

func (p *plain) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *plain) need(c byte) { p.ok = p.ok && p.take(c) }

// text reads a text of printable ASCII.
func (p *plain) text() string {
	p.need('"')
	end := strings.IndexByte(p.rest, '"')
	if !p.ok || end < 0 {
		p.ok = false
		return ""
	}
	text := p.rest[:end]
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' || text[i] == '\\' {
			p.ok = false
			return ""
		}
	}
	p.rest = p.rest[end+1:]
	return text
}

// time reads a time as objects store it.
func (p *plain) time() metav1.Time {
	t, err := time.Parse(time.RFC3339, p.text())
	p.ok = p.ok && err == nil
	return metav1.NewTime(t.Local())
}

func (p *plain) boolean() bool {
	if rest, is := strings.CutPrefix(p.rest, "true"); is {
		p.rest = rest
		return true
	}
	rest, is := strings.CutPrefix(p.rest, "false")
	p.rest, p.ok = rest, p.ok && is
	return false
}
