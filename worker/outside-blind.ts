import type { Arming } from '../db/epoch.ts'
import { within } from '../platform/within.ts'
import type { AccessGateway } from '../ports/access/access-gateway.ts'

export interface OutsideBlindDeps {
  readonly access: Pick<AccessGateway, 'cutAll'>
  readonly deploymentId: string
  /** Asks Postgres whether the installation may act. */
  readonly readArming: () => Promise<Pick<Arming, 'disarmed'>>
  readonly log: { warn(found: object, message: string): void }
  /** Counts tunnels that were ended. */
  readonly count: (tunnels: number) => void
  readonly limits?: Partial<BlindLimits>
  /** ms, of a clock that nobody sets. */
  readonly now?: () => number
}

export interface BlindLimits {
  /** Between two questions to Postgres, and between two looks at the gateway while it does not answer. */
  readonly everyMs: number
  /** An answer that takes longer is none. */
  readonly answerMs: number
  /** Without an answer for so long, tunnels end: with the question, the list and the kills within a minute. */
  readonly blindMs: number
  /** One try at the gateway; what it does not answer is tried with the next look. */
  readonly endMs: number
}

const usualLimits: BlindLimits = { everyMs: 2_000, answerMs: 5_000, blindMs: 40_000, endMs: 30_000 }

/**
 * Ends what is open at the gateway outside once nobody could ask Postgres for most of a minute whether it still may be, and again
 * whatever a browser that kept its token opens meanwhile. It needs nothing but this process and the gateway: what is ours is
 * told by its names there. Acts only where Postgres said before that the installation is armed. Returns the way to leave off.
 */
export function watchBlind({
  access,
  deploymentId,
  readArming,
  log,
  count,
  limits,
  now = performance.now.bind(performance),
}: OutsideBlindDeps): () => void {
  const { everyMs, answerMs, blindMs, endMs } = { ...usualLimits, ...limits }
  const left = new AbortController()
  let armedAt: number | null = null
  let isTold = false

  const endAll = async () => {
    const ended = await access.cutAll(deploymentId, AbortSignal.any([left.signal, AbortSignal.timeout(endMs)]))
    if (ended.kind === 'cut') return count(ended.tunnels)
    if (!left.signal.aborted) log.warn({ detail: ended.detail }, 'what is open at the gateway outside did not end yet')
  }
  const look = async () => {
    const askedAt = now()
    try {
      armedAt = (await within(answerMs, readArming())).disarmed === null ? askedAt : null
      isTold = false
      return
    } catch {
      if (armedAt === null || now() - armedAt < blindMs) return
    }
    if (!isTold) log.warn({}, 'Postgres does not answer: what is open at the gateway outside is ended until it does')
    isTold = true
    await endAll()
  }

  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look()
      .catch((error: unknown) => log.warn({ error }, 'what is open at the gateway outside could not be ended'))
      .finally(() => (looking = false))
  }, everyMs)
  return () => {
    clearInterval(timer)
    left.abort()
  }
}
