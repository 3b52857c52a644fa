package kubernetes

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// api reaches the few kinds that are used here. client-go's own set of clients knows every
// kind there is, and would make the product a quarter larger.
type api struct {
	namespace                        string
	core, apps, batch, authorization rest.Interface
}

// kinds are those that api reaches.
var kinds = func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, authorizationv1.AddToScheme} {
		if err := add(s); err != nil {
			panic("kubernetes: kinds that contradict each other: " + err.Error())
		}
	}
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	return s
}()

func connect(access *rest.Config, namespace string) (api, error) {
	client, err := rest.HTTPClientFor(access)
	if err != nil {
		return api{}, err
	}
	var failures []error
	of := func(group schema.GroupVersion) rest.Interface {
		own := rest.CopyConfig(access)
		own.GroupVersion, own.APIPath = &group, "/apis"
		if group.Group == "" {
			own.APIPath = "/api"
		}
		own.NegotiatedSerializer = serializer.NewCodecFactory(kinds).WithoutConversion()
		c, err := rest.RESTClientForConfigAndClient(own, client)
		failures = append(failures, err)
		return c
	}
	a := api{
		namespace: namespace, core: of(corev1.SchemeGroupVersion), apps: of(appsv1.SchemeGroupVersion),
		batch: of(batchv1.SchemeGroupVersion), authorization: of(authorizationv1.SchemeGroupVersion),
	}
	return a, errors.Join(failures...)
}

// object is a pointer to a kind.
type object[T any] interface {
	*T
	runtime.Object
}

// get reads one object of the namespace.
func get[T any, P object[T]](ctx context.Context, a api, group rest.Interface, resource, name string) (P, error) {
	into := P(new(T))
	return into, group.Get().Namespace(a.namespace).Resource(resource).Name(name).Do(ctx).Into(into)
}

// list reads the objects of the namespace that a selector of labels chooses.
func list[T any, P object[T]](ctx context.Context, a api, group rest.Interface, resource, labels string) (P, error) {
	into := P(new(T))
	return into, group.Get().Namespace(a.namespace).Resource(resource).
		VersionedParams(&metav1.ListOptions{LabelSelector: labels}, parameters).Do(ctx).Into(into)
}

// patch changes one object of the namespace.
func patch[T any, P object[T]](ctx context.Context, a api, group rest.Interface, resource, name string, kind types.PatchType, body []byte, o metav1.PatchOptions) (P, error) {
	into := P(new(T))
	return into, group.Patch(kind).Namespace(a.namespace).Resource(resource).Name(name).VersionedParams(&o, parameters).Body(body).Do(ctx).Into(into)
}

var parameters = runtime.NewParameterCodec(kinds)
