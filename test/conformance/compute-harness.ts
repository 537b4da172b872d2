import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { instanceName, newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type {
  CallContext,
  ComputeProvider,
  Created,
  InstanceRef,
  InstanceSpec,
  InstanceState,
  MountSpec,
  ObservedInstance,
  Progress,
  Running,
} from '../../ports/compute/provider.ts'
import type { ComputeFaults, ComputeSpecs, CredentialHarness, ManyHarness, MountHarness } from './compute-facets.ts'

/** Which instance is meant: everything of a spec that is not about what runs. */
export interface InstanceKey {
  readonly name: string
  readonly deploymentId: string
  readonly sessionId: SessionId
  readonly generation: number
}

/** What a driver's test brings so that the suite can put it to the proof. */
export interface ComputeHarness {
  /** The driver under test. */
  readonly provider: ComputeProvider
  /** Another driver object on the same backend, as a second worker has one. The harness closes it. */
  another(): ComputeProvider
  readonly specs: ComputeSpecs
  /** Everything of this deployment in the backend, asked beside the driver: objects of every kind, by name. */
  leftovers(deploymentId: string): Promise<readonly string[]>
  /** `undefined`: nothing stands between driver and backend that could fail. */
  readonly faults: ComputeFaults | undefined
  /** `undefined` exactly where `capabilities.mounts` is false. */
  readonly mounts: MountHarness | undefined
  readonly credentials?: CredentialHarness
  readonly many?: ManyHarness
  /** How many objects the driver's list holds per page; `null` where the backend has no pages. */
  readonly pageSize: number | null
  /** What `specs.server` prints once it listens; `listening` unless said. */
  readonly printed?: string
  /** The HTTP status with which `specs.server` answers, `null` for no answer; asked at its first endpoint unless said. */
  statusOf?(running: Running, key: InstanceKey): Promise<number | null>
  /** What ended stays to be seen as `exited` for a while, also when it was removed: the backend keeps its records. */
  readonly keepsEnded?: true
  readonly limits: {
    /** From a create's answer to `running`. */
    readonly startMs: number
    /** A missing image is told within. */
    readonly imageMissingMs: number
    /** Whatever else never can run is told within; 10 s unless said. */
    readonly refusedMs?: number
    /** Any answer while the backend hangs comes within. */
    readonly boundedMs: number
  }
  close(): Promise<void>
}

/** A fresh instance of this deployment. */
export function freshKey(deploymentId: string, generation = 1): InstanceKey {
  const sessionId = newId('session')
  return { name: instanceName(sessionId, generation), deploymentId, sessionId, generation }
}

export const freshDeployment = (): string => randomUUID()

/** A call that nobody cancels. */
export const call = (progress?: (progress: Progress) => void): CallContext => ({
  signal: new AbortController().signal,
  ...(progress === undefined ? {} : { progress }),
})

export const refOf = (key: InstanceKey): InstanceRef => ({ name: key.name, deploymentId: key.deploymentId })

export const withMount = (spec: InstanceSpec, mount: MountSpec): InstanceSpec => ({ ...spec, mounts: [mount] })

/** The whole list, or the error that ended it. */
export async function listed(provider: ComputeProvider, deploymentId: string): Promise<ObservedInstance[]> {
  const all: ObservedInstance[] = []
  for await (const observed of provider.list(deploymentId, call())) all.push(observed)
  return all
}

/** Asks until the answer satisfies, at most `withinMs`; the last answer is in the failure. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean, withinMs: number): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms; last: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Creates; a driver that has too much to do, and says so, is asked again, as whoever calls it does. */
export async function createPatiently(provider: ComputeProvider, spec: InstanceSpec): Promise<Created> {
  return await eventually(
    async () => await provider.create(spec, call()),
    ({ kind }) => kind !== 'unavailable',
    60_000,
  )
}

/** How long it took, ms, with what came of it. */
export async function timed<T>(deed: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const from = performance.now()
  const result = await deed()
  return { ms: performance.now() - from, result }
}

/** The harness, once it is set up. */
export type Harness = () => ComputeHarness
export const isKind =
  (...kinds: InstanceState['kind'][]) =>
  (state: InstanceState) =>
    kinds.includes(state.kind)

/** Waits until it runs; an exit is a failure. */
export async function running(h: Harness, key: InstanceKey): Promise<Running> {
  const inspect = () => h().provider.inspect(refOf(key), call())
  const state = await eventually(inspect, isKind('running', 'exited'), h().limits.startMs)
  if (state.kind !== 'running') throw new Error(`it should run: ${JSON.stringify(state)}`)
  return state
}

/** Removes until it is confirmed, as a teardown does. */
export async function removed(h: Harness, key: InstanceKey): Promise<void> {
  const remove = () => h().provider.remove(refOf(key), call())
  await eventually(remove, (answer) => answer.kind === 'removed', 60_000)
  await gone(h, key)
}

/** Holds it to be gone now: absent, or seen to have ended where the backend keeps its records. */
export async function gone(h: Harness, key: InstanceKey): Promise<void> {
  const { kind } = await h().provider.inspect(refOf(key), call())
  expect(h().keepsEnded === true ? ['absent', 'exited'] : ['absent']).toContain(kind)
}

/** What the driver lists of the deployment, without what has ended where the backend keeps its records. */
export async function held(h: Harness, deploymentId: string): Promise<ObservedInstance[]> {
  const all = await listed(h().provider, deploymentId)
  return h().keepsEnded === true ? all.filter(({ state }) => state.kind !== 'exited') : all
}

/** Creates what never can run: the word for it, from the create or from what is seen of it, and then nothing is left. */
export async function told(h: Harness, spec: InstanceSpec, withinMs: number): Promise<string | undefined> {
  const from = performance.now()
  const created = await createPatiently(h().provider, spec)
  const inspect = () => h().provider.inspect(refOf(spec), call())
  const word =
    created.kind === 'refused' ? created.code : reasonOf(await eventually(inspect, isKind('exited'), withinMs))
  expect(performance.now() - from).toBeLessThan(withinMs)
  if (created.kind === 'refused') await gone(h, spec)
  else await removed(h, spec)
  expect(await h().leftovers(spec.deploymentId)).toEqual([])
  return word
}

const reasonOf = (state: InstanceState) => (state.kind === 'exited' ? state.reason : undefined)

/** Removes everything of the deployment; what is left after it. */
export async function sweep(harness: ComputeHarness, deployment: string): Promise<readonly string[]> {
  for (const { ref } of await listed(harness.provider, deployment)) await harness.provider.remove(ref, call())
  return await harness.leftovers(deployment)
}

export const made = (created: Created) => created.kind === 'made' || created.kind === 'adopted'
