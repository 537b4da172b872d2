import { setImmediate as later } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { EngineError } from '../../../ports/compute/docker/engine.ts'
import type { Engine } from '../../../ports/compute/docker/engine.ts'
import { removeInstance } from '../../../ports/compute/docker/remove.ts'
import { freshKey } from '../../conformance/compute-harness.ts'

test('a removal answers when nothing of it goes on, also where the daemon would not list what is left', async () => {
  // list:      ─ 500
  // container: ─ stop ······ held ─ delete ─ unknown
  const listed = Promise.withResolvers<void>()
  const done: string[] = []
  const never = () => {
    throw new Error('a removal reads no bytes')
  }
  const engine: Engine = {
    async json() {
      await Promise.resolve()
      listed.resolve()
      throw new EngineError(500, 'no list')
    },
    async done(method, path) {
      await listed.promise
      await later()
      done.push(`${method} ${path}`)
      return 204
    },
    bytes: never,
    lines: never,
  }
  const ref = { ...freshKey('here'), ids: { container: 'c1' } }
  const settings = { requestTimeoutMs: 60_000, stopGraceSeconds: 1 }
  const removed = await removeInstance(engine, ref, settings, new AbortController().signal)
  expect(removed).toEqual({ kind: 'unknown', why: 'no list' })
  expect(done).toEqual(['POST /containers/c1/stop', 'DELETE /containers/c1'])
})
