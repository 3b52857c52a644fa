// Package kubernetes deploys services blue/green on Kubernetes. A service named api lives
// in one namespace as
//
//	PodTemplate careflow-api           what an instance is, without its release
//	Deployment  careflow-api-<colour>  the instances of a colour; made here, from the template
//	Service     careflow-api           the switch: its selector names the live colour
//	Service     careflow-api-<colour>  where a colour is reached past the switch
//	PodTemplate careflow-api-migrate   how a release changes its database
//
// Everything but the Deployments comes from the manifests in deploy/kubernetes. So a
// changed template reaches nothing that runs: it comes with the next release, into the
// idle colour, and a rollback goes back to the template of before, too.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/careflow/careflow/internal/domain"
)

// Labels and annotations of what belongs to a service.
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
	LabelColour    = "careflow.dev/colour"

	AnnotationDigest   = "careflow.dev/digest"
	AnnotationVersion  = "careflow.dev/version"
	AnnotationArtifact = "careflow.dev/artifact"
	// annotationSwitchedFrom is the revision that the last switch was decided on: the same
	// switch once more is recognised by it.
	annotationSwitchedFrom = "careflow.dev/switched-from"
)

// application is the name of all there is of ours in a namespace, and how names begin.
const application = "careflow"

// fieldManager owns what is written here, beside what manifests and people own.
const fieldManager = "careflow-deploy"

// Config says which cluster and namespace a target is: the section kubernetes of a service
// in the file of services.
type Config struct {
	// Kubeconfig is the path of a file with credentials. Defaults to those that a pod has
	// by its service account.
	Kubeconfig string `yaml:"kubeconfig"`
	// Context is one of the file's contexts. Defaults to its current one.
	Context string `yaml:"context"`
	// Namespace holds the service.
	Namespace string `yaml:"namespace"`
	// UnschedulableFor is how long instances may lack a node before that is a failure: a
	// cluster that grows on demand needs minutes. Defaults to 2 minutes.
	UnschedulableFor time.Duration `yaml:"unschedulable_for"`
	// Every is the pause between two looks at a colour that comes up. Defaults to 500 ms.
	Every time.Duration `yaml:"-"`
}

// Validate reports what the section lacks.
func (c Config) Validate() error {
	if c.Namespace == "" {
		return errors.New("kubernetes: namespace says where the service lives")
	}
	return nil
}

// Target is a namespace that services are deployed to. It is an implementation of
// deployment.Colours.
type Target struct {
	api
	unschedulableFor time.Duration
	every            time.Duration
}

// Open reads the credentials; it does not call the cluster. CodeDeployAccess where there
// are none.
func Open(cfg Config) (*Target, error) {
	access, err := credentials(cfg)
	if err != nil {
		return nil, err
	}
	// A deployment makes a few calls a second; the client's own limit would only add to how
	// long a switch takes.
	access.QPS, access.Burst, access.Timeout = 50, 100, 15*time.Second
	access.UserAgent = fieldManager
	a, err := connect(access, cfg.Namespace)
	if err != nil {
		return nil, domain.Errorf(domain.CodeDeployAccess, "the credentials for Kubernetes cannot be used: %v", err)
	}
	return &Target{
		api: a, unschedulableFor: cmp.Or(cfg.UnschedulableFor, defaultUnschedulableFor), every: cmp.Or(cfg.Every, defaultEvery),
	}, nil
}

const (
	defaultUnschedulableFor = 2 * time.Minute
	defaultEvery            = 500 * time.Millisecond
)

func credentials(cfg Config) (*rest.Config, error) {
	if cfg.Kubeconfig == "" {
		access, err := rest.InClusterConfig()
		if err != nil {
			return nil, domain.Errorf(domain.CodeDeployAccess, "there are no credentials for Kubernetes: name a kubeconfig file, or run this in a pod with a service account").Because(err)
		}
		return access, nil
	}
	access, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: cfg.Kubeconfig}, &clientcmd.ConfigOverrides{CurrentContext: cfg.Context},
	).ClientConfig()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, domain.Errorf(domain.CodeDeployAccess, "there are no credentials for Kubernetes: the file %s does not exist", cfg.Kubeconfig)
	case err != nil:
		return nil, domain.Errorf(domain.CodeDeployAccess, "the credentials for Kubernetes in %s cannot be used: %s", cfg.Kubeconfig, oneLine(err)).Because(err)
	}
	return access, nil
}

// named is what a service's objects are named; of a colour with its name behind it.
func named(service string) string { return application + "-" + service }

func ofColour(service string, colour domain.Colour) string {
	return named(service) + "-" + string(colour)
}

func selector(service string, colour domain.Colour) map[string]string {
	return map[string]string{labelName: application, labelComponent: service, LabelColour: string(colour)}
}

// switchOf reads the switch and which colour it gives requests to.
func (t *Target) switchOf(ctx context.Context, service string) (*corev1.Service, domain.Colour, error) {
	s, err := get[corev1.Service](ctx, t.api, t.core, "services", named(service))
	if err != nil {
		return nil, "", t.missing(err, "Service", named(service))
	}
	live := domain.Colour(s.Spec.Selector[LabelColour])
	if live != domain.Blue && live != domain.Green {
		return nil, "", domain.Errorf(domain.CodeInvalid, "the Service %s selects no colour: its selector must have %s: blue or green", s.Name, LabelColour)
	}
	return s, live, nil
}

// Inspect says what is there.
func (t *Target) Inspect(ctx context.Context, s domain.DeploymentService) (domain.ColoursState, error) {
	service, live, err := t.switchOf(ctx, s.Service)
	if err != nil {
		return domain.ColoursState{}, err
	}
	state := domain.ColoursState{Live: live, Revision: service.ResourceVersion, Colours: map[domain.Colour]domain.ColourState{}}
	for _, colour := range []domain.Colour{domain.Blue, domain.Green} {
		if state.Colours[colour], err = t.inspect(ctx, s.Service, colour); err != nil {
			return domain.ColoursState{}, err
		}
	}
	return state, nil
}

func (t *Target) inspect(ctx context.Context, service string, colour domain.Colour) (domain.ColourState, error) {
	name := ofColour(service, colour)
	preview, err := get[corev1.Service](ctx, t.api, t.core, "services", name)
	if err != nil {
		return domain.ColourState{}, t.missing(err, "Service", name)
	}
	d, err := get[appsv1.Deployment](ctx, t.api, t.apps, "deployments", name)
	if apierrors.IsNotFound(err) {
		return domain.ColourState{Preview: address(preview)}, nil
	}
	if err != nil {
		return domain.ColourState{}, t.fault(err)
	}
	state := domain.ColourState{
		// What runs counts, not what was noted: somebody may have set another image by hand.
		Digest: digestOf(d), Version: d.Annotations[AnnotationVersion], Artifact: d.Annotations[AnnotationArtifact],
		Wanted: wanted(d), Preview: address(preview),
	}
	pods, err := t.podsOf(ctx, service, colour)
	if err != nil {
		return domain.ColourState{}, err
	}
	for _, p := range pods {
		if isReady(&p) && p.DeletionTimestamp == nil {
			state.Ready++
			state.Instances = append(state.Instances, fmt.Sprintf("http://%s:%d", p.Status.PodIP, portOf(&p)))
		}
	}
	return state, nil
}

func (t *Target) podsOf(ctx context.Context, service string, colour domain.Colour) ([]corev1.Pod, error) {
	return t.podsWith(ctx, selector(service, colour))
}

func (t *Target) podsWith(ctx context.Context, chosen labels.Set) ([]corev1.Pod, error) {
	pods, err := list[corev1.PodList](ctx, t.api, t.core, "pods", chosen.String())
	if err != nil {
		return nil, t.fault(err)
	}
	return pods.Items, nil
}

func digestOf(d *appsv1.Deployment) string {
	if len(d.Spec.Template.Spec.Containers) == 0 {
		return ""
	}
	_, digest, _ := strings.Cut(d.Spec.Template.Spec.Containers[0].Image, "@")
	return digest
}

func wanted(d *appsv1.Deployment) int {
	if d.Spec.Replicas == nil {
		return 1
	}
	return int(*d.Spec.Replicas)
}

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// address is where a Service is reached inside the cluster, without a name server.
func address(s *corev1.Service) string {
	if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Ports) == 0 {
		return ""
	}
	return fmt.Sprintf("http://%s:%d", s.Spec.ClusterIP, s.Spec.Ports[0].Port)
}

func portOf(p *corev1.Pod) int32 {
	if len(p.Spec.Containers) == 0 || len(p.Spec.Containers[0].Ports) == 0 {
		return 80
	}
	return p.Spec.Containers[0].Ports[0].ContainerPort
}
