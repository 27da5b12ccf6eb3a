// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// PodWrite is one write to a Pod that the API server took, as its audit log has it.
type PodWrite struct {
	At              time.Time
	Namespace, Name string
	// Verb is that of the API: create, update, patch, delete.
	Verb string
	// Subresource such as status or eviction; "" for the Pod itself.
	Subresource string
	// User is who wrote, such as system:serviceaccount:NAMESPACE:NAME.
	User string
}

// What is what was written to, in a word: "patch", "patch status".
func (w *PodWrite) What() string { return strings.TrimSpace(w.Verb + " " + w.Subresource) }

// CanAudit reports whether the API server's audit log can be read here.
func (c *Cluster) CanAudit() bool { return c.Options.AuditLog != "" }

// AuditMark is the present end of the audit log.
func (c *Cluster) AuditMark() (int64, error) {
	if !c.CanAudit() {
		return 0, errors.New("-audit-log is not set: it must name the audit log of the cluster's API server")
	}
	info, err := os.Stat(c.Options.AuditLog)
	if err != nil {
		return 0, fmt.Errorf("read the audit log: %w", err)
	}
	return info.Size(), nil
}

// PodWrites are the writes to Pods of a namespace, by users whose names begin so, in the audit log from a mark on: those
// that the API server took. It fails when the log was begun anew since.
func (c *Cluster) PodWrites(mark int64, namespace, userPrefix string) ([]PodWrite, error) {
	file, err := os.Open(c.Options.AuditLog)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() < mark {
		return nil, fmt.Errorf("the audit log %s is shorter than it was: it was begun anew (%w)", c.Options.AuditLog, err)
	}
	if _, err := file.Seek(mark, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return podWrites(file, namespace, userPrefix)
}

// auditEvent is what is read of a line of the log.
type auditEvent struct {
	Stage      string `json:"stage"`
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource, Namespace, Name, Subresource string
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	StageTimestamp time.Time `json:"stageTimestamp"`
}

func podWrites(log io.Reader, namespace, userPrefix string) (out []PodWrite, err error) {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // what follows the last newline is being written
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		var e auditEvent
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return nil, fmt.Errorf("read a line of the audit log: %w", err)
		}
		if e.isPodWrite() && e.ObjectRef.Namespace == namespace && strings.HasPrefix(e.User.Username, userPrefix) {
			out = append(out, PodWrite{
				At: e.StageTimestamp, Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name,
				Verb: e.Verb, Subresource: e.ObjectRef.Subresource, User: e.User.Username,
			})
		}
	}
}

// isPodWrite reports whether a Pod was written to: neither refused nor only tried.
func (e *auditEvent) isPodWrite() bool {
	took := e.Stage == "ResponseComplete" && e.ResponseStatus.Code >= 200 && e.ResponseStatus.Code < 300
	return took && e.ObjectRef.Resource == "pods" && !strings.Contains(e.RequestURI, "dryRun=")
}
