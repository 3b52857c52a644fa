package temporalx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Retention is how long Temporal keeps the history of an ended process. What happened
// to an appointment is kept in PostgreSQL; the history is for finding faults.
const Retention = 72 * time.Hour

// Setup registers the namespace and its search attributes and waits until both can be
// used, which takes Temporal some seconds after it said yes. It may run any number of
// times, also at the same time. A retention that someone changed later stays.
func Setup(ctx context.Context, c client.Client, namespace string, attributes []temporal.SearchAttributeKey, logger *slog.Logger) error {
	s := setup{client: c, namespace: namespace, attributes: attributes, logger: logger}
	if err := poll(ctx, "Temporal to answer", s.healthy); err != nil {
		return err
	}
	if err := poll(ctx, "the namespace "+namespace, s.register); err != nil {
		return err
	}
	if err := poll(ctx, "the search attributes", s.addAttributes); err != nil {
		return err
	}
	return poll(ctx, "the search attributes to be usable", s.usable)
}

type setup struct {
	client     client.Client
	namespace  string
	attributes []temporal.SearchAttributeKey
	logger     *slog.Logger
}

func (s setup) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := s.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func (s setup) register(ctx context.Context) error {
	_, err := s.client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        s.namespace,
		Description:                      "Appointments of Careflow",
		WorkflowExecutionRetentionPeriod: durationpb.New(Retention),
	})
	var exists *serviceerror.NamespaceAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	if err == nil {
		s.logger.InfoContext(ctx, "namespace registered", "namespace", s.namespace, "retention", Retention.String())
	}
	return refused(err)
}

func (s setup) addAttributes(ctx context.Context) error {
	operator := s.client.OperatorService()
	present, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: s.namespace})
	if err != nil {
		return refused(err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range s.attributes {
		is, found := present.GetCustomAttributes()[key.GetName()]
		if !found {
			missing[key.GetName()] = key.GetValueType()
			continue
		}
		if is != key.GetValueType() {
			return permanent{fmt.Errorf("the search attribute %s is a %s instead of a %s: remove it with `temporal operator search-attribute remove` and run this again",
				key.GetName(), is, key.GetValueType())}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: s.namespace, SearchAttributes: missing})
	if err != nil {
		return refused(err)
	}
	s.logger.InfoContext(ctx, "search attributes added", "namespace", s.namespace, "count", len(missing))
	return nil
}

// usable asks for a count that mentions every attribute: it fails for as long as the
// frontend's copy of the namespace is older than the attributes.
func (s setup) usable(ctx context.Context) error {
	terms := make([]string, len(s.attributes))
	for i, key := range s.attributes {
		terms[i] = key.GetName() + " IS NOT NULL"
	}
	_, err := s.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: s.namespace,
		Query:     strings.Join(terms, " AND "),
	})
	return err
}

// refused marks a lack of permission as permanent; a namespace not found yet, or a
// server that is busy, passes.
func refused(err error) error {
	var denied *serviceerror.PermissionDenied
	if errors.As(err, &denied) {
		return permanent{err}
	}
	return err
}
