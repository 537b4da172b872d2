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
} from '../../ports/compute/provider.ts'

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
  readonly specs: {
    /** Answers HTTP 200 on port 8080, which is its one port, and runs until it is removed. */
    server(key: InstanceKey): InstanceSpec
    /** Starts, and ends by itself at once with this exit code. */
    exiting(key: InstanceKey, exitCode: number): InstanceSpec
    /** Uses more memory than it asked for; `undefined` where the backend cannot tell. */
    readonly outOfMemory?: (key: InstanceKey) => InstanceSpec
    /** Names an image, or whatever the driver starts from, that does not exist. */
    missingImage(key: InstanceKey): InstanceSpec
  }
  /** Everything of this deployment in the backend, asked beside the driver: objects of every kind, by name. */
  leftovers(deploymentId: string): Promise<readonly string[]>
  /** `undefined`: nothing stands between driver and backend that could fail. */
  readonly faults: ComputeFaults | undefined
  /** `undefined` exactly where `capabilities.mounts` is false. */
  readonly mounts: MountHarness | undefined
  /** How many objects the driver's list holds per page; `null` where the backend has no pages. */
  readonly pageSize: number | null
  readonly limits: {
    /** From a create's answer to `running`. */
    readonly startMs: number
    /** A missing image is refused within. */
    readonly imageMissingMs: number
    /** Any answer while the backend hangs comes within. */
    readonly boundedMs: number
  }
  close(): Promise<void>
}

/** What may happen between a driver and its backend. */
export interface ComputeFaults {
  /** The driver to which it happens; its timeouts should be small. The others may be spared. */
  readonly provider: ComputeProvider
  /** The next create takes effect, and its answer is lost on the way back. */
  loseNextAnswer(): void
  /** The next create is held on its way; the caller runs into its timeout. `land` lets it take effect after all. */
  holdNextCreate(): { land(): Promise<void> }
  /** Connections are refused. */
  goDown(): void
  /** Connections are accepted, and nothing is answered for 60 s. */
  hang(): void
  /** All is well again. */
  recover(): void
}

export interface MountHarness {
  /** A directory that only root can replace, holding a file `marker` with this text. */
  safe(): Promise<{ readonly hostPath: string; readonly marker: string }>
  /** A directory in a place where a user can write, who may replace it by a link to another one. */
  swappable(): Promise<{ readonly hostPath: string; readonly forbidden: string; swap(): Promise<void> }>
  /** What the running instance reads at `<target>/marker`; `null` where it reads nothing. */
  read(ref: InstanceRef, target: string): Promise<string | null>
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
export async function running(h: Harness, key: InstanceKey): Promise<Extract<InstanceState, { kind: 'running' }>> {
  const inspect = () => h().provider.inspect(refOf(key), call())
  const state = await eventually(inspect, isKind('running', 'exited'), h().limits.startMs)
  if (state.kind !== 'running') throw new Error(`it should run: ${JSON.stringify(state)}`)
  return state
}

/** Removes until it is confirmed, as a teardown does. */
export async function removed(h: Harness, key: InstanceKey): Promise<void> {
  const remove = () => h().provider.remove(refOf(key), call())
  await eventually(remove, (answer) => answer.kind === 'removed', 60_000)
  expect(await h().provider.inspect(refOf(key), call())).toEqual({ kind: 'absent' })
}

/** Removes everything of the deployment; what is left after it. */
export async function sweep(harness: ComputeHarness, deployment: string): Promise<readonly string[]> {
  for (const { ref } of await listed(harness.provider, deployment)) await harness.provider.remove(ref, call())
  return await harness.leftovers(deployment)
}

export const made = (created: Created) => created.kind === 'made' || created.kind === 'adopted'
