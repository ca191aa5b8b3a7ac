#!/bin/sh
# Installs the backend's locked packages: install-packages.sh (ENVIRONMENT | system) LOCK BOOTSTRAP
#
# By uv, which pip fetches and which stays in a directory of its own. For Debian's shell and for Alpine's. Where a
# company's proxy or mirror stands between, pip's settings are in /etc/pip.conf and its certificates in
# /run/secrets/ca; both may be empty or missing. What is downloaded is kept in /var/cache/packages, for a build to
# mount.
set -eu

packages=$1 lock=$2 bootstrap=$3
if [ -s /run/secrets/ca ]; then
    export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca
fi
export PIP_CACHE_DIR=/var/cache/packages/pip UV_CACHE_DIR=/var/cache/packages/uv
pip install --quiet --disable-pip-version-check --root-user-action=ignore \
    --require-hashes --no-compile --target /tmp/uv --requirement "$bootstrap"

# uv does not read pip's settings, so it is told the indexes that these name.
index=$(pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
more=$(pip config get global.extra-index-url 2>/dev/null || true)
[ -z "$more" ] || export UV_INDEX="$more"

python=$(command -v python3)
if [ "$packages" != system ]; then
    python3 -m venv --without-pip "$packages"
    python=$packages/bin/python3
fi
# The system's Python may be marked as managed by the distribution; in a build, this is the distribution.
/tmp/uv/bin/uv pip install --require-hashes --no-deps --no-progress --link-mode=copy \
    --break-system-packages --python "$python" --requirement "$lock"
rm -r /tmp/uv
