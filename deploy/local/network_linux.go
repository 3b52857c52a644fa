package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

const capNetAdmin = 12

// ownNetwork makes a program start in a network of its own, which holds nothing but a
// loopback interface: root may do that, and others where the kernel lets them make
// namespaces.
func ownNetwork(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{capNetAdmin}
	}
}

// furnish brings up the loopback interface and makes whole networks addresses of this
// machine, as 127.0.0.0/8 is one everywhere.
func furnish(networks ...string) error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(socket)
	if err := setFlags(socket, "lo", syscall.IFF_UP); err != nil {
		return fmt.Errorf("bringing up the loopback interface: %w", err)
	}
	for i, network := range networks {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return err
		}
		alias := fmt.Sprintf("lo:%d", i+1)
		err = errors.Join(
			setAddress(socket, alias, syscall.SIOCSIFADDR, prefix.Masked().Addr().Next().As4()),
			setAddress(socket, alias, syscall.SIOCSIFNETMASK, [4]byte(net.CIDRMask(prefix.Bits(), 32))),
		)
		if err != nil {
			return fmt.Errorf("giving %s to the loopback interface: %w", network, err)
		}
	}
	return nil
}

// interfaceRequest is the kernel's struct ifreq: a name, then 24 bytes that depend on the
// request.
type interfaceRequest struct {
	name [16]byte
	data [24]byte
}

func setFlags(socket int, name string, flags uint16) error {
	r := interfaceRequest{}
	copy(r.name[:], name)
	*(*uint16)(unsafe.Pointer(&r.data[0])) = flags
	return control(socket, syscall.SIOCSIFFLAGS, &r)
}

func setAddress(socket int, name string, request uintptr, address [4]byte) error {
	r := interfaceRequest{}
	copy(r.name[:], name)
	*(*uint16)(unsafe.Pointer(&r.data[0])) = syscall.AF_INET
	copy(r.data[4:], address[:])
	return control(socket, request, &r)
}

func control(socket int, request uintptr, r *interfaceRequest) error {
	_, _, code := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), request, uintptr(unsafe.Pointer(r)))
	if code != 0 {
		return code
	}
	return nil
}
