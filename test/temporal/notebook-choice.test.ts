import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createProcessProvider } from '../../ports/compute/process/provider.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { chooseNotebook, notebookImage } from '../../stack/notebook/choose.ts'
import { barredFor, findPlace } from '../../stack/notebook/place.ts'
import { call, eventually, freshKey, refOf } from '../conformance/compute-harness.ts'
import { specOf } from './process-harness.ts'

const limitMs = 15_000
let directory: string
let bin: string
let lines: string[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-notebook-'))
  chmodSync(directory, 0o755)
  bin = join(directory, 'bin')
  mkdirSync(bin)
  lines = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const choose = (more: { docker?: boolean; signal?: AbortSignal } = {}) =>
  chooseNotebook({
    docker: false,
    directory: join(directory, 'data'),
    path: bin,
    environment: { PATH: '/usr/bin:/bin' },
    extraCaFiles: ['/nowhere.pem'],
    signal: new AbortController().signal,
    onLine: (line) => lines.push(line),
    ...more,
  })

/** A Python that says what it is, notes what it is asked for, and does what `deeds` says for `-m venv` and `-m pip`. */
function standIn(deeds: string): void {
  const path = join(bin, 'python3')
  const answer = JSON.stringify({ executable: path, version: [3, 11], prefix: '/usr', hasEnsurepip: true })
  writeFileSync(path, `#!/bin/sh\n[ "$1" = -I ] && { echo '${answer}'; exit; }\necho "$2" >> ${bin}/asked\n${deeds}\n`)
  chmodSync(path, 0o755)
}
const asked = () => readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n')
const works = `[ "$2" = venv ] && { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }
[ "$2" = pip ] && { echo 'Collecting jupyterlab'; echo noise; echo 'Successfully installed x'; }
exit 0`

test('with a Docker daemon it is a container, and nothing is prepared here', async () => {
  expect(await choose({ docker: true })).toMatchObject({ kind: 'docker', flavour: 'jupyterlab' })
  expect(existsSync(join(directory, 'data'))).toBe(false)
})

test('with Python it is JupyterLab, installed once', async () => {
  standIn(works)
  const choice = await choose()
  expect(choice).toMatchObject({
    kind: 'process',
    flavour: 'jupyterlab',
    stateDirectory: join(directory, 'data/process'),
  })
  expect(asked()).toEqual(['venv', 'pip'])
  expect(lines).toEqual([
    expect.stringContaining('virtual environment'),
    'collecting jupyterlab',
    'JupyterLab is installed',
  ])
  expect(await choose()).toEqual(choice)
  expect(asked()).toEqual(['venv', 'pip'])
})

test('a half-made environment is made anew', async () => {
  standIn(works)
  const left = join(directory, 'data/venv/left')
  mkdirSync(join(left, '..'), { recursive: true })
  writeFileSync(left, '')
  expect(await choose()).toMatchObject({ flavour: 'jupyterlab' })
  expect(existsSync(left)).toBe(false)
})

test('where ensurepip is missing, Python’s own pip installs', async () => {
  standIn(`[ "$2" = venv ] && [ "$3" != --without-pip ] && { echo 'ensurepip is not available'; exit 1; }
[ "$2" = venv ] && mkdir -p "$4/bin"
[ "$2" = pip ] && [ "$3" != --python ] && exit 1
exit 0`)
  expect(await choose()).toMatchObject({ flavour: 'jupyterlab' })
  expect(asked()).toEqual(['venv', 'venv', 'pip'])
})

test('where it can’t be installed it is the file browser, the reason is said, and nothing half-made is left', async () => {
  standIn(`[ "$2" = pip ] && { echo 'no route to the index'; exit 1; }\n${works}`)
  const choice = await choose()
  expect(choice).toMatchObject({ flavour: 'file-browser', why: expect.stringContaining('no route to the index') })
  expect(existsSync(join(directory, 'data/venv'))).toBe(false)
})

test('an installation that is interrupted ends soon', async () => {
  standIn(`[ "$2" = pip ] && exec sleep 9999\n${works}`)
  const stop = new AbortController()
  const choosing = choose({ signal: stop.signal })
  await eventually(
    () => Promise.resolve(existsSync(join(bin, 'asked')) ? asked() : []),
    (all) => all.includes('pip'),
    limitMs,
  )
  stop.abort()
  expect(await choosing).toMatchObject({ flavour: 'file-browser', why: expect.stringContaining('interrupted') })
})

test('without Python it is the file browser, which really answers', async () => {
  const choice = await choose()
  expect(choice).toMatchObject({ kind: 'process', flavour: 'file-browser', why: expect.stringContaining('no Python') })
  if (choice.kind !== 'process') return
  const { stateDirectory, images } = choice
  const provider = createProcessProvider(processSettings.parse({ stateDirectory, images }), {
    networks: ['127.0.0.1/32'],
  })
  const key = freshKey('here')
  expect(await provider.create(specOf(key, notebookImage), call())).toMatchObject({ kind: 'made' })
  const answerTo = async (path: string): Promise<number | null> => {
    const state = await provider.inspect(refOf(key), call())
    if (state.kind !== 'running') return null
    const signal = AbortSignal.timeout(2_000)
    return await fetch(`http://127.0.0.1:${state.endpoints[0]?.hostPort}${path}`, { signal, redirect: 'manual' }).then(
      (response) => response.status,
      () => null,
    )
  }
  expect(
    await eventually(
      () => answerTo('/api'),
      (status) => status === 200,
      limitMs,
    ),
  ).toBe(200)
  expect(await answerTo(choice.doorPath.replace('{secret}', 'sesame'))).toBe(303)
  expect(await answerTo('/')).toBe(403)
  expect(await provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
})

test('where sessions could not get to the data directory, root’s own is taken', async () => {
  const closed = join(directory, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  expect(barredFor(join(closed))).toBe(closed)
  expect(await findPlace(join(closed, 'data'), false)).toBe(join(closed, 'data'))
  if (process.getuid?.() !== 0) return
  const place = await findPlace(join(closed, 'data'), true)
  expect(place).toMatch(/^\/var\/lib\/carrel\/[0-9a-f]{12}$/)
  expect(barredFor(place)).toBeNull()
  rmSync(place, { recursive: true })
})
