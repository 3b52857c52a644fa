package api

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/links"
)

// handlers carry out the operations of the contract, one file for each subject.
type handlers struct {
	cfg           Config
	store         Store
	commands      Commands
	reconcile     Reconciler
	housekeeping  Housekeeper
	backups       Backups
	backupLog     BackupLog
	deployments   Deployments
	deploymentLog DeploymentLog
	freshness     *freshness
	webhooks      PaymentWebhooks

	mailEvents MailWebhooks
	watchers   *watchers

	links     *links.Links
	tokens    *auth.Tokens
	passwords *auth.Passwords
	log       *slog.Logger
	metrics   *metrics
	gatherer  prometheus.Gatherer
	docs      []byte

	inFlight semaphore       // commands
	waiting  semaphore       // requests that wait for news
	draining <-chan struct{} // closed when the server stops: waits end early
}

var _ openapi.StrictServerInterface = (*handlers)(nil)

// semaphore bounds how many do something at once; nobody queues.
type semaphore chan struct{}

func (s semaphore) acquire() (release func(), ok bool) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, true
	default:
		return nil, false
	}
}
