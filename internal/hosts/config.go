package hosts

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/careflow/careflow/internal/domain"
)

// Config is the section "host" of a service. In commands and values of environment,
// {release} stands for the release's folder, {digest}, {version}, {colour}, {instance} (from
// 0) and {address} for what they say.
type Config struct {
	// Folder holds releases and state. It must be absolute.
	Folder string `yaml:"folder"`
	// Colours are the addresses, host:port, of the instances of each colour.
	Colours map[domain.Colour][]string `yaml:"colours"`

	// Run is a command that stays and serves; it is run by us, apart from us, with
	// Environment and the lines NAME=value of EnvironmentFile. Secrets belong into the file.
	Run             []string          `yaml:"run"`
	Environment     map[string]string `yaml:"environment"`
	EnvironmentFile string            `yaml:"environment_file"`
	// Start and Stop are commands that return once an instance was begun or ended, in the
	// place of Run. Active says by its exit code whether it still runs; Log prints the last of
	// what it printed. Both are optional.
	Start  []string `yaml:"start"`
	Stop   []string `yaml:"stop"`
	Active []string `yaml:"active"`
	Log    []string `yaml:"log"`
	// Migrate changes the database for a release that expands it.
	Migrate []string `yaml:"migrate"`
	// StopWithin is how long an instance may finish what it serves. Defaults to 30s.
	StopWithin time.Duration `yaml:"stop_within"`

	// Nginx or HAProxy is the switch.
	Nginx   *Nginx   `yaml:"nginx"`
	HAProxy *HAProxy `yaml:"haproxy"`
}

// Validate reports a section that cannot be meant. It lists all that is wrong.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !filepath.IsAbs(c.Folder) {
		fault("folder is an absolute path")
	}
	if len(c.Colours) != 2 || len(c.Colours[domain.Blue]) == 0 || len(c.Colours[domain.Blue]) != len(c.Colours[domain.Green]) {
		fault("colours lists as many addresses of blue as of green")
	}
	for _, addresses := range c.Colours {
		for _, a := range addresses {
			if _, _, err := net.SplitHostPort(a); err != nil {
				fault("%q is no host:port", a)
			}
		}
	}
	if (len(c.Run) > 0) == (len(c.Start) > 0) || (len(c.Start) > 0) != (len(c.Stop) > 0) {
		fault("write run, or start and stop")
	}
	if (c.Nginx == nil) == (c.HAProxy == nil) {
		fault("write nginx or haproxy")
	}
	return errors.Join(faults...)
}

func (c Config) stopWithin() time.Duration { return cmp.Or(c.StopWithin, 30*time.Second) }

// instance is one process of a colour.
type instance struct {
	colour  domain.Colour
	number  int
	address string
	release domain.Release
	folder  string // of the release
}

func (c Config) instances(colour domain.Colour, r domain.Release, folder string) []instance {
	var list []instance
	for i, address := range c.Colours[colour] {
		list = append(list, instance{colour: colour, number: i, address: address, release: r, folder: folder})
	}
	return list
}

// fill replaces what stands for something in a command or a value.
func (i instance) fill(text string) string {
	return strings.NewReplacer(
		"{release}", i.folder, "{digest}", i.release.Digest, "{version}", i.release.Version,
		"{colour}", string(i.colour), "{instance}", fmt.Sprint(i.number), "{address}", i.address,
	).Replace(text)
}

func (i instance) command(words []string) []string {
	filled := make([]string, len(words))
	for n, w := range words {
		filled[n] = i.fill(w)
	}
	return filled
}
