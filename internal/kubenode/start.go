package kubenode

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter starts all processes from one thread that never ends: Linux delivers the
// parent-death signal when the starting thread dies, not when the process does.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func start(cmd *exec.Cmd) error {
	result := make(chan error)
	starter() <- func() { result <- cmd.Start() }
	return <-result
}
