// Command kubernetes is the control plane of a Kubernetes cluster in one
// program, for tests: etcd, kube-apiserver, kube-scheduler and
// kube-controller-manager of the versions that go.mod pins. The first argument
// names the part, the others are its own.
//
// Nothing here is Careflow's: the test bed in internal/kubetest starts the
// parts, and production runs a cluster of its own.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

const usage = "usage: kubernetes etcd FOLDER CLIENT-URL PEER-URL | kube-apiserver FLAG... | kube-scheduler FLAG... | kube-controller-manager FLAG..."

func main() {
	if len(os.Args) < 2 {
		fail(errors.New(usage))
	}
	part := os.Args[1]
	os.Args = os.Args[1:] // the parts read their flags from here
	switch part {
	case "etcd":
		if err := etcd(os.Args[1:]); err != nil {
			fail(err)
		}
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	default:
		fail(errors.New(usage))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
