package kubenode

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// environment resolves what a container's process finds in its environment, in the order
// of Kubernetes: what envFrom brings, then env, where a later value may name earlier ones
// as $(NAME).
func (c *container) environment(ctx context.Context) ([]string, error) {
	known := map[string]string{"PATH": "/usr/bin:/bin", "HOSTNAME": c.pod.spec.Name}
	for _, from := range c.spec.EnvFrom {
		values, err := c.everything(ctx, from)
		if err != nil {
			return nil, err
		}
		for name, value := range values {
			known[from.Prefix+name] = value
		}
	}
	for _, variable := range c.spec.Env {
		value := expand(variable.Value, known)
		if variable.ValueFrom != nil {
			var err error
			if value, err = c.one(ctx, *variable.ValueFrom); err != nil {
				return nil, err
			}
		}
		known[variable.Name] = value
	}
	var list []string
	for name, value := range known {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list, nil
}

var reference = regexp.MustCompile(`\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)`)

// expand puts known variables in the place of $(NAME), leaves unknown ones as they are,
// and makes $ of $$.
func expand(text string, known map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		if match == "$$" {
			return "$"
		}
		if value, ok := known[match[2:len(match)-1]]; ok {
			return value
		}
		return match
	})
}

func (c *container) everything(ctx context.Context, from corev1.EnvFromSource) (map[string]string, error) {
	switch {
	case from.ConfigMapRef != nil:
		values, err := c.configMap(ctx, from.ConfigMapRef.Name)
		return ifWanted(values, err, from.ConfigMapRef.Optional)
	case from.SecretRef != nil:
		values, err := c.secret(ctx, from.SecretRef.Name)
		return ifWanted(values, err, from.SecretRef.Optional)
	}
	return nil, nil
}

func (c *container) one(ctx context.Context, from corev1.EnvVarSource) (string, error) {
	var values map[string]string
	var err error
	var key, source string
	var optional *bool
	switch {
	case from.FieldRef != nil:
		return c.field(from.FieldRef.FieldPath)
	case from.ConfigMapKeyRef != nil:
		key, source, optional = from.ConfigMapKeyRef.Key, "configmap "+from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional
		values, err = c.configMap(ctx, from.ConfigMapKeyRef.Name)
	case from.SecretKeyRef != nil:
		key, source, optional = from.SecretKeyRef.Key, "secret "+from.SecretKeyRef.Name, from.SecretKeyRef.Optional
		values, err = c.secret(ctx, from.SecretKeyRef.Name)
	default:
		return "", fmt.Errorf("this node knows variables from fields, config maps and secrets only")
	}
	if values, err = ifWanted(values, err, optional); err != nil {
		return "", err
	}
	value, found := values[key]
	if !found && (optional == nil || !*optional) {
		return "", fmt.Errorf("couldn't find key %s in %s", key, source)
	}
	return value, nil
}

func ifWanted(values map[string]string, err error, optional *bool) (map[string]string, error) {
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil, nil
	}
	return values, err
}

func (c *container) configMap(ctx context.Context, name string) (map[string]string, error) {
	m, err := c.pod.node.Client.CoreV1().ConfigMaps(c.pod.spec.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func (c *container) secret(ctx context.Context, name string) (map[string]string, error) {
	s, err := c.pod.node.Client.CoreV1().Secrets(c.pod.spec.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, value := range s.Data {
		values[key] = string(value)
	}
	return values, nil
}

// field is a field of the pod, as the downward API names it.
func (c *container) field(path string) (string, error) {
	spec := c.pod.spec
	switch path {
	case "metadata.name":
		return spec.Name, nil
	case "metadata.namespace":
		return spec.Namespace, nil
	case "metadata.uid":
		return string(spec.UID), nil
	case "spec.nodeName":
		return spec.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return spec.Spec.ServiceAccountName, nil
	case "status.podIP", "status.hostIP":
		return c.pod.address.String(), nil
	}
	for prefix, values := range map[string]map[string]string{"metadata.labels['": spec.Labels, "metadata.annotations['": spec.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix); ok {
			return values[strings.TrimSuffix(key, "']")], nil
		}
	}
	return "", fmt.Errorf("this node does not know the field %q", path)
}

// containerID is made up: there is no runtime that would give one.
func (c *container) containerID() string {
	return "process://" + base64.RawURLEncoding.EncodeToString([]byte(string(c.pod.spec.UID)+c.spec.Name))
}
