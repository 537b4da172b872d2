import { fileURLToPath } from 'node:url'
import type { CallContext, Progress } from '../provider.ts'
import { ensureImage } from './build.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import type { EgressRules } from './egress-rules.ts'
import { containerLogs } from './logs.ts'
import { partLabel } from './names.ts'
import { madeShape, networkShape, waitShape } from './shapes.ts'

const contextDir = fileURLToPath(new URL('../../../images/egress', import.meta.url))
const tag = 'carrel-egress:1'
const part = 'egress'
/** Rules that were there are believed to be there still for this long, on the same run of the daemon. */
const believedMs = 5 * 60_000

/** Looking again is given up after this. */
const refreshMs = 60_000

/** Sees to it that the rules are in the kernel of the daemon's machine. */
export interface EgressGuard {
  /** `true` once they have been seen in place; what `capabilities.isolation` stands on. */
  readonly enforced: boolean
  /** Returns when the rules are in place. Cheap while nothing suggests that they went away. Throws `EngineError`. */
  ensure(call: CallContext): Promise<void>
  /** Looks again, beside what goes on, once what was seen is too old to be believed. Before the first `ensure` it does nothing. */
  refresh(): void
  /** Returns when nothing of it is under way, so that it leaves nothing behind. */
  idle(): Promise<void>
}

export function createEgressGuard(engine: Engine, rules: EgressRules, now: () => number = Date.now): EgressGuard {
  let seen: { readonly at: number; readonly run: string } | null = null
  let applying: Promise<void> | null = null

  async function apply(run: string, call: CallContext): Promise<void> {
    try {
      await applyRules(engine, rules, call)
      seen = { at: now(), run }
    } catch (error) {
      seen = null
      throw error
    } finally {
      applying = null
    }
  }

  return {
    get enforced() {
      return seen !== null
    },
    async ensure(call) {
      const run = await daemonRun(engine, call.signal)
      if (seen !== null && seen.run === run && now() - seen.at < believedMs) return
      // One at a time per driver, and not ended by the one caller that began it.
      applying ??= apply(run, { ...call, signal: new AbortController().signal })
      await applying
    },
    refresh() {
      if (seen === null || applying !== null || now() - seen.at < believedMs) return
      // What fails here is tried again at the next list, and decides at the next create.
      applying = apply(seen.run, { signal: AbortSignal.timeout(refreshMs) })
      applying.catch(() => undefined)
    },
    async idle() {
      await applying?.catch(() => undefined)
    },
  }
}

/** Stands for one run of the daemon: it makes its default bridge anew at each start. Empty where it has none. */
async function daemonRun(engine: Engine, signal: AbortSignal): Promise<string> {
  try {
    return (await engine.json('GET', '/networks/bridge', networkShape, signal)).Id
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return ''
    throw error
  }
}

async function applyRules(engine: Engine, rules: EgressRules, call: CallContext): Promise<void> {
  const { signal } = call
  const onProgress = ({ percent }: Progress) =>
    call.progress?.({ message: 'Preparing the network rules of this machine', percent })
  await ensureImage({ engine, tag, contextDir, extraCa: null, signal, onProgress })
  const id = await makeHelper(engine, rules, signal)
  try {
    await engine.done('POST', `/containers/${id}/start`, signal)
    const { StatusCode } = await engine.json('POST', `/containers/${id}/wait`, waitShape, signal)
    if (StatusCode !== 0) {
      const said = await containerLogs(engine, id, 5, signal)
      throw new EngineError(503, `the network rules were not taken: ${said}`)
    }
  } finally {
    await engine.done('DELETE', `/containers/${id}`, signal, { query: { force: true, v: true } })
  }
}

async function makeHelper(engine: Engine, rules: EgressRules, signal: AbortSignal): Promise<string> {
  await tidyUp(engine, signal)
  const body = {
    Image: tag,
    Labels: { [partLabel]: part },
    Env: [`CARREL_RULES=${rules.text}`, `CARREL_TABLE=${rules.table}`],
    HostConfig: {
      NetworkMode: 'host',
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN'],
      SecurityOpt: ['no-new-privileges:true'],
      Mounts: [{ Type: 'bind', Source: '/run', Target: '/host/run', ReadOnly: true }],
      RestartPolicy: { Name: 'no' },
    },
  }
  return (await engine.json('POST', '/containers/create', madeShape, signal, { body })).Id
}

/** Removes helpers that a worker left behind when it was killed. The daemon lets only one tidy up at a time: then another does. */
async function tidyUp(engine: Engine, signal: AbortSignal): Promise<void> {
  const filters = JSON.stringify({ label: [`${partLabel}=${part}`], until: ['2m'] })
  await engine.done('POST', '/containers/prune', signal, { query: { filters } }).catch((error: unknown) => {
    if (!(error instanceof EngineError && error.status === 409)) throw error
  })
}
