// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/windlass-operator/windlass/cli/internal/view"
)

// answer is what became of an object in a Pod.
type answer struct {
	*view.Answer
	Path, About string
}

// whyPage is a Pod, for people.
type whyPage struct {
	Title, Namespace string
	Why              *view.Why
	Command          string
	// Meant are the answers of what is meant for the Pod, Others those of what is not.
	Meant, Others []answer
}

// podPage says why a Pod has its sidecars and scheduling rules, or has not.
func (s *server) podPage(ctx context.Context, r *http.Request) (*page, error) {
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	cluster := s.within(namespace)
	subject, err := cluster.Subject(ctx, "pod", name)
	if apierrors.IsNotFound(err) {
		return nil, missing{err}
	}
	if err != nil {
		return nil, err
	}
	around, unread := cluster.Surroundings(ctx, subject)
	why := view.Explain(subject, around, s.Now())
	shown := whyPage{Title: "pod/" + name, Namespace: namespace, Why: why, Command: s.command("why pod/"+name, namespace)}
	out := &page{title: shown.Title, words: map[string]string{}}
	for i := range why.Answers {
		a := answer{Answer: &why.Answers[i], About: why.About(&why.Answers[i])}
		a.Path = s.path(string(a.Kind), namespaceOf(a.Kind, namespace), a.Name)
		if !a.Meant {
			shown.Others = append(shown.Others, a)
			continue
		}
		shown.Meant = append(shown.Meant, a)
		out.words[domID(string(a.Kind), a.Name)] = string(a.Kind) + "/" + a.Name + ": " + a.Reason
	}
	out.main = branch("main", render("pod-page", shown), s.notices(texts(unread)...), leaf("answers", render("answers", shown)))
	return out, nil
}

// namespaceOf is the namespace of an object beside a Pod.
func namespaceOf(kind view.Kind, pods string) string {
	if kind.Namespaced() {
		return pods
	}
	return ""
}
