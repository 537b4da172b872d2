import { expect, test } from 'vitest'
import { createEgressGuard } from '../../../ports/compute/docker/egress.ts'
import { egressRules } from '../../../ports/compute/docker/egress-rules.ts'
import { EngineError } from '../../../ports/compute/docker/engine.ts'
import type { Engine } from '../../../ports/compute/docker/engine.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'

/** A daemon that has the image of the helper, and takes the rules; it answers to tidying up with `status`. */
function daemon(status: number): Engine {
  const answers: readonly (readonly [RegExp, unknown])[] = [
    [/^\/networks\/bridge$/, { Id: 'b1', Name: 'bridge' }],
    [/^\/containers\/create$/, { Id: 'c1' }],
    [/\/wait$/, { StatusCode: 0 }],
    [/^\/images\//, { Id: 'i1', Config: null }],
  ]
  return {
    json: async (_method, path, schema) =>
      await Promise.resolve(schema.parse(answers.find(([pattern]) => pattern.test(path))?.[1])),
    done: async (_method, path) => {
      if (path === '/containers/prune') throw new EngineError(status, 'a prune operation is already running')
      return await Promise.resolve(204)
    },
    bytes: async () => await Promise.resolve(Buffer.alloc(0)),
    lines: async function* () {},
  }
}

const ensured = async (status: number) => {
  const guard = createEgressGuard(daemon(status), egressRules(dockerSettings.parse({})))
  await guard.ensure({ signal: AbortSignal.timeout(10_000) })
  return guard.enforced
}

test('another who tidies up at the same time keeps nobody from his rules', async () => {
  expect(await ensured(409)).toBe(true)
  await expect(ensured(500)).rejects.toThrow(EngineError)
})
