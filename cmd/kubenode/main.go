// Command kubenode is a Kubernetes node made of plain processes, for tests of deployments
// on a real control plane: `make test-k8s` starts it. It is never part of production.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/careflow/careflow/internal/kubenode"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cfg := kubenode.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	var kubeconfig, pods string
	flag.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	flag.StringVar(&cfg.Name, "name", "processes", "name of the node")
	flag.StringVar(&cfg.Images, "images", "", "folder of the images")
	flag.StringVar(&cfg.Logs, "logs", "", "folder for the logs of containers")
	flag.StringVar(&pods, "pods", "", "network of the pods, all of it this machine's")
	flag.StringVar(&cfg.Ingress, "ingress", "", "address of the front door")
	flag.Parse()

	var err error
	if cfg.Pods, err = netip.ParsePrefix(pods); err != nil {
		return err
	}
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	rest.QPS, rest.Burst = -1, -1 // one node's reports are no load
	if cfg.Client, err = kubernetes.NewForConfig(rest); err != nil {
		return err
	}
	for _, folder := range []string{cfg.Images, cfg.Logs} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
	}
	return kubenode.Run(ctx, cfg)
}
