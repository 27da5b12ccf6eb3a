// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

const (
	namespace = "demo"
	setName   = "demo"
	appName   = "demo"
	replicas  = 2
	// patience is how long one step may take until it counts as failed.
	patience = 2 * time.Minute
)

// demo is the show.
type demo struct {
	cluster *framework.Cluster
	say     *narrator
}

// show runs all steps. It stops at the first that does not end as it should.
func (d *demo) show(ctx context.Context) error {
	if err := d.introduce(ctx); err != nil {
		return err
	}
	if err := d.install(ctx); err != nil {
		return err
	}
	if err := d.createSet(ctx); err != nil {
		return err
	}
	before, err := d.runWorkload(ctx)
	if err != nil {
		return err
	}
	if err := d.changeImage(ctx); err != nil {
		return err
	}
	if err := d.compare(ctx, before); err != nil {
		return err
	}
	return d.tree(ctx)
}

// tree has the plug-in show the same.
func (d *demo) tree(ctx context.Context) error {
	plugin, err := d.cluster.Plugin(ctx)
	if err != nil {
		return err
	}
	d.say.step("The plug-in of kubectl (make install-plugin) says so too:")
	d.say.command("kubectl windlass tree sidecarset/" + setName)
	answer, err := plugin.Run(ctx, "tree", "sidecarset/"+setName)
	if err != nil {
		return err
	}
	if answer.Code != 0 {
		return fmt.Errorf("kubectl windlass tree ended with %d: %s", answer.Code, answer.Err)
	}
	d.say.block(answer.Out)
	return nil
}

func (d *demo) introduce(ctx context.Context) error {
	version, err := d.cluster.Clientset.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the API server for its version: %w", err)
	}
	nodes, err := d.cluster.Nodes(ctx)
	if err != nil {
		return err
	}
	if len(nodes) < replicas {
		return fmt.Errorf("the demo needs %d nodes that take Pods; this cluster has %d: %s", replicas, len(nodes), strings.Join(nodes, ", "))
	}
	d.say.step("Kubernetes %s with nodes %s", version.GitVersion, strings.Join(nodes, ", "))
	return nil
}

func (d *demo) install(ctx context.Context) error {
	release, err := d.cluster.Release()
	if err != nil {
		return err
	}
	images := []string{d.cluster.Image(release), framework.AppImage, framework.SidecarImage, framework.SidecarImageV2}
	if err := d.cluster.CheckImages(ctx, images...); err != nil {
		return err
	}
	d.say.step("Installing the chart, without any values")
	d.say.command(fmt.Sprintf("helm install %s charts/windlass --namespace %s --create-namespace --wait", framework.ReleaseName, d.cluster.Options.Namespace))
	installed, err := release.Installed()
	if err != nil {
		return err
	}
	if installed {
		d.say.note("it is installed already")
		return nil
	}
	took, err := release.Install(ctx, nil)
	if err != nil {
		return err
	}
	d.say.note("the operator and the webhook are ready after %.1f s", took.Seconds())
	return nil
}

func (d *demo) createSet(ctx context.Context) error {
	d.say.step("Creating SidecarSet %s: Pods labelled %s=%s in namespace %s get a container %q, and nothing else is asked of them",
		setName, framework.AppLabel, appName, namespace, framework.SidecarContainer)
	if err := d.startAfresh(ctx); err != nil {
		return err
	}
	set := framework.SidecarSet(setName, namespace, appName)
	if err := d.cluster.Client.Create(ctx, set); err != nil {
		return fmt.Errorf("create SidecarSet %s: %w", setName, err)
	}
	if err := framework.Until(ctx, patience, "the webhook knows SidecarSet "+setName, func(ctx context.Context) error {
		return d.cluster.Injects(ctx, namespace, appName, setName)
	}); err != nil {
		return err
	}
	d.say.note("image %s", set.Spec.Containers[0].Image)
	return nil
}

// startAfresh removes what an earlier demo left in the cluster, and makes the namespace.
func (d *demo) startAfresh(ctx context.Context) error {
	if err := d.cluster.DeleteSidecarSet(ctx, setName); err != nil {
		return err
	}
	if err := d.cluster.DeleteNamespace(ctx, namespace); err != nil {
		return err
	}
	return framework.Until(ctx, patience, "namespace "+namespace+" is made anew", func(ctx context.Context) error {
		return d.cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	})
}

func (d *demo) runWorkload(ctx context.Context) ([]corev1.Pod, error) {
	d.say.step("Creating Deployment %s/%s of %d replicas; its template has one container, %q", namespace, appName, replicas, framework.AppContainer)
	if err := d.cluster.Client.Create(ctx, framework.Deployment(namespace, appName, replicas)); err != nil {
		return nil, fmt.Errorf("create Deployment %s/%s: %w", namespace, appName, err)
	}
	pods, err := d.awaitPods(ctx)
	if err != nil {
		return nil, err
	}
	d.say.note("all Pods are ready; this is what runs in them:")
	d.say.table(inventory(pods))
	return pods, checkInjected(pods)
}

func (d *demo) awaitPods(ctx context.Context) (pods []corev1.Pod, err error) {
	err = framework.Until(ctx, patience, fmt.Sprintf("%d Pods are ready", replicas), func(ctx context.Context) (err error) {
		pods, err = d.cluster.ReadyPods(ctx, namespace, map[string]string{framework.AppLabel: appName}, replicas)
		return err
	})
	return pods, err
}

func (d *demo) changeImage(ctx context.Context) error {
	d.say.step("Giving the sidecar a new image: %s", framework.SidecarImageV2)
	d.say.command(fmt.Sprintf(`kubectl patch sidecarset %s --type json -p '[{"op":"replace","path":"/spec/containers/0/image","value":%q}]'`,
		setName, framework.SidecarImageV2))
	if _, err := d.cluster.ChangeSidecarSet(ctx, setName, func(set *v1beta1.SidecarSet) {
		set.Spec.Containers[0].Image = framework.SidecarImageV2
	}); err != nil {
		return err
	}
	var last string
	return framework.Until(ctx, patience, "the new image is rolled out", func(ctx context.Context) error {
		if text, err := d.progress(ctx); err == nil && text != last {
			d.say.note("%s", text)
			last = text
		}
		return d.cluster.HasCondition(ctx, setName, v1beta1.ConditionReady, metav1.ConditionTrue, v1beta1.ReasonComplete)
	})
}

// progress is the SidecarSet's own word on its rollout, once the operator has seen the change.
func (d *demo) progress(ctx context.Context) (string, error) {
	set, err := d.cluster.GetSidecarSet(ctx, setName)
	if err != nil {
		return "", err
	}
	ready := meta.FindStatusCondition(set.Status.Conditions, v1beta1.ConditionReady)
	if ready == nil || set.Status.ObservedGeneration != set.Generation {
		return "", fmt.Errorf("the operator has not seen the change yet")
	}
	return fmt.Sprintf("%d of %d Pods updated, %d ready: %s", set.Status.UpdatedPods, set.Status.MatchedPods, set.Status.ReadyPods, ready.Message), nil
}

func (d *demo) compare(ctx context.Context, before []corev1.Pod) error {
	after, err := d.awaitPods(ctx)
	if err != nil {
		return err
	}
	d.say.step("The same Pods, before and after, from the live objects:")
	rows, wrong := compare(before, after)
	d.say.table(rows)
	if len(wrong) > 0 {
		return fmt.Errorf("the update was not one in place:\n  %s", strings.Join(wrong, "\n  "))
	}
	d.say.note("updated in place: no Pod was replaced, and no application was restarted")
	return nil
}

func (d *demo) lookAround(cluster string) {
	environment := "export KUBECONFIG=" + d.cluster.Options.Kubeconfig
	if cluster != "" {
		environment = fmt.Sprintf(`eval "$(bin/cluster env --name %s)"   # KUBECONFIG, and PATH with kubectl and helm`, cluster)
	}
	d.say.step("Look around:")
	d.say.block(strings.Join([]string{
		environment,
		"kubectl get sidecarsets",
		"kubectl describe sidecarset " + setName,
		"kubectl --namespace " + namespace + " get pods --output wide",
		"kubectl --namespace " + d.cluster.Options.Namespace + " logs deployment/" + framework.ReleaseName + "-operator",
	}, "\n"))
	if cluster != "" {
		d.say.step("Take everything down again: make demo-down")
	}
}
