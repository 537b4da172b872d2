import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { root } from '../../rules/imports.ts'

const desktop = join(root, 'deploy/slurm/carrel-desktop')
/** Stands in for TigerVNC: it names its display, and lives until a file says that it has gone. */
const display = `#!/bin/sh
echo 7 >&3
exec 3>&-
while [ ! -e "$DISPLAY_HAS_GONE" ]; do sleep 0.05; done
`
const silent = '#!/bin/sh\ncat >/dev/null\n'

const directories: string[] = []
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
})

/** A job's desktop, whose command this is. What it printed is known once all that it began has ended. */
async function ended(command: string): Promise<{ readonly code: unknown; readonly printed: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-desk-'))
  directories.push(directory)
  const programs = join(directory, 'bin')
  await mkdir(programs)
  await writeFile(join(directory, 'secret'), 'of the session')
  for (const [name, text] of Object.entries({ Xvnc: display, vncpasswd: silent, xauth: silent })) {
    await writeFile(join(programs, name), text)
    await chmod(join(programs, name), 0o755)
  }
  const child = spawn(desktop, ['sh', '-c', command], {
    env: {
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      CARREL_SECRET_FILE: join(directory, 'secret'),
      DISPLAY_HAS_GONE: join(directory, 'gone'),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    // What it runs goes with it.
    detached: true,
  })
  let printed = ''
  child.stdout.on('data', (part: Buffer) => (printed += part.toString()))
  const killed = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 60_000)
  const [code] = await once(child, 'close')
  clearTimeout(killed)
  return { code, printed }
}

test('a desktop ends with its command, by whose code it exits, and its display does', async () => {
  expect(await ended('echo "on $DISPLAY"; exit 7')).toEqual({ code: 7, printed: 'on :7\n' })
}, 120_000)

test('and with its display, and a command that would outlive it does', async () => {
  const stays = `trap 'echo asked to end; exit 0' TERM; touch "$DISPLAY_HAS_GONE"; while :; do sleep 0.1; done`
  expect(await ended(stays)).toEqual({ code: 143, printed: 'asked to end\n' })
}, 120_000)
