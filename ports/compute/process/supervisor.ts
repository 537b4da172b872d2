import { spawn } from 'node:child_process'
import { markVariable } from './members.ts'
import type { InstancePlaces } from './places.ts'
import { identify } from './processes.ts'
import type { ProcessIdentity } from './record.ts'
import { systemEnvironment } from './tools.ts'

/**
 * Stands over the command for its whole life, whoever started it. It begins only at a word on its input, so nothing runs
 * that is not recorded; a starter that dies first leaves it an end of file, and it goes. It keeps the exit status, and of
 * the output three segments of at most 4 MiB, the newest.
 */
const script = `umask 077
dir=$1; shift
read -r word || exit 0
[ "$word" = go ] || exit 0
exec </dev/null
trap : TERM INT HUP QUIT
: > "$dir/started"
{
  trap : TERM INT HUP QUIT
  echo 500 > /proc/self/oom_score_adj
  "$@"
  echo $? > "$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
} 2>&1 | {
  trap '' TERM INT HUP QUIT
  while :; do
    dd bs=4096 count=1024 of="$dir/log" 2>/dev/null
    [ -s "$dir/log" ] || break
    [ -e "$dir/log.old" ] && mv "$dir/log.old" "$dir/log.older"
    mv "$dir/log" "$dir/log.old"
  done
}`

export interface Supervisor {
  readonly identity: ProcessIdentity
  /** Lets the command begin. */
  begin(): Promise<void>
  /** Lets it go without having run anything. */
  dismiss(): void
}

/** Starts a supervisor, in a session of its own, that waits for its word. `null` if the system would not start one. */
export async function startSupervisor(
  places: InstancePlaces,
  mark: string,
  argv: readonly string[],
): Promise<Supervisor | null> {
  const child = spawn('/bin/sh', ['-c', script, 'carrel-session', places.directory, ...argv], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...systemEnvironment, [markVariable]: mark },
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {}) // it may be ended before its word arrives; that is seen from its absence
  child.unref()
  const identity = child.pid === undefined ? null : identify(child.pid)
  if (identity === null) return null
  return {
    identity,
    async begin() {
      await new Promise<void>((resolve) => child.stdin.end('go\n', () => resolve()))
    },
    dismiss: () => child.stdin.destroy(),
  }
}
