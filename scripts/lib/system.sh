# What the tests in tests/system need of a Debian. Sourced, from the project's root.
# shellcheck shell=bash

SYSTEM_PACKAGES="ca-certificates chromium git nginx-light openssh-client openssh-server rsync"

# Installs what is missing; needs root and apt-get, and says so when it has them not.
install_system_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null || fail "the system tests need Debian"
  for package in $SYSTEM_PACKAGES; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "the system tests need root to install: ${missing[*]}"
  echo "Installing ${missing[*]}"
  # No service may start by itself: the tests start what they need, with their own configuration.
  local status=0 policy=/usr/sbin/policy-rc.d own=
  if [ ! -e "$policy" ]; then
    own=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >/dev/null || status=$?
  [ -z "$own" ] || rm -f "$policy"
  [ "$status" = 0 ] || fail "apt-get could not install ${missing[*]}"
}
