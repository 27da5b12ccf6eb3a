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

// PodWrite is one write to a Pod that the API server was asked for, as its audit log has it.
type PodWrite struct {
	At              time.Time
	Namespace, Name string
	// Verb is that of the API: create, update, patch, delete.
	Verb string
	// Subresource such as status or eviction; "" for the Pod itself.
	Subresource string
	// User is who wrote, such as system:serviceaccount:NAMESPACE:NAME.
	User string
	// Code is that of the answer. Tried is whether the write was only to be tried (dry run).
	Code  int
	Tried bool
}

// Taken reports whether the Pod was written to: the write was neither refused nor only tried.
func (w *PodWrite) Taken() bool { return w.Code >= 200 && w.Code < 300 && !w.Tried }

// What is what was written to, in a word: "patch", "patch status".
func (w *PodWrite) What() string { return strings.TrimSpace(w.Verb + " " + w.Subresource) }

// CanAudit reports whether the API server's audit log can be read here.
func (c *Cluster) CanAudit() bool { return c.Options.AuditLog != "" }

// AuditMark is a place in the audit log. It survives that the log is begun anew once.
type AuditMark struct {
	path string
	file *os.File
}

// AuditMark marks the present end of the audit log.
func (c *Cluster) AuditMark() (*AuditMark, error) {
	if !c.CanAudit() {
		return nil, errors.New("-audit-log is not set: it must name the audit log of the cluster's API server")
	}
	return markAudit(c.Options.AuditLog)
}

func markAudit(path string) (*AuditMark, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mark a place in the audit log: %w", err)
	}
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		file.Close()
		return nil, fmt.Errorf("mark a place in the audit log: %w", err)
	}
	return &AuditMark{path: path, file: file}, nil
}

// PodWrites are the writes to Pods of a namespace since the mark, by users whose names begin so, those included that the
// API server refused or that were only tried. The mark is of no use after that.
func (m *AuditMark) PodWrites(namespace, userPrefix string) ([]PodWrite, error) {
	defer m.file.Close()
	writes, err := podWrites(m.file, namespace, userPrefix)
	if err != nil {
		return nil, err
	}
	now, err := os.Open(m.path)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer now.Close()
	if isSameFile(m.file, now) {
		return writes, nil
	}
	more, err := podWrites(now, namespace, userPrefix)
	return append(writes, more...), err
}

func isSameFile(a, b *os.File) bool {
	first, err := a.Stat()
	second, also := b.Stat()
	return err == nil && also == nil && os.SameFile(first, second)
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
		if e.answersPodWrite() && e.ObjectRef.Namespace == namespace && strings.HasPrefix(e.User.Username, userPrefix) {
			out = append(out, PodWrite{
				At: e.StageTimestamp, Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name,
				Verb: e.Verb, Subresource: e.ObjectRef.Subresource, User: e.User.Username,
				Code: e.ResponseStatus.Code, Tried: strings.Contains(e.RequestURI, "dryRun="),
			})
		}
	}
}

// answersPodWrite reports whether it is the answer to a write to a Pod: the log has no reads.
func (e *auditEvent) answersPodWrite() bool {
	return e.Stage == "ResponseComplete" && e.ObjectRef.Resource == "pods"
}
