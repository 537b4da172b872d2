import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureImage } from '../../ports/compute/docker/build.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import type { InstanceSpec, Progress } from '../../ports/compute/provider.ts'
import { call, eventually, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import { containerOf, docker, inside, leftovers, openDocker, serverSpec } from './docker-harness.ts'

/** The tag of the embedded stack, so that a machine builds it once. */
const tag = 'carrel-notebook:1'
const contextDir = fileURLToPath(new URL('../../images/notebook', import.meta.url))
const engine = createEngine(docker, 60_000)
const signal = new AbortController().signal
const provider = openDocker()
const deployment = freshDeployment()
const key = freshKey(deployment)
const spec: InstanceSpec = {
  ...serverSpec(key),
  image: tag,
  command: null,
  user: null,
  resources: { sessions: 1, cpuMilli: 2000, memoryMib: 1024, diskMib: 1024, gpus: 0 },
  ports: [8888],
  secret: 'c4b1d5f0a9e2',
}
const said: Progress[] = []

beforeAll(async () => {
  const extraCa = readFileSync(process.env['CARREL_EXTRA_CA'] ?? '/etc/ssl/certs/ca-certificates.crt')
  await ensureImage({ engine, tag, contextDir, extraCa, signal, onProgress: (progress) => said.push(progress) })
}, 600_000)

afterAll(async () => {
  await provider.remove(refOf(key), call())
  await provider.close()
  expect(await leftovers(deployment)).toEqual([])
})

test('the notebook image is built once for one content of its directory, telling its steps', async () => {
  const again = await ensureImage({ engine, tag, contextDir, extraCa: null, signal })
  expect(again).toBe('present')
  for (const { message, percent } of said) {
    expect(message).toMatch(/^Building the image, step \d+ of \d+$/)
    expect(percent).toBeLessThan(100)
  }
})

test('JupyterLab answers 200 with the session’s secret as its token, and nobody without it', async () => {
  expect((await provider.create(spec, call())).kind).toBe('made')
  const state = await provider.inspect(refOf(key), call())
  if (state.kind !== 'running') throw new Error(`it should run: ${JSON.stringify(state)}`)
  const url = `http://${state.endpoints[0]?.host}:${state.endpoints[0]?.hostPort}/lab`
  const status = async (token: string) => {
    const request = fetch(`${url}?token=${token}`, { redirect: 'manual', signal: AbortSignal.timeout(5000) })
    return await request.then(
      (response) => response.status,
      () => null,
    )
  }
  expect(
    await eventually(
      () => status(spec.secret),
      (s) => s === 200,
      60_000,
    ),
  ).toBe(200)
  expect(await status('wrong')).not.toBe(200)
})

test('it runs as an ordinary user, and the secret is in no inspection and no process list', async () => {
  const id = await containerOf(key)
  expect(await inside(id, ['id', '-u'])).toBe('1000\n')
  expect(await inside(id, ['sh', '-c', 'grep NoNewPrivs /proc/1/status; grep CapBnd /proc/1/status'])).toBe(
    'NoNewPrivs:\t1\nCapBnd:\t0000000000000000\n',
  )
  const shown = JSON.stringify(await docker.getContainer(id).inspect())
  expect(shown).toContain('CARREL_SECRET_FILE=/run/carrel/secret')
  expect(shown).not.toContain(spec.secret)
  expect(await inside(id, ['sh', '-c', 'cat /proc/*/cmdline /proc/*/environ'])).not.toContain(spec.secret)
})

/** Runs until the image's own health check, asked each second instead of twice a minute, says so. */
async function untilHealth(wanted: 'healthy' | 'unhealthy', script: string, baseUrl: string): Promise<void> {
  const container = await docker.createContainer({
    Image: tag,
    Cmd: ['sh', '-c', script],
    Env: ['CARREL_SECRET_FILE=/tmp/secret', `CARREL_BASE_URL=${baseUrl}`],
    Labels: { 'carrel.deployment': deployment },
    Healthcheck: { Interval: 1e9, Retries: 120, ...(wanted === 'unhealthy' ? { StartPeriod: 1e6, Retries: 2 } : {}) },
    HostConfig: { NetworkMode: 'none' },
  })
  try {
    await container.start()
    const health = async () => (await container.inspect()).State.Health?.Status
    await eventually(health, (status) => status === wanted, 60_000)
  } finally {
    await container.remove({ force: true })
  }
}

test('it is healthy where JupyterLab answers, also below a path of its own, and else not', async () => {
  await untilHealth('healthy', 'echo s3cr3t >/tmp/secret && exec jupyter lab', '/abc-web/')
  await untilHealth('unhealthy', 'exec sleep 120', '/')
})

test('no certificate of the build is in the image', async () => {
  const id = await containerOf(key)
  expect(await inside(id, ['sh', '-c', 'find / -xdev -name extra-ca.pem 2>/dev/null'])).toBe('')
  const history = (await docker.getImage(tag).history()) as unknown
  expect(JSON.stringify(history)).not.toContain('extra-ca')
})
