/**
 * A web server with a certificate of its own, of what every node has: it takes a free port of the range that it is given, answers
 * every path with 200, and reports where it listens and what it shows, as a session on a shared node does.
 */
export const reportingServer: readonly string[] = [
  'sh',
  '-c',
  String.raw`
set -u
private=$(dirname "$CARREL_SECRET_FILE")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$CARREL_INSTANCE" \
  -keyout "$private/key.pem" -out "$private/cert.pem" 2>/dev/null || exit 1
shown=$(openssl x509 -in "$private/cert.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)
from=${'${CARREL_REPORT_PORTS%-*}'} to=${'${CARREL_REPORT_PORTS#*-}'}
tries=0
while [ $tries -lt 50 ]; do
  tries=$((tries + 1))
  port=$((from + 0x$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n') % (to - from + 1)))
  openssl s_server -accept "$port" -cert "$private/cert.pem" -key "$private/key.pem" -www -quiet >/dev/null 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null; exit 0' TERM
  sleep 0.3
  kill -0 "$server" 2>/dev/null || continue
  # The token is no word of a command: those are seen by everybody on the node.
  until printf 'header = "Authorization: Bearer %s"\n' "$(cat "$CARREL_REPORT_TOKEN_FILE")" |
    curl -sS -f -K - --max-time 10 --noproxy '*' -o /dev/null -H 'Content-Type: application/json' \
      -d "{\"ports\":{\"$DOOR_PORT\":$port},\"fingerprint\":\"$shown\"}" "$CARREL_REPORT_URL"
  do
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 1
  done
  wait "$server"
  exit $?
done
exit 1
`,
]

/** A line of sh that says this to whoever takes reports, until it was heard, and stays. `body`: within double quotes of sh. */
export const reportScript = (body: string): string => {
  const curl = `curl -sS -K - --max-time 10 --noproxy '*' -o /dev/null -H 'Content-Type: application/json'`
  const said = body.replaceAll('"', String.raw`\"`)
  const token = String.raw`printf 'header = "Authorization: Bearer %s"\n' "$(cat "$CARREL_REPORT_TOKEN_FILE")"`
  return `until ${token} | ${curl} -d "${said}" "$CARREL_REPORT_URL"; do sleep 1; done; exec sleep 600`
}
