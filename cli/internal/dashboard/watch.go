// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podcache"
)

// kind is a kind that is watched, as far as the user may.
type kind struct {
	object client.Object
	// group and plural are how rights name it.
	group, plural string
	namespaced    bool
	trim          toolscache.TransformFunc
	// rare: without it some answers say "not known", and nothing else is missing.
	rare bool

	// covers is the namespace that is watched, "" for all.
	covers string
	// watched: it may be listed and watched. Otherwise the API server is asked each time.
	watched bool
	// unwatched: it may be listed, and not watched.
	unwatched bool
	synced    func() bool
	// refused is the status with which the API server answered last who lists or watches it; 0 where that succeeded.
	refused int
}

func kinds() []*kind {
	ours := v1beta1.GroupVersion.Group
	return []*kind{
		{object: &v1beta1.SidecarSet{}, group: ours, plural: "sidecarsets"},
		{object: &v1beta1.StatefulSet{}, group: ours, plural: "statefulsets", namespaced: true},
		{object: &v1alpha1.SchedPatch{}, group: ours, plural: "schedpatches", namespaced: true},
		{object: &corev1.Pod{}, plural: "pods", namespaced: true, trim: podcache.TrimOwned},
		{object: &appsv1.ControllerRevision{}, group: "apps", plural: revisions, namespaced: true},
		{object: &corev1.Node{}, plural: "nodes", trim: podcache.TrimNode, rare: true},
		{object: &corev1.Namespace{}, plural: "namespaces", rare: true},
		{object: &admissionv1.MutatingWebhookConfiguration{}, group: admissionv1.GroupName, plural: "mutatingwebhookconfigurations", rare: true},
	}
}

// String is the kind as rights and messages name it.
func (k *kind) String() string {
	if k.group == "" {
		return k.plural
	}
	return k.plural + "." + k.group
}

// decide finds out what the user may: in all namespaces or, where that is not so, in one.
func (k *kind) decide(may func(verb, namespace string) bool, namespace string) {
	switch {
	case may("list", ""):
	case k.namespaced && namespace != "" && may("list", namespace):
		k.covers = namespace
	default:
		return // reading says why, in the API server's words
	}
	k.watched = may("watch", k.covers)
	k.unwatched = !k.watched
}

// revisions are kept in the operator's namespace, which is seldom the one that is watched where not all can be.
const revisions = "controllerrevisions"

// at is where objects of a namespace, or of all of them, are read: what may be listed in one alone, in that one.
func (k *kind) at(namespace string) string {
	if namespace == "" && k.plural != revisions {
		return k.covers
	}
	return namespace
}

// cached reports whether the cache has the objects of a namespace.
func (k *kind) cached(namespace string) bool {
	return k.watched && (k.covers == "" || k.covers == namespace)
}

// Watched is a cluster that is watched.
type Watched struct {
	*overlay
	mu      sync.Mutex
	changed chan struct{}
	trouble string
	// forbidden: what is felt for may not be listed, and never could.
	forbidden bool
}

var _ Source = &Watched{}

// Watch watches what the user may until the context is done. Where the user may not list a kind in all namespaces, it
// is watched in the one that is given. It returns when the objects of Windlass are known, or after a few seconds.
func Watch(ctx context.Context, config *rest.Config, live client.Client, namespace string) (*Watched, error) {
	klog.SetLogger(logr.Discard()) // what goes wrong is on the pages
	log.SetLogger(logr.Discard())
	felt := ping(ctx, live)
	if apierrors.IsUnauthorized(felt) {
		return nil, fmt.Errorf("the API server at %s does not accept your credentials (Unauthorized): %w", config.Host, felt)
	}
	if felt != nil && !answered(felt) {
		return nil, fmt.Errorf("the API server at %s does not answer: %w", config.Host, felt)
	}
	w := &Watched{changed: make(chan struct{}), forbidden: apierrors.IsForbidden(felt)}
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &ear{next, w.hear} })
	known := kinds()
	for _, k := range known {
		k.decide(func(verb, namespace string) bool { return allowed(ctx, live, k, verb, namespace) }, namespace)
	}
	var err error
	if w.overlay, err = newOverlay(config, live, known); err != nil {
		return nil, err
	}
	go func() { _ = w.cache.Start(ctx) }()
	if err := w.inform(ctx); err != nil {
		return nil, err
	}
	go w.feel(ctx)
	w.await(ctx)
	return w, nil
}

// allowed asks whether the user may. Where that cannot be asked, trying shows.
func allowed(ctx context.Context, live client.Client, k *kind, verb, namespace string) bool {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: k.group, Resource: k.plural, Namespace: namespace},
	}}
	return live.Create(ctx, review) != nil || review.Status.Allowed
}

// inform starts to watch.
func (w *Watched) inform(ctx context.Context) error {
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { w.changes() },
		UpdateFunc: func(any, any) { w.changes() },
		DeleteFunc: func(any) { w.changes() },
	}
	for _, k := range w.kinds {
		if !k.watched {
			continue
		}
		informer, err := w.cache.GetInformer(ctx, k.object, cache.BlockUntilSynced(false))
		if meta.IsNoMatchError(err) { // reading says what that means
			k.watched = false
			continue
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", k, err)
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch %s: %w", k, err)
		}
		k.synced = informer.HasSynced
		go func() { // also of what there is none of
			toolscache.WaitForCacheSync(ctx.Done(), k.synced)
			w.changes()
		}()
	}
	return nil
}

const (
	// firstLook is how long the first page waits for the objects of Windlass at most.
	firstLook = 5 * time.Second
	// feeling is how often it is felt whether the API server is there, and patience how long it may take to answer.
	feeling  = 3 * time.Second
	patience = 10 * time.Second
)

// await waits for the kinds that the first page is made of.
func (w *Watched) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	var first []toolscache.InformerSynced
	for _, k := range w.kinds {
		if k.watched && k.group == v1beta1.GroupVersion.Group {
			first = append(first, k.synced)
		}
	}
	toolscache.WaitForCacheSync(ctx.Done(), first...)
}

// changes tells all who wait that something has changed.
func (w *Watched) changes() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

// Changed returns a channel that is closed when anything has changed after the call.
func (w *Watched) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// feel finds out whether the API server answers: who watches one that does not is told nothing.
func (w *Watched) feel(ctx context.Context) {
	for ctx.Err() == nil {
		w.say(ping(ctx, w.live))
		select {
		case <-ctx.Done():
		case <-time.After(feeling):
		}
	}
}

func ping(ctx context.Context, live client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1beta1.GroupVersion.WithKind("SidecarSetList"))
	return live.List(ctx, list, client.Limit(1), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
}

func (w *Watched) say(err error) {
	trouble := ""
	switch {
	case err == nil, apierrors.IsNotFound(err), meta.IsNoMatchError(err), w.forbidden && apierrors.IsForbidden(err):
	case apierrors.IsUnauthorized(err):
		trouble = "the API server does not accept your credentials any more (Unauthorized), and what is shown is what was known " +
			"before; log in, and start the dashboard again: " + err.Error()
	case answered(err):
		trouble = "the API server refuses to tell how things are, and what is shown is what was known before: " + err.Error()
	default:
		trouble = "the API server does not answer, and what is shown is what was known before: " + err.Error()
	}
	w.mu.Lock()
	news := trouble != w.trouble
	w.trouble = trouble
	w.mu.Unlock()
	if news {
		w.changes()
	}
}

// ear hears how the API server answers whoever lists and watches.
type ear struct {
	next http.RoundTripper
	hear func(plural string, status int)
}

// RoundTrip passes a request on.
func (e *ear) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := e.next.RoundTrip(request)
	if err == nil {
		e.hear(path.Base(request.URL.Path), answer.StatusCode)
	}
	return answer, err
}

// hear notes whether a kind is listed and watched. That the version to go on from is too old is no refusal: all are
// listed then.
func (w *Watched) hear(plural string, status int) {
	at := slices.IndexFunc(w.kinds, func(k *kind) bool { return k.plural == plural })
	if at < 0 || status == http.StatusGone {
		return
	}
	if status < http.StatusBadRequest {
		status = 0
	}
	w.mu.Lock()
	news := w.kinds[at].refused != status
	w.kinds[at].refused = status
	w.mu.Unlock()
	if news {
		w.changes()
	}
}

// refusals say which kinds are not watched any more.
func (w *Watched) refusals() []string {
	by := map[int][]string{}
	for _, k := range w.kinds {
		if k.refused != 0 {
			by[k.refused] = append(by[k.refused], k.String())
		}
	}
	var out []string
	for _, status := range slices.Sorted(maps.Keys(by)) {
		out = append(out, fmt.Sprintf("what is shown of %s is at best what was known before: asked for them, the API server answers %d %s",
			strings.Join(by[status], ", "), status, http.StatusText(status)))
	}
	return out
}

// Notices say what the user may not, what is not read yet, and that the API server does not answer.
func (w *Watched) Notices() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble != "" {
		return []string{w.trouble}
	}
	var inOne, unwatched, reading []string
	out := w.refusals()
	where := ""
	for _, k := range w.kinds {
		if k.covers != "" {
			inOne, where = append(inOne, k.String()), k.covers
		}
		if k.unwatched && !k.rare {
			unwatched = append(unwatched, k.String())
		}
		if k.watched && !k.synced() {
			reading = append(reading, k.String())
		}
	}
	say := func(format string, kinds []string, more ...any) {
		if len(kinds) > 0 {
			out = append(out, fmt.Sprintf(format, append([]any{strings.Join(kinds, ", ")}, more...)...))
		}
	}
	say("in namespace %[2]s alone you may list %[1]s, and those of others are not shown", inOne, where)
	say("you may list, and not watch, %s: what is shown of them is up to %s old", unwatched, aging)
	say("being read: %s", reading)
	return out
}

// cacheOf is the cache of what is watched.
func cacheOf(config *rest.Config, live client.Client, kinds []*kind) (cache.Cache, error) {
	options := cache.Options{
		Scheme: live.Scheme(), Mapper: live.RESTMapper(), ReaderFailOnMissingInformer: true,
		// Nobody writes to what was read: package view is pure.
		DefaultUnsafeDisableDeepCopy: ptr.To(true),
		DefaultWatchErrorHandler:     func(context.Context, *toolscache.Reflector, error) {},
		ByObject:                     map[client.Object]cache.ByObject{},
	}
	for _, k := range kinds {
		by := cache.ByObject{Transform: k.trim}
		if k.covers != "" {
			by.Namespaces = map[string]cache.Config{k.covers: {}}
		}
		options.ByObject[k.object] = by
	}
	return cache.New(config, options)
}
