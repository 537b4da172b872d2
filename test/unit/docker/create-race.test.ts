import { expect, test } from 'vitest'
import { createInstance } from '../../../ports/compute/docker/create.ts'
import { createDiskLimit } from '../../../ports/compute/docker/disk.ts'
import { EngineError } from '../../../ports/compute/docker/engine.ts'
import type { Engine } from '../../../ports/compute/docker/engine.ts'
import { marksOf } from '../../../ports/compute/marks.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'
import { freshKey } from '../../conformance/compute-harness.ts'
import { serverSpec } from '../../docker/docker-harness.ts'

const spec = serverSpec(freshKey('here'))
const settings = dockerSettings.parse({ diskLimit: 'off' })
const ours = (status: string) => ({
  ...found,
  Config: { ...found.Config, Labels: marksOf(spec) },
  State: { Status: status },
})
const found = {
  Id: 'c1',
  Config: { Labels: {}, User: '1000:1000' },
  HostConfig: { PortBindings: {} },
  State: { Status: 'running' },
  NetworkSettings: { Ports: {} },
}

/** A daemon on which somebody else has taken the container's name, and which shows what stands under it as `inspect` says. */
function daemon(inspect: (look: number) => object | null) {
  let looks = 0
  const removals: string[] = []
  const answers = (method: string, path: string): unknown => {
    if (path === '/containers/create') throw new EngineError(409, 'Conflict. The container name is already in use')
    if (path === '/networks/create') return { Id: 'n1' }
    if (path.startsWith('/images/')) return { Id: 'i1', Config: null }
    if (method === 'GET' && /^\/containers\/.+\/json$/.test(path) && !path.endsWith('/containers/json')) {
      const shown = inspect((looks += 1))
      if (shown === null) throw new EngineError(404, 'No such container')
      return shown
    }
    return []
  }
  const engine: Engine = {
    json: async (method, path, schema) => await Promise.resolve(schema.parse(answers(method, path))),
    done: async (method, path) => {
      if (method === 'DELETE') removals.push(path)
      return await Promise.resolve(204)
    },
    bytes: async () => await Promise.resolve(Buffer.alloc(0)),
    lines: async function* () {},
  }
  const egress = { enforced: true, ensure: async () => {}, refresh: () => {}, idle: async () => {} }
  const deps = { engine, settings, egress, policy: 'abcde', disk: createDiskLimit(engine, 'off') }
  return {
    removals,
    create: async (signal = AbortSignal.timeout(8_000)) => await createInstance(deps, spec, { signal }),
  }
}

test('a container whose name is taken already and which is not to be seen yet is waited for', async () => {
  // the other call: name taken ─────────── registered ── started
  // this one:                  ── 409 ── 404 ·· 404 ·· there: adopted
  const { create, removals } = daemon((look) => (look < 5 ? null : ours('running')))
  expect(await create()).toMatchObject({ kind: 'adopted' })
  expect(removals).toEqual([])
})

test('one that never shows itself says nothing against the session', async () => {
  expect(await daemon(() => null).create(AbortSignal.timeout(200))).toMatchObject({ kind: 'unavailable' })
})

test('what is seen under the name and is not ours refuses at once', async () => {
  const { create } = daemon(() => found)
  expect(await create()).toMatchObject({ kind: 'refused', code: 'start_failed' })
})
