import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { childEnvironment } from '../../platform/config.ts'
import { startChild, type Child } from '../../stack/child.ts'
import { isAlive } from '../../stack/liveness.ts'
import { readState, type StackState } from '../../stack/state.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-e2e-'))
const stateFile = join(directory, 'stack.json')
const upLimitMs = 4 * 60_000

interface Run {
  readonly child: Child
  readonly lines: string[]
}

const runs: Run[] = []
afterEach(async () => {
  for (const { child } of runs.splice(0)) await child.stop(60_000)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function run(entry: 'start' | 'demo', ...args: string[]): Promise<Run> {
  const lines: string[] = []
  const child = await startChild({
    name: entry,
    command: process.execPath,
    args: [`stack/${entry}.ts`, ...args],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: childEnvironment({ CARREL_STATE_DIRECTORY: directory, CI: 'true' }),
    stopSignal: 'SIGINT',
    onLine: (line) => lines.push(line),
  })
  const started = { child, lines }
  runs.push(started)
  return started
}

/** The state of the stack that this run brought up; fails with its lines when it ended instead. */
async function up({ child, lines }: Run): Promise<StackState> {
  const isUp = async () => !child.isRunning() || (await readState(stateFile))?.pids['stack'] === child.pid
  await expect.poll(isUp, { timeout: upLimitMs, interval: 100 }).toBe(true)
  if (!child.isRunning()) throw new Error(`it ended:\n${lines.join('\n')}`)
  const state = await readState(stateFile)
  if (state === undefined) throw new Error('no state')
  return state
}

const alive = ({ pids }: StackState) => Object.entries(pids).filter(([, pid]) => isAlive(pid))
const whoami = async ({ apiUrl }: StackState, token: string) =>
  (await fetch(`${apiUrl}/v1/whoami`, { headers: { authorization: `Bearer ${token}` } })).status

test('a stack is found by its file, refuses company, survives a kill -9, and leaves nothing when it is asked to end', async () => {
  const first = await run('start')
  const state = await up(first)
  expect(statSync(stateFile).mode & 0o777).toBe(0o600)
  expect([await whoami(state, state.userToken), await whoami(state, state.adminToken)]).toEqual([200, 200])

  const second = await run('start')
  expect(await second.child.ended).toMatchObject({ code: 3 })
  expect(second.lines.join('\n')).toContain(state.apiUrl)

  await first.child.kill()
  await expect.poll(() => alive(state), { timeout: 20_000 }).toEqual([])

  const third = await run('start')
  const next = await up(third)
  // The tokens of the run that was killed ended with the start of this one.
  expect([await whoami(next, state.userToken), await whoami(next, next.userToken)]).toEqual([401, 200])

  await third.child.stop(60_000)
  expect(await third.child.ended).toMatchObject({ code: 0 })
  expect([existsSync(stateFile), alive(next)]).toEqual([false, []])
})

test('the demo ends with nothing left, and prints no secret where a machine reads along', async () => {
  const demo = await run('demo', '--once')
  const { code } = await demo.child.ended
  const text = demo.lines.join('\n')
  expect(code, text).toBe(0)
  expect(text).toContain('session: ready')
  for (const thing of ['held reservations', 'running workflows'])
    expect(text).toMatch(new RegExp(`left over: ${thing} +0`))
  expect(text).toContain('nothing is left')
  expect(text).not.toMatch(/carrel_[A-Za-z0-9_-]{20,}|token=/)
})

test('a fresh start removes the session that a killed demo left running', async () => {
  const killed = await run('demo')
  await expect
    .poll(() => killed.lines.some((line) => line.includes('Ctrl-C ends it')), { timeout: upLimitMs })
    .toBe(true)
  await killed.child.kill()
  const fresh = await run('demo', '--once', '--fresh')
  const { code } = await fresh.child.ended
  const text = fresh.lines.join('\n')
  expect(code, text).toBe(0)
  expect(text).toContain('removed 1 session(s) that an earlier run left')
})

test('a process that ends by itself ends the stack, and is named', async () => {
  const start = await run('start')
  const state = await up(start)
  process.kill(state.pids['api'] ?? 0, 'SIGKILL')
  expect(await start.child.ended).toMatchObject({ code: 1 })
  expect(start.lines.join('\n')).toContain('The api ended by itself')
  expect(alive(state)).toEqual([])
})
