import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jobScript, quoted } from '../../../ports/compute/slurm/script.ts'
import { spec } from '../../support/slurm/replay.ts'

const { uid, username } = userInfo()
const me = { name: username, uid }
const plainly = { modules: [], setup: [] }
const awkward = `it's "here" $HOME \`id\` \\ \n*`
let temporary = ''
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'carrel-script-'))
})
afterAll(async () => await rm(temporary, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly printed: string
}

/** Runs a job's script as a node would; `seen` is told what it printed so far. */
async function run(
  script: string,
  { env = {}, seen }: { env?: Record<string, string>; seen?: (printed: string, pid: number) => void } = {},
): Promise<Ended> {
  return await new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', script], { env: { PATH: process.env['PATH'] ?? '', TMPDIR: temporary, ...env } })
    let printed = ''
    const onData = (chunk: Buffer) => {
      printed += chunk.toString()
      seen?.(printed, child.pid ?? 0)
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, printed }))
  })
}

const report = {
  url: 'https://carrel.example/r',
  token: `token ${awkward}`,
  ports: { from: 20_000, to: 20_999 },
  tls: true,
}
const command = (text: string) => ({ ...spec, secret: awkward, report, command: ['sh', '-c', text, awkward] })

test('the command finds its secrets in files that nobody else may read, and they are gone after it', async () => {
  const looks = `printf '%s|' "$0" "$(stat -c %a "$CARREL_SECRET_FILE" "$CARREL_REPORT_TOKEN_FILE" "$(dirname "$CARREL_SECRET_FILE")" | tr '\\n' ' ')" \
    "$CARREL_REPORT_URL" "$CARREL_REPORT_PORTS" "$CARREL_REPORT_TLS" "$CARREL_INSTANCE" "$(umask)" "$USER" "$HOME"
    cat "$CARREL_SECRET_FILE"; printf '|'; cat "$CARREL_REPORT_TOKEN_FILE"`
  const { code, printed } = await run(`umask 022\n${jobScript(command(looks), me, plainly)}`)
  expect(printed.split('|')).toEqual([
    awkward,
    '600 600 700 ',
    report.url,
    '20000-20999',
    'true',
    spec.name,
    '0022',
    username,
    userInfo().homedir,
    awkward,
    report.token,
  ])
  expect(code).toBe(0)
  expect(await readdir(temporary)).toEqual([])
})

test('its end is the command’s', async () => {
  expect((await run(jobScript(command('exit 3'), me, plainly))).code).toBe(3)
  expect((await run(jobScript(command('kill -KILL $$'), me, plainly))).code).toBe(137)
  expect(await readdir(temporary)).toEqual([])
})

test('asked to end, it asks the command, takes the secrets away, and waits for it', async () => {
  const waits = `trap 'ls "$(dirname "$CARREL_SECRET_FILE")" 2>/dev/null; echo ending; exit 5' TERM; echo begun; while :; do sleep 0.1; done`
  let isAsked = false
  const { code, printed } = await run(jobScript(command(waits), me, plainly), {
    seen(text, pid) {
      if (isAsked || !text.includes('begun')) return
      isAsked = true
      process.kill(pid, 'SIGTERM')
    },
  })
  expect(printed).toBe('begun\nending\n')
  expect(code).toBe(5)
  expect(await readdir(temporary)).toEqual([])
})

test('asked to end while its node is prepared, it leaves nothing', async () => {
  const prepared = { modules: [], setup: ['echo preparing', 'while :; do sleep 0.1; done'] }
  let isAsked = false
  const { code, printed } = await run(jobScript(command('echo begun'), me, prepared), {
    seen(text, pid) {
      if (isAsked || !text.includes('preparing')) return
      isAsked = true
      process.kill(pid, 'SIGTERM')
    },
  })
  expect([code, printed]).toEqual([143, 'preparing\n'])
  expect(await readdir(temporary)).toEqual([])
})

test('it begins once: restarted by the cluster it ends at once', async () => {
  const ended = await run(jobScript(command('echo begun'), me, plainly), { env: { SLURM_RESTART_COUNT: '1' } })
  expect(ended).toEqual({ code: 0, printed: '' })
})

test('it begins as nobody but the user that it was made for', async () => {
  const { code, printed } = await run(jobScript(command('echo begun'), { ...me, uid: uid + 1 }, plainly))
  expect([code, printed.includes('begun')]).toEqual([126, false])
})

test('modules and lines of the site come before the command, and one that fails ends it', async () => {
  const prepared = { modules: ['python/3.12'], setup: ['export GREETING="$loaded"'] }
  const defined = (body: string) => `module() { ${body}; }\n`
  const script = jobScript(command('echo "$GREETING"'), me, prepared)
  expect((await run(defined('loaded="$*"') + script)).printed).toBe('load python/3.12\n')
  expect(await run(defined('false') + script)).toEqual({ code: 125, printed: '' })
})

test('no secret is a word of a command', () => {
  const script = jobScript(command('exit'), me, plainly)
  const lines = script.split('\n').filter((line) => line.includes('token '))
  // printf is the shell's own.
  expect(lines).toEqual([expect.stringMatching(/^printf %s '/)])
  expect(quoted(`a'b`)).toBe(`'a'\\''b'`)
})
