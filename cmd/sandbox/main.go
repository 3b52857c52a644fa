// Command sandbox stands in for Stripe and SendGrid while developing, see
// internal/sandbox. It is never part of production.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/careflow/careflow/internal/sandbox"
)

const usage = `sandbox stands in for Stripe and SendGrid while you develop.

Usage: sandbox        (it takes no arguments)

It reads its settings from the environment:
  SANDBOX_ADDRESS         where it listens (127.0.0.1:8090)
  SANDBOX_STATE           a file that keeps its state (empty: memory only)
  SANDBOX_WEBHOOK_URL     where Stripe's events are sent (empty: nowhere)
  SANDBOX_WEBHOOK_EVENTS  the types of events to send, with commas (empty: all)
  SANDBOX_WEBHOOK_SECRET  signs the events
  SANDBOX_MAIL_WEBHOOK_URL  where SendGrid's events are sent (empty: there are none)
  SANDBOX_STRIPE_KEY      the secret key callers must send
  SANDBOX_SENDGRID_KEY    the API key callers must send
A secret may also come from a file: SANDBOX_STRIPE_KEY_FILE=path, and so on.
`

func main() {
	if len(os.Args) > 1 {
		fmt.Fprint(os.Stderr, usage)
		if os.Args[1] == "-h" || os.Args[1] == "--help" || os.Args[1] == "help" {
			return
		}
		os.Exit(2)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, log); err != nil {
		log.Error("the sandbox stops", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg := sandbox.Config{
		StatePath: os.Getenv("SANDBOX_STATE"), WebhookURL: os.Getenv("SANDBOX_WEBHOOK_URL"),
		MailWebhookURL: os.Getenv("SANDBOX_MAIL_WEBHOOK_URL"), Log: log,
	}
	if chosen := os.Getenv("SANDBOX_WEBHOOK_EVENTS"); chosen != "" {
		cfg.WebhookEvents = strings.Split(chosen, ",")
	}
	for name, into := range map[string]*string{
		"SANDBOX_WEBHOOK_SECRET": &cfg.WebhookSecret,
		"SANDBOX_STRIPE_KEY":     &cfg.StripeKey,
		"SANDBOX_SENDGRID_KEY":   &cfg.SendGridKey,
	} {
		value, err := secret(name)
		if err != nil {
			return err
		}
		*into = value
	}
	address := os.Getenv("SANDBOX_ADDRESS")
	if address == "" {
		address = "127.0.0.1:8090"
	}
	s, err := sandbox.New(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(fmt.Errorf("listen on %s (SANDBOX_ADDRESS): %w", address, err), s.Close())
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		log.Warn("the sandbox can be reached from other machines: its pages and switches need no log-in", "address", listener.Addr().String())
	}
	log.Info("the sandbox serves", "url", "http://"+listener.Addr().String(), "state", cfg.StatePath, "webhooks", cfg.WebhookURL != "")

	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		s.ClearFaults() // held requests would keep the server from closing
		closing, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err = server.Shutdown(closing); errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
	}
	return errors.Join(err, s.Close())
}

// secret reads NAME, or the file that NAME_FILE names.
func secret(name string) (string, error) {
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return os.Getenv(name), nil
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(raw)), nil
}
