# Installs Debian's nginx and HAProxy, which tests and demonstrations of deployments put before
# two copies of the API. Their packages would start a server each: a policy keeps them from it.
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
ours=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=yes
fi
trap '[ -z "$ours" ] || rm -f "$policy"' EXIT
apt-get update
apt-get install --yes --no-install-recommends nginx-light haproxy || apt-get install --yes --no-install-recommends nginx haproxy
for service in nginx haproxy; do
    if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
        systemctl disable "$service" >/dev/null 2>&1 || true
    fi
done
