package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// checkPorts finds all busy ports before anything is started, so that one run
// tells everything there is to change.
func checkPorts(p ports) error {
	var busy []string
	for _, named := range p.all() {
		if *named.port == 0 {
			continue
		}
		wanted := []int{*named.port}
		if named.port == &p.Temporal {
			wanted = p.temporal().all()
		}
		for _, port := range wanted {
			if err := tryPort(port); err != nil {
				busy = append(busy, describeBusy(named, port, err))
			}
		}
	}
	if len(busy) == 0 {
		return nil
	}
	return fmt.Errorf("%s\nMove all ports of this stack at once with CAREFLOW_PORT_OFFSET=1000, say", strings.Join(busy, "\n"))
}

func tryPort(port int) error {
	listener, err := net.Listen("tcp4", local(port))
	if err != nil {
		return err
	}
	return listener.Close()
}

func describeBusy(named namedPort, port int, err error) string {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Sprintf("port %d for %s cannot be used (%v): choose another with %s", port, named.part, err, named.variable)
	}
	holder := portHolder(port)
	if holder == "" {
		holder = "a process that this user may not look at"
	}
	change := fmt.Sprintf("%s=%d", named.variable, *named.port+1000)
	return fmt.Sprintf("port %d, which %s needs, is held by %s: stop that, or set %s", port, named.part, holder, change)
}
