import type { CheckFinding } from '../../../domain/provider-check.ts'
import { ProviderUnreachable } from '../provider.ts'
import type {
  CallContext,
  Capabilities,
  ComputeProvider,
  Created,
  InstanceRef,
  InstanceSpec,
  InstanceState,
  Usage,
} from '../provider.ts'
import { createFakeBackend } from './backend.ts'
import type { CallKind, CreatePlan, FakeBackend } from './backend.ts'
import { startFakeInstance } from './instance.ts'
import type { FakeEndpoint } from './instance.ts'

export interface FakeOptions {
  /** Share one among several drivers to play several workers; a fresh one by default. */
  readonly backend?: FakeBackend
  readonly endpoint?: FakeEndpoint
  /** From made to running. */
  readonly startMs?: number
  /** A call that the backend does not answer is given up after this. */
  readonly requestTimeoutMs?: number
  readonly pageSize?: number
  readonly settleMs?: number
  readonly imageExists?: (image: string) => boolean
  readonly capabilities?: Partial<Capabilities>
  /** What it is let in by; the backend refuses the word `refused`. */
  readonly password?: string | undefined
}

/** The fake driver; `backend` holds its controls. */
export type FakeProvider = Required<Omit<ComputeProvider, 'capabilities' | 'usage' | 'inspectsTogether'>> & {
  /** Only where its `capabilities` were made to say so. */
  readonly usage?: NonNullable<ComputeProvider['usage']>
  readonly capabilities: Capabilities
  readonly backend: FakeBackend
}

const keyOf = (ref: { readonly deploymentId: string; readonly name: string }) => `${ref.deploymentId} ${ref.name}`
const refOf = (i: { readonly name: string; readonly deploymentId: string }): InstanceRef => ({
  name: i.name,
  deploymentId: i.deploymentId,
  ids: { fake: i.name },
})
const unavailable = (detail: string, retryAfterMs: number | null = null): Created => ({
  kind: 'unavailable',
  retryAfterMs,
  detail,
})

/**
 * A compute provider in memory, for tests and for trying Carrel without any backend. It passes the conformance suite.
 * Images whose name begins with `missing` do not exist, unless `imageExists` says otherwise.
 */
export function createFakeProvider(options: FakeOptions = {}): FakeProvider {
  const { backend = createFakeBackend(), endpoint = 'nowhere', startMs = 0, requestTimeoutMs = 5000 } = options
  const { pageSize = 100, settleMs = 200, imageExists = (image) => !image.startsWith('missing') } = options
  const capabilities: Capabilities = {
    pause: true,
    gpu: false,
    diskLimit: false,
    isolation: 'none',
    egress: ['none', 'internet', 'site'],
    mounts: false,
    logs: true,
    ...options.capabilities,
  }

  /** Comes to the backend; the answer says why it did not. */
  async function reach(kind: CallKind, call: CallContext): Promise<'reached' | 'refused' | 'timeout'> {
    if (backend.health === 'up' && backend.latencyMs < requestTimeoutMs) {
      if (backend.latencyMs > 0) await pause(backend.latencyMs, call.signal)
      if (call.signal.aborted) return 'timeout'
      backend.calls[kind] += 1
      return 'reached'
    }
    if (backend.health === 'down') return 'refused'
    await pause(requestTimeoutMs, call.signal)
    return 'timeout'
  }

  /** The making of one name happens once, however many ask. */
  const making = new Map<string, Promise<unknown>>()
  async function make(spec: InstanceSpec): Promise<Created> {
    const key = keyOf(spec)
    const began = making.get(key)
    if (began !== undefined) await began
    if (backend.instances.has(key)) return { kind: 'adopted', ref: refOf(spec) }
    if (!store(spec)) return { kind: 'refused', code: 'start_failed', detail: 'what it continues is not there' }
    const begun = startFakeInstance(spec, { endpoint, startMs })
    making.set(key, begun)
    const instance = await begun
    making.delete(key)
    if (backend.instances.has(key)) {
      instance.end()
      return { kind: 'adopted', ref: refOf(spec) }
    }
    backend.instances.set(key, instance)
    return { kind: 'made', ref: refOf(spec) }
  }

  /** Gives it a volume, or the one of the instance that it continues. Returns whether there is one. */
  function store({ continues, ...spec }: InstanceSpec): boolean {
    if (capabilities.resume !== 'remakes') return true
    if (continues === undefined) backend.volumes.set(`volume of ${keyOf(spec)}`, keyOf(spec))
    const taken = continues === undefined ? [] : volumesOf(continues)
    for (const volume of taken) backend.volumes.set(volume, keyOf(spec))
    return volumesOf(spec).length > 0
  }
  const volumesOf = (ref: Pick<InstanceRef, 'name' | 'deploymentId'>) =>
    [...backend.volumes].flatMap(([volume, owner]) => (owner === keyOf(ref) ? [volume] : []))

  async function planned(plan: CreatePlan, spec: InstanceSpec, call: CallContext): Promise<Created> {
    switch (plan.kind) {
      case 'fail_before':
        return unavailable('planned to fail before', plan.retryAfterMs ?? null)
      case 'fail_after':
        await make(spec)
        return unavailable('planned to lose the answer')
      case 'refuse':
        return { kind: 'refused', code: plan.code, detail: plan.detail }
      case 'hold':
        void plan.landed.then(() => make(spec))
        await pause(requestTimeoutMs, call.signal)
        return unavailable('timeout')
      default:
        return plan satisfies never
    }
  }

  async function inspect(ref: InstanceRef, call: CallContext, kind: CallKind = 'inspect'): Promise<InstanceState> {
    const reached = await reach(kind, call)
    if (reached !== 'reached') return { kind: 'unknown', why: reached }
    return backend.instances.get(keyOf(ref))?.state() ?? { kind: 'absent' }
  }
  async function change(kind: 'pause' | 'resume', ref: InstanceRef, call: CallContext): Promise<InstanceState> {
    const state = await inspect(ref, call, kind)
    const instance = backend.instances.get(keyOf(ref))
    const remakes = capabilities.resume === 'remakes'
    if (kind === 'pause' && state.kind === 'running') {
      instance?.become({ kind: 'paused' })
      if (remakes) instance?.end()
    }
    if (kind === 'resume' && !remakes && state.kind === 'paused') instance?.become({ kind: 'running', endpoints: [] })
    return state.kind === 'unknown' ? state : (instance?.state() ?? state)
  }

  /** By its own clock: what it was given, for as long as it stood. */
  async function usage(ref: InstanceRef, call: CallContext): Promise<Usage | null> {
    if ((await reach('usage', call)) !== 'reached') return null
    const instance = backend.instances.get(keyOf(ref))
    if (instance === undefined) return null
    const { cpuMilli, gpus } = instance.spec.resources
    const wallSeconds = Math.max(0, Math.round((Date.now() - instance.runsFrom) / 1_000))
    return { wallSeconds, cpuSeconds: (wallSeconds * cpuMilli) / 1_000, gpuSeconds: wallSeconds * gpus }
  }

  return {
    backend,
    capabilities,
    settleMs,
    async create(spec, call) {
      const reached = await reach('create', call)
      if (reached !== 'reached') return unavailable(reached)
      const plan = backend.takePlan()
      if (plan !== undefined) return await planned(plan, spec, call)
      if (!imageExists(spec.image)) return { kind: 'refused', code: 'image_missing', detail: `no image ${spec.image}` }
      call.progress?.({ message: 'Starting', percent: null })
      return await make(spec)
    },
    inspect: (ref, call) => inspect(ref, call),
    async remove(ref, call) {
      const reached = await reach('remove', call)
      if (reached !== 'reached') return { kind: 'unknown', why: reached }
      backend.instances.get(keyOf(ref))?.end()
      backend.instances.delete(keyOf(ref))
      for (const volume of volumesOf(ref)) backend.volumes.delete(volume)
      return { kind: 'removed' }
    },
    async *list(deploymentId, call) {
      const all = [...backend.instances.values()].filter((i) => i.deploymentId === deploymentId)
      for (let from = 0; from === 0 || from < all.length; from += pageSize) {
        const reached = await reach('list', call)
        if (reached !== 'reached') throw new ProviderUnreachable(reached)
        for (const instance of all.slice(from, from + pageSize)) {
          const { sessionId, generation } = instance
          if (backend.instances.has(keyOf(instance)))
            yield { ref: refOf(instance), sessionId, generation, state: instance.state() }
        }
      }
    },
    pause: (ref, call) => change('pause', ref, call),
    resume: (ref, call) => change('resume', ref, call),
    async logs(ref, lines, call) {
      const state = await inspect(ref, call, 'logs')
      const ports = backend.instances.get(keyOf(ref))?.spec.ports ?? []
      if (state.kind === 'absent' || state.kind === 'unknown') return ''
      return ports
        .slice(0, lines)
        .map((port) => `listening on ${port}\n`)
        .join('')
    },
    ...(capabilities.usage === true ? { usage } : {}),
    async check({ templates }, call) {
      const reached = await reach('check', call)
      if (reached !== 'reached') return [{ code: 'unreachable', level: 'missing' }]
      if (options.password === 'refused') return [{ code: 'credentials_refused', level: 'missing' }]
      const images = [...new Set(templates.map(({ image }) => image))].filter((image) => !imageExists(image))
      return images.map((about): CheckFinding => ({ code: 'image_missing', level: 'missing', about }))
    },
    close: () => Promise.resolve(),
  }
}

/** Ends early when aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
