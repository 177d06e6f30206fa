# The stages of the test suite, each a function. scripts/test runs them in turn; tox.ini runs one an environment.
# Sourced, from the project's root. $PY is the Python that has requirements/dev.txt.
# shellcheck shell=bash

export PYTHONPATH="src:generated${PYTHONPATH:+:$PYTHONPATH}"

STAGES="lint types floors contract unit postgres conformance tour"

shown() {
  echo "+ $*" >&2
  "$@"
}

stage_lint() {
  shown "$PY" -m ruff check . && shown "$PY" -m ruff format --check .
}

stage_types() {
  shown "$PY" -m mypy --strict src
}

stage_floors() {
  shown "$PY" -c 'from importlinter.cli import lint_imports_command as main; main()'
}

stage_contract() {
  shown ./scripts/generate --check
}

OTHERS="--ignore tests/conformance --ignore tests/docs --ignore tests/system"

# Three processes on two processors, as tests also wait; each has whole files, in their order: the longest come early.
BESIDE="-n 3 --dist loadfile --no-loadscope-reorder"

# Everything but what has a stage of its own; SQLite, a real Redis, real workers.
stage_unit() {
  # shellcheck disable=SC2086
  shown "$PY" -m pytest tests $OTHERS $BESIDE -k "not postgresql" "$@"
}

# What needs a database only to log in: it has been seen on SQLite, and its rules have tests of their own on PostgreSQL.
SEEN="--ignore tests/access/test_applications_http.py --ignore tests/access/test_signing_http.py
  --ignore tests/access/test_users_http.py --ignore tests/access/test_rate_policies_http.py"

# The tests that take a database, on a real PostgreSQL.
stage_postgres() {
  # shellcheck disable=SC2086
  shown "$PY" -m pytest tests $OTHERS $SEEN $BESIDE -k postgresql "$@"
}

# Schemathesis and the browser, against the server started as a user starts it.
stage_conformance() {
  # shellcheck disable=SC2086
  shown "$PY" -m pytest tests/conformance tests/docs $BESIDE "$@" && shown "$PY" -m tests.conformance.run_schemathesis
}

stage_tour() {
  shown "$PY" -m writ.cli up --tour
}

# Real nodes: Debian, root.
stage_system() {
  shown "$PY" -m pytest tests/system "$@"
}
