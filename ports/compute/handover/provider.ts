import { setTimeout as pause } from 'node:timers/promises'
import { ProviderUnreachable } from '../provider.ts'
import type { CallContext, ComputeProvider, Created, InstanceSpec, Removed } from '../provider.ts'
import { untilAborted } from '../until-aborted.ts'
import { awayBecause, findingsOf } from './check.ts'
import type { HandoverAsk, HandoverRecords, HandoverRef } from './records.ts'
import type { HandoverSettings } from './settings.ts'
import { stateOf } from './state.ts'

export type { HandoverRecords } from './records.ts'

/** How long things take; a test has less time. */
export interface HandoverTimes {
  /** One call of the records, ms. */
  readonly answerMs: number
  /** How long a removal waits for the provisioner's word, and how often it looks, ms. */
  readonly removeMs: number
  readonly lookMs: number
  readonly pageSize: number
}

// A removal that waits keeps others of the provider from being looked at: it is asked again later instead.
const usual: HandoverTimes = { answerMs: 5_000, removeMs: 5_000, lookMs: 500, pageSize: 500 }

/**
 * Instances that somebody else makes: written down for a provisioner outside, who takes them, says where they are, and says when nothing
 * is left of them. Only what was never taken is gone without that word.
 */
export function createHandoverProvider(
  settings: HandoverSettings,
  records: HandoverRecords,
  times: Partial<HandoverTimes> = {},
): ComputeProvider {
  const { answerMs, removeMs, lookMs, pageSize } = { ...usual, ...times }
  const bounded = async <T>(asked: Promise<T>, { signal }: CallContext): Promise<T> =>
    await untilAborted(asked, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]))

  async function handOver(spec: InstanceSpec, call: CallContext): Promise<Created> {
    const { name, deploymentId } = spec
    const ref = { name, deploymentId }
    if ((await bounded(records.find(ref), call)) !== null) return { kind: 'adopted', ref }
    const away = awayBecause(await bounded(records.provisioner(settings.provisioner), call), settings)
    if (away !== null) return { kind: 'unavailable', retryAfterMs: null, detail: away }
    const isNew = await bounded(records.add(askOf(spec), settings.takeWithinSeconds), call)
    return { kind: isNew ? 'made' : 'adopted', ref }
  }

  async function release({ name, deploymentId }: HandoverRef, call: CallContext): Promise<Removed> {
    const until = Date.now() + removeMs
    for (;;) {
      if (await bounded(records.release({ name, deploymentId }), call)) return { kind: 'removed' }
      if (Date.now() >= until)
        return { kind: 'unknown', why: 'Its provisioner has not said that nothing is left of it.' }
      await pause(lookMs, undefined, { signal: call.signal })
    }
  }

  return {
    capabilities: {
      pause: false,
      gpu: true,
      diskLimit: false,
      // What the provisioner keeps apart is its own word.
      isolation: 'partial',
      egress: ['internet', 'site'],
      mounts: false,
      logs: false,
    },
    // A statement that was sent and given up ends within its own limit.
    settleMs: 15_000,
    async create(spec, call) {
      const unfit = unfitBecause(spec)
      if (unfit !== null) return { kind: 'refused', code: 'template_unfit', detail: unfit }
      try {
        return await handOver(spec, call)
      } catch {
        return { kind: 'unavailable', retryAfterMs: null, detail: unreachable }
      }
    },
    async inspect(ref, call) {
      try {
        const record = await bounded(records.find(ref), call)
        return record === null ? { kind: 'absent' } : stateOf(record)
      } catch {
        return { kind: 'unknown', why: unreachable }
      }
    },
    async remove(ref, call) {
      try {
        return await release(ref, call)
      } catch {
        return { kind: 'unknown', why: unreachable }
      }
    },
    async *list(deploymentId, call) {
      for (let after = '', more = true; more;) {
        const page = await bounded(records.page(deploymentId, after, pageSize), call).catch(() => {
          call.signal.throwIfAborted()
          throw new ProviderUnreachable(unreachable)
        })
        for (const record of page) {
          const { name, sessionId, generation } = record
          yield { ref: { name, deploymentId }, sessionId, generation, state: stateOf(record) }
        }
        after = page.at(-1)?.name ?? after
        more = page.length === pageSize
      }
    },
    async check(_ask, call) {
      try {
        const facts = await bounded(records.provisioner(settings.provisioner), call)
        return findingsOf(facts, settings, Date.now())
      } catch {
        return [{ code: 'unreachable', level: 'missing' }]
      }
    },
    close: () => Promise.resolve(),
  }
}

const unreachable = 'Where handed-over instances are written down does not answer.'

/** What cannot be asked of a provisioner, for operators. */
function unfitBecause({ mounts, readiness, capabilities, egress }: InstanceSpec): string | null {
  if (mounts.length > 0) return 'Nothing is mounted into what a provisioner makes.'
  if (readiness.kind === 'log') return 'Nobody sees what it prints: its readiness is by port, or none.'
  if (capabilities.length > 0) return 'A provisioner is asked for no capabilities of the kernel.'
  return egress === 'none' ? 'No provisioner is known to keep what it makes from everything.' : null
}

function askOf(spec: InstanceSpec): HandoverAsk {
  const { name, deploymentId, sessionId, generation, secret, environment, report, terms } = spec
  const { image, command, size, user, ports, egress, lifetimeSeconds } = spec
  const { cpuMilli, memoryMib, diskMib, gpus } = spec.resources
  return {
    name,
    deploymentId,
    sessionId,
    generation,
    spec: {
      image,
      command,
      size,
      user,
      ports,
      egress,
      lifetimeSeconds,
      resources: { cpuMilli, memoryMib, diskMib, gpus },
      reportedPorts: report === null ? null : { ...report.ports, ...(report.tls === true ? { tls: true } : {}) },
      terms: terms.handover ?? {},
    },
    secrets: { secret, environment, report: report === null ? null : { url: report.url, token: report.token } },
  }
}
