// SPDX-License-Identifier: Apache-2.0

package box

import "path/filepath"

// AuditPolicy has the API server write down who changed a Pod: accounts of Pods alone, without what was written, and
// none of Kubernetes' own. Tests count a program's writes by it.
const AuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: ""
    resources: [pods, pods/*]
- level: None
`

// AuditLog is where that is written, in lines of JSON.
func AuditLog(stateDir string) string { return filepath.Join(LogDir(stateDir), "audit.log") }

// AuditPolicyFile is where the API server reads the policy.
func AuditPolicyFile(stateDir string) string { return filepath.Join(stateDir, "audit-policy.yaml") }

// auditArgs have the API server write the audit log, which takes no more than twice its size on the disk.
func (c Config) auditArgs() []string {
	return []string{
		"--audit-policy-file=" + AuditPolicyFile(c.StateDir),
		"--audit-log-path=" + AuditLog(c.StateDir),
		"--audit-log-mode=blocking", // what a test has had an answer to is in the file
		"--audit-log-maxsize=32",
		"--audit-log-maxbackup=1",
	}
}
