#!/usr/bin/env bash
# Installs the reconciler at one commit, signs in to the clouds, runs `reconciler $1`.
set -euo pipefail
umask 077

PROJECT=${RECONCILER_REPOSITORY:-https://bitbucket.org/%%{project}.git}
COMMIT=%%{commit}
TEMP=${RECONCILER_TEMP:-$(mktemp -d)}
PYTHON=$TEMP/venv/bin/python

install() {
  git clone --quiet --no-checkout "$PROJECT" "$TEMP/reconciler"
  git -C "$TEMP/reconciler" -c advice.detachedHead=false checkout --quiet "$COMMIT"
  python3 -m venv --without-pip "$TEMP/venv"
  python3 -m pip --python "$TEMP/venv" install --quiet --disable-pip-version-check \
    --require-hashes --only-binary :all: -r "$TEMP/reconciler/requirements/runtime.txt"
  site=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$TEMP/reconciler" > "$site/reconciler.pth"
}

# Each SDK finds its part by itself. The deployment environment sets AWS_ROLE_ARN and AWS_REGION;
# GCP_PROVIDER and GCP_SERVICE_ACCOUNT; AZURE_CLIENT_ID and AZURE_TENANT_ID; BITBUCKET_TOKEN...
sign_in() {
  printf %s "${BITBUCKET_STEP_OIDC_TOKEN:-}" > "$TEMP/token"
  if [ -n "${AWS_ROLE_ARN:-}" ]; then
    export AWS_WEB_IDENTITY_TOKEN_FILE=$TEMP/token AWS_ROLE_SESSION_NAME=access-reconciler
  fi
  if [ -n "${GCP_PROVIDER:-}" ]; then
    cat > "$TEMP/google.json" << EOF
{
  "type": "external_account",
  "audience": "//iam.googleapis.com/$GCP_PROVIDER",
  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$GCP_SERVICE_ACCOUNT:generateAccessToken",
  "credential_source": {"file": "$TEMP/token"}
}
EOF
    export GOOGLE_APPLICATION_CREDENTIALS=$TEMP/google.json
  fi
  if [ -n "${AZURE_CLIENT_ID:-}" ]; then
    export AZURE_FEDERATED_TOKEN_FILE=$TEMP/token
  fi
}

[ -x "$PYTHON" ] || install
# -I: nothing that lies in the access repository is ever imported.
if [ "$1" = check ]; then
  asked=(check --base "$BITBUCKET_PR_DESTINATION_COMMIT" --head "$BITBUCKET_COMMIT")
  code=0
  "$PYTHON" -I -m reconciler "${asked[@]}" || code=$?
  # Approvals that are missing are no failure; what is refused whoever approves it is one.
  if [ "$code" -eq 4 ]; then
    "$PYTHON" -I -m reconciler "${asked[@]}" --format json > "$TEMP/check.json" || true
    ! grep -q '^  "answer": "waiting"' "$TEMP/check.json" || code=0
  fi
  exit "$code"
fi
[ "$1" = validate ] || sign_in
if [ "$1" = plan ]; then
  # Nobody has approved a pull request that is open: it is planned as if it were.
  RECONCILER_TRUST=$(git rev-parse HEAD)
  export RECONCILER_TRUST
fi
# Bitbucket's variables know no line breaks, so the key that signs the ledger is kept there in base64.
if [ -n "${RECONCILER_LEDGER_KEY:-}" ] && [[ $RECONCILER_LEDGER_KEY != -----BEGIN* ]]; then
  RECONCILER_LEDGER_KEY=$(printf %s "$RECONCILER_LEDGER_KEY" | base64 --decode)
fi
"$PYTHON" -I -m reconciler "$1"
if [ "$1" = apply ]; then
  if [ -n "${HEARTBEAT_URL:-}" ]; then
    curl --fail --silent --show-error --max-time 20 --retry 3 --output /dev/null "$HEARTBEAT_URL"
  else
    echo "warning: no HEARTBEAT_URL: nobody will notice when these runs stop" >&2
  fi
fi
