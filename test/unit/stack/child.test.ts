import { expect, test } from 'vitest'
import { startChild } from '../../../stack/child.ts'
import { isAlive, untilGone } from '../../../stack/liveness.ts'

const node = process.execPath

test('lines of both streams arrive, and the end is told', async () => {
  const lines: string[] = []
  const script = 'console.log("one"); console.error("two"); process.exitCode = 3'
  const child = await startChild({ name: 'x', command: node, args: ['-e', script], onLine: (line) => lines.push(line) })
  expect(await child.ended).toEqual({ code: 3, signal: null })
  await expect.poll(() => lines.toSorted()).toEqual(['one', 'two'])
  expect(child.isRunning()).toBe(false)
})

test('the environment that is given is the whole environment', async () => {
  const lines: string[] = []
  const script = 'console.log(JSON.stringify(process.env))'
  const env = { PATH: process.env['PATH'], ONLY: 'this' }
  await (
    await startChild({ name: 'x', command: node, args: ['-e', script], env, onLine: (line) => lines.push(line) })
  ).ended
  await expect.poll(() => lines.length).toBe(1)
  expect(JSON.parse(lines[0] ?? '')).toEqual(env)
})

test('one that ignores the polite signal is killed after the grace', async () => {
  const lines: string[] = []
  const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")'
  const child = await startChild({ name: 'x', command: node, args: ['-e', script], onLine: (line) => lines.push(line) })
  await expect.poll(() => lines).toEqual(['up'])
  await child.stop(50)
  expect(await child.ended).toMatchObject({ signal: 'SIGKILL' })
  await child.stop()
})

test.runIf(process.platform === 'linux')('it ends with us, even when we are killed', async () => {
  const lines: string[] = []
  const child = new URL('../../../stack/child.ts', import.meta.url).href
  const middle = `import { startChild } from '${child}'
    const inner = await startChild({ name: 'inner', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] })
    console.log(inner.pid)`
  const outer = await startChild({
    name: 'outer',
    command: node,
    args: ['--input-type=module', '-e', middle],
    onLine: (line) => lines.push(line),
  })
  await expect.poll(() => lines.length).toBe(1)
  const inner = Number(lines[0])
  expect(isAlive(inner)).toBe(true)
  await outer.kill()
  expect(await untilGone(inner, 15_000)).toBe(true)
})

test('a command that is not there fails', async () => {
  const outcome = await startChild({ name: 'x', command: '/no/such/command', args: [] }).then(
    (child) => child.ended,
    () => ({ code: 127, signal: null }),
  )
  expect(outcome.code).toBe(127)
})
