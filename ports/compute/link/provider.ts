import type { SessionId } from '../../../domain/ids.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { ComputeProvider, InstanceRef, InstanceState } from '../provider.ts'

/** A link that is held open for a session. */
export interface LinkRecord extends Pick<InstanceRef, 'name' | 'deploymentId'> {
  readonly sessionId: SessionId
  readonly generation: number
}

/** Where links are written down: nothing else holds them. Every call may reject. */
export interface LinkRecords {
  /** Returns whether it was not there. */
  add(record: LinkRecord): Promise<boolean>
  has(ref: Pick<InstanceRef, 'name' | 'deploymentId'>): Promise<boolean>
  remove(ref: Pick<InstanceRef, 'name' | 'deploymentId'>): Promise<void>
  /** Those of the deployment whose names come after `after`, in the order of names; at most `limit`. */
  page(deploymentId: string, after: string, limit: number): Promise<readonly LinkRecord[]>
}

const pageSize = 500
const running: InstanceState = { kind: 'running', endpoints: [] }

/** Sessions that are an address and nothing more: they are held, limited and ended as all others, and nothing runs. */
export function createLinkProvider(records: LinkRecords): ComputeProvider {
  return {
    capabilities: {
      pause: false,
      gpu: false,
      diskLimit: true,
      isolation: 'enforced',
      egress: ['none', 'internet', 'site'],
      mounts: false,
      logs: false,
    },
    settleMs: 0,
    async create({ name, deploymentId, sessionId, generation, terms }) {
      if (terms.link === undefined)
        return { kind: 'refused', code: 'template_unfit', detail: 'The template names no link: backend.link.url.' }
      try {
        const isNew = await records.add({ name, deploymentId, sessionId, generation })
        return { kind: isNew ? 'made' : 'adopted', ref: { name, deploymentId } }
      } catch {
        return { kind: 'unavailable', retryAfterMs: null, detail: unreachable }
      }
    },
    async inspect(ref) {
      try {
        return (await records.has(ref)) ? running : { kind: 'absent' }
      } catch {
        return { kind: 'unknown', why: unreachable }
      }
    },
    async remove(ref) {
      try {
        await records.remove(ref)
        return { kind: 'removed' }
      } catch {
        return { kind: 'unknown', why: unreachable }
      }
    },
    async *list(deploymentId, { signal }) {
      for (let after = '', more = true; more;) {
        signal.throwIfAborted()
        const page = await records.page(deploymentId, after, pageSize).catch(() => {
          throw new ProviderUnreachable(unreachable)
        })
        for (const { name, sessionId, generation } of page)
          yield { ref: { name, deploymentId }, sessionId, generation, state: running }
        after = page.at(-1)?.name ?? after
        more = page.length === pageSize
      }
    },
    close: () => Promise.resolve(),
  }
}

const unreachable = 'Where links are written down does not answer.'
