package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/auth"
	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/links"
)

// Dependencies are what the server works with.
type Dependencies struct {
	Store     Store
	Commands  Commands
	Reconcile Reconciler
	// Housekeeping removes what nobody needs any more.
	Housekeeping Housekeeper
	// Backups begins and ends jobs, BackupLog knows what became of them.
	Backups   Backups
	BackupLog BackupLog
	// Restores begins restores, RestoreLog knows what became of them.
	Restores   Restores
	RestoreLog RestoreLog
	// Deployments begins deployments and speaks to them, DeploymentLog knows what became of
	// them.
	Deployments   Deployments
	DeploymentLog DeploymentLog
	Webhooks      PaymentWebhooks
	// MailEvents verifies what the mail provider tells of messages.
	MailEvents MailWebhooks

	Links     *links.Links
	Tokens    *auth.Tokens
	Passwords *auth.Passwords
	Logger    *slog.Logger
	Registry  *prometheus.Registry
}

// Server serves the contract over HTTP.
type Server struct {
	cfg        Config
	log        *slog.Logger
	tokens     *auth.Tokens
	sessions   Sessions
	callers    *callers
	operations map[string]*operation
	handler    http.Handler
	listening  listening
}

// New builds a server and checks the contract: it fails on an operation that does not
// say who may call it, and on a route that is not in the contract or the other way round.
func New(cfg Config, deps Dependencies) (*Server, error) {
	doc, err := ownContract()
	if err != nil {
		return nil, err
	}
	return newServer(cfg, deps, doc)
}

func newServer(cfg Config, deps Dependencies, doc *openapi3.T) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	operations, err := operationsOf(doc)
	if err != nil {
		return nil, err
	}
	docs, err := renderDocs(doc)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Registry)
	if err != nil {
		return nil, err
	}
	fresh := newFreshness(cfg, deps.BackupLog, deps.Logger)
	if err := deps.Registry.Register(fresh); err != nil {
		return nil, fmt.Errorf("api: metrics: %w", err)
	}
	s := &Server{cfg: cfg, log: deps.Logger, tokens: deps.Tokens, sessions: deps.Store, callers: newCallers(cfg.RememberCaller), operations: operations, listening: newListening()}
	h := &handlers{
		cfg: cfg, store: deps.Store, commands: deps.Commands, reconcile: deps.Reconcile, housekeeping: deps.Housekeeping, backups: deps.Backups, backupLog: deps.BackupLog, freshness: fresh,
		restores: deps.Restores, restoreLog: deps.RestoreLog,
		deployments: deps.Deployments, deploymentLog: deps.DeploymentLog, webhooks: deps.Webhooks, links: deps.Links,
		tokens: deps.Tokens, passwords: deps.Passwords, log: deps.Logger, metrics: metrics, gatherer: deps.Registry, docs: docs,
		mailEvents: deps.MailEvents, watchers: newWatchers(cfg, deps.Store, deps.Logger, metrics.streams),
		inFlight: make(semaphore, cfg.MaxCommands), waiting: make(semaphore, cfg.MaxWaits), draining: s.listening.draining,
	}
	engine, err := s.routes(h, metrics)
	if err != nil {
		return nil, err
	}
	if err := sameRoutes(engine, operations); err != nil {
		return nil, err
	}
	s.handler = engine
	return s, nil
}

// ServeHTTP serves one request, for tests and for embedding.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) routes(h *handlers, metrics *metrics) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.ContextWithFallback = true
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(s.cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("api: trusted proxies: %w", err)
	}
	engine.Use(requestID)
	if s.cfg.Tracing {
		engine.Use(s.traced)
	}
	engine.Use(s.accessLog, metrics.measure, securityHeaders(s.cfg.PublicURL, s.cfg.Release), s.recovery)
	engine.NoRoute(func(c *gin.Context) {
		s.fail(c, domain.Errorf(domain.CodeNotFound, "There is nothing at this path. The contract is at /docs."))
	})
	engine.NoMethod(func(c *gin.Context) {
		s.fail(c, domain.Errorf(CodeMethodNotAllowed, "This path does not take the method; the Allow header lists those it takes."))
	})
	contract := engine.Group("", s.findOperation, s.forgetCallers, s.client, s.bodyLimit, s.deadline, s.authenticate, s.authorise, s.validate)
	strict := openapi.NewStrictHandlerWithOptions(h, nil, openapi.StrictGinServerOptions{
		RequestErrorHandlerFunc:  func(c *gin.Context, err error) { s.fail(c, unbindable(err)) },
		HandlerErrorFunc:         s.fail,
		ResponseErrorHandlerFunc: s.fail,
	})
	openapi.RegisterHandlersWithOptions(contract, strict, openapi.GinServerOptions{
		ErrorHandler: func(c *gin.Context, err error, _ int) { s.fail(c, unbindable(err)) },
	})
	return engine, nil
}

// unbindable is a request that passed validation and still could not be read. The text
// of err may repeat what was sent.
func unbindable(err error) error {
	return domain.Errorf(domain.CodeInvalid, "The request could not be read: check it against the contract at /docs.").Because(err)
}

// sameRoutes makes sure that the generated routes and the contract are of one age.
func sameRoutes(engine *gin.Engine, operations map[string]*operation) error {
	routes := map[string]bool{}
	var faults []error
	for _, r := range engine.Routes() {
		key := routeKey(r.Method, r.Path)
		routes[key] = true
		if _, ok := operations[key]; !ok {
			faults = append(faults, fmt.Errorf("api: route %s is not in the contract: generate again", key))
		}
	}
	for key := range operations {
		if !routes[key] {
			faults = append(faults, fmt.Errorf("api: operation %s has no route: generate again", key))
		}
	}
	return errors.Join(faults...)
}

// DocsURL is where people read the contract.
func (s *Server) DocsURL() string {
	base, err := url.Parse(s.cfg.PublicURL)
	if err != nil {
		return "/docs"
	}
	return strings.TrimSuffix(base.String(), "/") + "/docs"
}
