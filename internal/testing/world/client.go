// SPDX-License-Identifier: Apache-2.0

package world

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Request is one write that reached the API server.
type Request struct {
	// Verb is create, update, patch, delete or evict, with the subresource where there is one: patch/status. A dry run
	// is to try it: try patch.
	Verb, Kind, Namespace, Name string
}

// String leaves out namespace default.
func (r Request) String() string {
	if r.Namespace == "" || r.Namespace == "default" {
		return r.Verb + " " + r.Kind + " " + r.Name
	}
	return r.Verb + " " + r.Kind + " " + r.Namespace + "/" + r.Name
}

// Key is that of the object.
func (r Request) Key() Key { return Key{Namespace: r.Namespace, Name: r.Name} }

// Client writes to a store as through the API server: patches are really applied, and refused for the reasons that the
// API server has. What it reads comes from its Reader.
type Client struct {
	client.Client // nil: nobody asks for the rest
	client.Reader
	Store *Store
	// Requests are all writes so far, refused ones included.
	Requests []Request
	// Fault is asked before each write: with an error the write is not made.
	Fault func(Request) error
	// Admit is the mutating admission of new objects.
	Admit func(object client.Object, dryRun bool) error
	// Policy judges what a write would make of an object, dry run or not, but not of its status; before is nil for a
	// new one, after for one that is deleted.
	Policy func(before, after client.Object) error
	// Wrote is told of each write that was made, with the object before and after it; either may be nil.
	Wrote func(r Request, before, after client.Object)
	// Answer is asked after each write that was made: an error is all that the writer gets to know. Without one it may
	// rely on it that its next read has seen the write.
	Answer func(Request) error
	// Unconditional kinds may be deleted without saying which one is meant.
	Unconditional map[string]bool
	// Exact kinds may be deleted only as they were seen: by UID and resourceVersion.
	Exact map[string]bool
}

var _ client.Client = &Client{}

// Get reads one object.
func (c *Client) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	return c.Reader.Get(ctx, key, into, options...)
}

// List reads objects.
func (c *Client) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return c.Reader.List(ctx, list, options...)
}

// request describes a write; a dry run is only tried.
func (c *Client) request(verb, subresource string, object client.Object, dryRun []string) Request {
	c.Store.T.Helper()
	if len(dryRun) > 0 {
		verb = "try " + verb
	}
	if subresource != "" {
		verb += "/" + subresource
	}
	return Request{verb, gvkOf(c.Store.T, object).Kind, object.GetNamespace(), object.GetName()}
}

func (c *Client) begin(r Request) error {
	c.Requests = append(c.Requests, r)
	if c.Fault == nil {
		return nil
	}
	return c.Fault(r)
}

func (c *Client) done(r Request, before client.Object) error {
	if c.Wrote != nil {
		c.Wrote(r, before, c.Store.objects[r.Kind][r.Key()])
	}
	if c.Answer == nil {
		return nil
	}
	return c.Answer(r)
}

func (c *Client) judge(before, after client.Object) error {
	if c.Policy == nil {
		return nil
	}
	return c.Policy(before, after)
}

// ResourceOf stands for the resource of a kind in errors.
func ResourceOf(kind string) schema.GroupResource { return schema.GroupResource{Resource: kind} }

func conflict(r Request, why string) error {
	return apierrors.NewConflict(ResourceOf(r.Kind), r.Name, errors.New(why))
}

// Refused is what no retry helps against.
func Refused(kind, name, why string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid, Message: kind + " " + name + ": " + why,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Message: why}}},
	}}
}

// Denied is what the API server makes of a webhook's No.
func Denied(why string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
		Message: `admission webhook "policy.example" denied the request: ` + why,
	}}
}

// TooBig is what the API server says of a resize that gives a Pod more than its node has.
func TooBig(pod string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
		Message: fmt.Sprintf("pods %q is forbidden: node didn't have enough allocatable resources: cpu, requested: 2100, allocatable: 2000", pod),
		Details: &metav1.StatusDetails{Name: pod, Kind: "pods", Causes: []metav1.StatusCause{{Type: "NodeCapacity"}}},
	}}
}

// Create stores a copy of the object and tells the caller what was made of it.
func (c *Client) Create(_ context.Context, object client.Object, options ...client.CreateOption) error {
	s, dryRun := c.Store, (&client.CreateOptions{}).ApplyOptions(options).DryRun
	r := c.request("create", "", object, dryRun)
	if err := c.begin(r); err != nil {
		return err
	}
	stored := decodeLike(s.T, Encode(s.T, object), object)
	if c.Admit != nil {
		if err := c.Admit(stored, len(dryRun) > 0); err != nil {
			return err
		}
	}
	if err := c.judge(nil, stored); err != nil {
		return err
	}
	if s.objects[r.Kind][r.Key()] != nil {
		return apierrors.NewAlreadyExists(ResourceOf(r.Kind), r.Name)
	}
	if len(dryRun) > 0 {
		return nil
	}
	begin(stored)
	s.Add(stored)
	copyTo(s.T, stored, object)
	return c.done(r, nil)
}

// Delete deletes; preconditions are heeded. Pods are never deleted by force: their node may still run them.
func (c *Client) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	o := (&client.DeleteOptions{}).ApplyOptions(options)
	return c.delete(c.request("delete", "", object, o.DryRun), o.AsDeleteOptions())
}

func (c *Client) delete(r Request, o *metav1.DeleteOptions) error {
	s := c.Store
	if err := c.begin(r); err != nil {
		return err
	}
	if o.GracePeriodSeconds != nil {
		s.T.Errorf("%s sets a grace period of %d s", r, *o.GracePeriodSeconds)
	}
	before := s.objects[r.Kind][r.Key()]
	if before == nil {
		return apierrors.NewNotFound(ResourceOf(r.Kind), r.Name)
	}
	if err := c.heed(r, o, before); err != nil {
		return err
	}
	if err := c.judge(before, nil); err != nil {
		return err
	}
	if pod, ok := before.(*corev1.Pod); ok && strings.HasSuffix(r.Verb, "evict") {
		if err := s.disrupt(pod, len(o.DryRun) > 0); err != nil {
			return err
		}
	}
	if len(o.DryRun) > 0 {
		return nil
	}
	s.Delete(r.Kind, r.Key())
	return c.done(r, before)
}

// heed compares an object with the preconditions of its deletion.
func (c *Client) heed(r Request, o *metav1.DeleteOptions, before client.Object) error {
	s := c.Store
	switch is := o.Preconditions; {
	case is == nil || is.UID == nil:
		if !c.Unconditional[r.Kind] {
			s.T.Errorf("%s does not say which one it means", r)
		}
	case *is.UID != before.GetUID():
		return conflict(r, "another UID")
	case is.ResourceVersion != nil && *is.ResourceVersion != before.GetResourceVersion():
		return conflict(r, "it has changed")
	}
	if c.Exact[r.Kind] && (o.Preconditions == nil || o.Preconditions.ResourceVersion == nil) {
		s.T.Errorf("%s does not say in what version it means it", r)
	}
	return nil
}

// Update replaces an object, if its resourceVersion is the one that is stored.
func (c *Client) Update(_ context.Context, object client.Object, options ...client.UpdateOption) error {
	r := c.request("update", "", object, (&client.UpdateOptions{}).ApplyOptions(options).DryRun)
	if err := c.begin(r); err != nil {
		return err
	}
	before := c.Store.objects[r.Kind][r.Key()]
	if before == nil {
		return apierrors.NewNotFound(ResourceOf(r.Kind), r.Name)
	}
	after := decodeLike(c.Store.T, Encode(c.Store.T, object), before)
	after.SetUID(before.GetUID())
	after.SetCreationTimestamp(before.GetCreationTimestamp())
	return c.replace(r, before, after, false)
}

// Patch patches an object.
func (c *Client) Patch(_ context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.patch(object, "", patch, (&client.PatchOptions{}).ApplyOptions(options).DryRun)
}

func (c *Client) patch(object client.Object, subresource string, patch client.Patch, dryRun []string) error {
	s, r := c.Store, c.request("patch", subresource, object, dryRun)
	data, err := patch.Data(object)
	if err != nil {
		return err
	}
	if err := c.begin(r); err != nil {
		return err
	}
	before := s.objects[r.Kind][r.Key()]
	if before == nil {
		return apierrors.NewNotFound(ResourceOf(r.Kind), r.Name)
	}
	after, err := patched(s.T, before, patch.Type(), data)
	if err != nil {
		return err
	}
	if err := keepTheRest(subresource, before, after); err != nil {
		return err
	}
	return c.replace(r, before, after, len(dryRun) > 0)
}

// replace stores what a write makes of an object, if it is still the one that the writer means.
func (c *Client) replace(r Request, before, after client.Object, dryRun bool) error {
	if after.GetUID() != before.GetUID() || after.GetResourceVersion() != before.GetResourceVersion() {
		return conflict(r, "it has changed")
	}
	if !strings.HasSuffix(r.Verb, "/status") {
		if err := c.judge(before, after); err != nil {
			return err
		}
	}
	if dryRun {
		return nil
	}
	c.Store.Replace(before, after)
	return c.done(r, before)
}

// Status patches the status of objects.
func (c *Client) Status() client.SubResourceWriter { return subresource{client: c, name: "status"} }

// SubResource writes to a subresource of objects.
func (c *Client) SubResource(name string) client.SubResourceClient {
	return subresource{client: c, name: name}
}

// subresource is one that nobody does anything to but patch it, or evict Pods by it.
type subresource struct {
	client.SubResourceClient
	client *Client
	name   string
}

// Create evicts a Pod.
func (f subresource) Create(_ context.Context, object, body client.Object, _ ...client.SubResourceCreateOption) error {
	eviction, ok := body.(*policyv1.Eviction)
	if !ok || f.name != "eviction" {
		f.client.Store.T.Fatalf("nobody creates %s of %T", f.name, object)
	}
	options := eviction.DeleteOptions
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	return f.client.delete(f.client.request("evict", "", object, options.DryRun), options)
}

// Patch patches the subresource.
func (f subresource) Patch(_ context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return f.client.patch(object, f.name, patch, (&client.SubResourcePatchOptions{}).ApplyOptions(options).DryRun)
}

// keepField leaves a field of an object as it was.
func keepField(name string, before, after client.Object) {
	if was := field(before, name); was.IsValid() {
		field(after, name).Set(reflect.ValueOf(before.DeepCopyObject()).Elem().FieldByName(name))
	}
}
