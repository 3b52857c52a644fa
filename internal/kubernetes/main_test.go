//go:build kubernetes

package kubernetes_test

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain is also a small service: started by the test node as a container, this program
// answers as an instance of a release does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "api" {
		serve()
		return
	}
	os.Exit(m.Run())
}

func serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Careflow-Release", os.Getenv("CAREFLOW_RELEASE"))
	})
	server := &http.Server{Addr: os.Getenv("CAREFLOW_HTTP_ADDRESS"), Handler: mux}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
