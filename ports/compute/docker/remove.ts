import { setTimeout as wait } from 'node:timers/promises'
import { allOf } from '../all-of.ts'
import type { InstanceRef, Removed } from '../provider.ts'
import { byLabel } from './container.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { namesOf } from './names.ts'
import type { DockerSettings } from './settings.ts'
import { containerListShape, networkListShape } from './shapes.ts'

/** Rounds of "remove what is there, look again" in one call; a busy daemon needs more than one. */
const rounds = 20

/**
 * Removes the instance's containers with their anonymous volumes, and its networks: all that carry its labels,
 * whatever their names. `removed` only when the daemon, asked again, shows none.
 */
export async function removeInstance(
  engine: Engine,
  ref: InstanceRef,
  { requestTimeoutMs, stopGraceSeconds }: Pick<DockerSettings, 'requestTimeoutMs' | 'stopGraceSeconds'>,
  signal: AbortSignal,
): Promise<Removed> {
  namesOf(ref)
  const deadline = AbortSignal.timeout(2 * requestTimeoutMs + stopGraceSeconds * 1000)
  const both = AbortSignal.any([signal, deadline])
  try {
    const known = ref.ids?.['container']
    for (let round = 0; round < rounds; round++) {
      // What the create answered with is ended while the daemon lists whatever else there may be.
      const first = round === 0 ? known : undefined
      const ended = first === undefined ? null : removeContainer(engine, first, 'running', stopGraceSeconds, both)
      const [left] = await allOf([remains(engine, ref, both), ended])
      if (left.containers.length + left.networks.length === 0) return { kind: 'removed' }
      const others = left.containers.filter(({ Id }) => Id !== first)
      await allOf(others.map((c) => removeContainer(engine, c.Id, c.State, stopGraceSeconds, both)))
      await allOf(left.networks.map((n) => removeNetwork(engine, n.Id, both)))
      if (round > 0) await wait(100, undefined, { signal: both })
    }
    return { kind: 'unknown', why: 'it is still there' }
  } catch (error) {
    return { kind: 'unknown', why: error instanceof EngineError ? error.message : 'the time was over' }
  }
}

async function remains(engine: Engine, ref: InstanceRef, signal: AbortSignal) {
  const query = byLabel(ref.deploymentId, ref.name)
  const [containers, networks] = await Promise.all([
    engine.json('GET', '/containers/json', containerListShape, signal, { query: { ...query, all: true } }),
    engine.json('GET', '/networks', networkListShape, signal, { query }),
  ])
  return { containers, networks }
}

async function removeContainer(engine: Engine, id: string, state: string, graceSeconds: number, signal: AbortSignal) {
  if (state === 'running' && graceSeconds > 0)
    await tolerant(() =>
      engine.done('POST', `/containers/${id}/stop`, signal, {
        query: { t: graceSeconds },
        timeoutMs: graceSeconds * 1000 + 10_000,
      }),
    )
  await tolerant(() => engine.done('DELETE', `/containers/${id}`, signal, { query: { force: true, v: true } }))
}

const removeNetwork = (engine: Engine, id: string, signal: AbortSignal) =>
  tolerant(() => engine.done('DELETE', `/networks/${id}`, signal))

/** An answer of the daemon that it cannot now (gone, busy, in progress) is looked at in the next round. */
async function tolerant(deed: () => Promise<unknown>): Promise<void> {
  try {
    await deed()
  } catch (error) {
    if (!(error instanceof EngineError) || error.status === null) throw error
  }
}
