package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// stackKind tells the stacks apart; they share nothing but the tools.
type stackKind string

const (
	kindUp   stackKind = "up"
	kindTest stackKind = "test"
	// kindBench is a test stack that is set up like the one of `up`: a figure taken
	// without waiting for the disk says nothing.
	kindBench stackKind = "bench"
	// kindKubernetes is a test stack with a Kubernetes beside it, in a network of its own.
	kindKubernetes stackKind = "kubernetes"
)

// ports a stack listens on, all on 127.0.0.1.
//
// Each can be moved by its variable (CAREFLOW_PORT_POSTGRES, …_TEMPORAL, …_UI,
// …_API, …_CODEC, …_WORKER, …_BACKUP_WORKER, …_SANDBOX, …_STRIPE_MOCK), and all of
// a stack together by CAREFLOW_PORT_OFFSET, which is added to the defaults.
type ports struct {
	Postgres     int
	Temporal     int // frontend; the server's other ports follow it, see temporalPorts
	UI           int
	API          int
	Codec        int
	Worker       int
	BackupWorker int
	Sandbox      int
	StripeMock   int
}

func readPorts(kind stackKind) (ports, error) {
	p := ports{Postgres: 5433, Temporal: 7233, UI: 8233, API: 8080, Codec: 8081, Worker: 8082, BackupWorker: 8083, Sandbox: 8090}
	switch kind {
	case kindUp:
	case kindTest:
		p = ports{Postgres: 15433, Temporal: 17233, StripeMock: 12111}
	case kindBench:
		p = ports{Postgres: 16433, Temporal: 16233}
	case kindKubernetes:
		p = ports{Postgres: 15433, Temporal: 17233}
	}
	offset := 0
	if err := readPort("CAREFLOW_PORT_OFFSET", &offset); err != nil {
		return ports{}, err
	}
	for _, named := range p.all() {
		if *named.port == 0 {
			continue
		}
		*named.port += offset
		if err := readPort(named.variable, named.port); err != nil {
			return ports{}, err
		}
	}
	return p, nil
}

func readPort(variable string, into *int) error {
	text := os.Getenv(variable)
	if text == "" {
		return nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > 65535 {
		return fmt.Errorf("%s=%q is no port number", variable, text)
	}
	*into = number
	return nil
}

// namedPort says what a port is for and which variable moves it.
type namedPort struct {
	part     string
	variable string
	port     *int
}

// all lists the ports; one that the stack does not use is 0.
func (p *ports) all() []namedPort {
	return []namedPort{
		{"PostgreSQL", "CAREFLOW_PORT_POSTGRES", &p.Postgres},
		{"Temporal", "CAREFLOW_PORT_TEMPORAL", &p.Temporal},
		{"Temporal UI", "CAREFLOW_PORT_UI", &p.UI},
		{"API", "CAREFLOW_PORT_API", &p.API},
		{"codec server", "CAREFLOW_PORT_CODEC", &p.Codec},
		{"worker", "CAREFLOW_PORT_WORKER", &p.Worker},
		{"backup worker", "CAREFLOW_PORT_BACKUP_WORKER", &p.BackupWorker},
		{"sandbox", "CAREFLOW_PORT_SANDBOX", &p.Sandbox},
		{"stripe-mock", "CAREFLOW_PORT_STRIPE_MOCK", &p.StripeMock},
	}
}

// temporalPorts are the ports of Temporal's four services in one process.
type temporalPorts struct {
	Frontend, FrontendHTTP, History, Matching, Worker     int
	FrontendRing, HistoryRing, MatchingRing, SystemWorker int
}

func (p ports) temporal() temporalPorts {
	base := p.Temporal
	return temporalPorts{
		Frontend: base, History: base + 1, Matching: base + 2, Worker: base + 6, FrontendHTTP: base + 10,
		FrontendRing: base + 20, HistoryRing: base + 21, MatchingRing: base + 22, SystemWorker: base + 26,
	}
}

func (t temporalPorts) all() []int {
	return []int{
		t.Frontend, t.History, t.Matching, t.Worker, t.FrontendHTTP,
		t.FrontendRing, t.HistoryRing, t.MatchingRing, t.SystemWorker,
	}
}

// local is the address of a port on the loopback interface.
func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// stateRoot is where everything generated lives.
func stateRoot() string {
	root := os.Getenv("CAREFLOW_STATE")
	if root == "" {
		root = ".local"
	}
	if absolute, err := filepath.Abs(root); err == nil {
		return absolute
	}
	return root
}

func stateFolder(kind stackKind) string { return filepath.Join(stateRoot(), string(kind)) }

func toolFolder() string { return filepath.Join(stateRoot(), "bin") }
