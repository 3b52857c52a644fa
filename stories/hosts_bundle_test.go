package stories_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
	"github.com/careflow/careflow/internal/hostagent"
	"github.com/careflow/careflow/internal/hostagent/bundletest"
	"github.com/careflow/careflow/internal/testkit"
)

const startAPI = `#!/bin/bash
set -eu
site='%[1]s'; . "$site/$CAREFLOW_HOST/env"
! pid=$(cat "$site/$CAREFLOW_HOST/pid" 2> /dev/null) || kill -9 "$pid" 2> /dev/null || true # whatever runs still
export CAREFLOW_RELEASE="$CAREFLOW_DIGEST"
setsid '%[2]s/careflow' api < /dev/null >> "$site/$CAREFLOW_HOST/log" 2>&1 &
echo $! > "$site/$CAREFLOW_HOST/pid"
`

const stopAPI = `#!/bin/bash
set -eu
pid=$(cat '%[1]s'/"$CAREFLOW_HOST"/pid 2> /dev/null) || exit 0
kill -TERM "$pid" 2> /dev/null || exit 0
# One that has ended and that nobody has asked about yet (Z) is no process any more.
while read -r _ _ state _ < "/proc/$pid/stat" && [ "$state" != Z ]; do sleep 0.02; done 2> /dev/null
`

const validateAPI = `#!/bin/bash
set -eu
. '%[1]s'/"$CAREFLOW_HOST"/env
until (exec 3<> "/dev/tcp/127.0.0.1/$PORT"; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; head -1 <&3 | grep -q ' 200 ') 2> /dev/null; do sleep 0.05; done
`

// release is a bundle that runs the API; changes replace or add scripts, by their event.
func (s *hostSite) release(version string, changes map[domain.LifecycleEvent]string) domain.Release {
	s.t.Helper()
	bin := testkit.Env(s.t, "CAREFLOW_TEST_BIN")
	scripts := map[domain.LifecycleEvent]string{
		domain.ApplicationStart: fmt.Sprintf(startAPI, s.folder, bin), domain.ApplicationStop: fmt.Sprintf(stopAPI, s.folder),
		domain.ValidateService: fmt.Sprintf(validateAPI, s.folder),
	}
	for event, script := range changes {
		scripts[event] = "#!/bin/bash\n" + script
	}
	files := bundletest.Files{"version": version}
	spec := "version: 1\nhooks:\n"
	for _, event := range domain.LifecycleEvents() {
		if script, ok := scripts[event]; ok {
			files["scripts/"+string(event)+".sh"] = script
			spec += fmt.Sprintf("  %[1]s: [{script: scripts/%[1]s.sh, timeout: %[2]s}]\n", event, s.scriptsWithin)
		}
	}
	files[hostagent.SpecFile] = spec
	return bundletest.Pack(s.t, version, files)
}

// holds says which release each host has in place.
func (s *hostSite) holds() map[string]string {
	s.t.Helper()
	held := map[string]string{}
	for _, host := range s.plan.Hosts {
		target, err := os.Readlink(filepath.Join(s.folder, host, "releases", s.plan.Environment, "api/current"))
		require.NoError(s.t, err)
		version, err := os.ReadFile(filepath.Join(s.folder, host, "releases", s.plan.Environment, "api", target, "version"))
		require.NoError(s.t, err)
		held[host] = string(version)
	}
	return held
}

// every is a map with the same version for each host.
func (s *hostSite) every(version string) map[string]string {
	all := map[string]string{}
	for _, host := range s.plan.Hosts {
		all[host] = version
	}
	return all
}
