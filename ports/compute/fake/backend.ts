import type { RefusalCode } from '../../../domain/errors.ts'
import type { InstanceState } from '../provider.ts'
import type { FakeInstance } from './instance.ts'

/** What becomes of one coming create. */
export type CreatePlan =
  /** The backend answers with an error and makes nothing. */
  | { readonly kind: 'fail_before'; readonly retryAfterMs?: number }
  /** It is made, and the answer is lost. */
  | { readonly kind: 'fail_after' }
  | { readonly kind: 'refuse'; readonly code: RefusalCode; readonly detail: string }
  /** It is on its way until `landed`; the caller sees a timeout. */
  | { readonly kind: 'hold'; readonly landed: Promise<void> }

export type CallKind = 'create' | 'inspect' | 'remove' | 'list' | 'pause' | 'resume' | 'logs' | 'check' | 'usage'

/**
 * The make-believe machine behind one or several fake drivers (one driver object per worker, as in life), and the
 * controls by which a test makes things happen to it. In memory: it ends with the process.
 */
export interface FakeBackend {
  readonly instances: Map<string, FakeInstance>
  /** What instances stored, where what is paused is remade: the name of each volume, and the instance that has it. */
  readonly volumes: Map<string, string>
  /** How often each call reached it. */
  readonly calls: Record<CallKind, number>
  readonly health: 'up' | 'down' | 'hanging'
  readonly latencyMs: number
  /** Takes the plan of the next create, if one was made. */
  takePlan(): CreatePlan | undefined

  /** Every call takes this long from now on. */
  setLatency(ms: number): void
  /** Plans the next create; several calls plan several creates, in order. */
  failNextCreate(when: 'before' | 'after', retryAfterMs?: number): void
  refuseNextCreate(code: RefusalCode, detail: string): void
  /** Holds the next create on its way; `land` lets it take effect. */
  holdNextCreate(): { land(): Promise<void> }
  /** Connections are refused, until `goUp`. */
  goDown(): void
  /** Calls are taken and never answered, until `goUp`. */
  hang(): void
  goUp(): void
  /** Ends what runs in an instance, by itself. */
  exit(name: string, how?: { readonly exitCode?: number | null; readonly outOfMemory?: boolean }): void
  /** Somebody removed it behind Carrel's back. */
  vanish(name: string): void
  setState(name: string, state: InstanceState): void
  count(deploymentId?: string): number
}

/** Makes an empty, healthy backend. Controls that name an instance throw where there is none of that name. */
export function createFakeBackend(): FakeBackend {
  const instances = new Map<string, FakeInstance>()
  const plans: CreatePlan[] = []
  let health: FakeBackend['health'] = 'up'
  let latencyMs = 0
  const named = (name: string): [string, FakeInstance] => {
    const found = [...instances].find(([, instance]) => instance.name === name)
    if (found === undefined) throw new Error(`the fake backend has no instance ${name}`)
    return found
  }
  const setState = (name: string, state: InstanceState) => named(name)[1].become(state)

  return {
    instances,
    volumes: new Map(),
    calls: { create: 0, inspect: 0, remove: 0, list: 0, pause: 0, resume: 0, logs: 0, check: 0, usage: 0 },
    get health() {
      return health
    },
    get latencyMs() {
      return latencyMs
    },
    takePlan: () => plans.shift(),
    setLatency: (ms) => void (latencyMs = ms),
    failNextCreate: (when, retryAfterMs) =>
      void plans.push(
        when === 'after'
          ? { kind: 'fail_after' }
          : { kind: 'fail_before', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
      ),
    refuseNextCreate: (code, detail) => void plans.push({ kind: 'refuse', code, detail }),
    holdNextCreate() {
      const { promise: landed, resolve } = Promise.withResolvers<void>()
      plans.push({ kind: 'hold', landed })
      return {
        async land() {
          resolve()
          // What waits for `landed` runs before whoever waits for this.
          await new Promise((next) => setImmediate(next))
        },
      }
    },
    goDown: () => void (health = 'down'),
    hang: () => void (health = 'hanging'),
    goUp: () => void (health = 'up'),
    exit: (name, { exitCode = 0, outOfMemory = false } = {}) =>
      setState(name, { kind: 'exited', exitCode, outOfMemory }),
    vanish(name) {
      const [key, instance] = named(name)
      instances.delete(key)
      instance.end()
    },
    setState,
    count: (deploymentId) =>
      [...instances.values()].filter((i) => deploymentId === undefined || i.deploymentId === deploymentId).length,
  }
}
