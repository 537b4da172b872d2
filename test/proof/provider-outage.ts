import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import type { ProofSite } from './site.ts'
import type { Watched } from './watched.ts'

/** An outage goes on for so long at most, until everything was seen that should be seen of it. */
const longestMs = 60_000

/**
 * The way to a backend, as one of the things that may go away: nothing is killed, nobody reaches it. It comes back when its time
 * is over and `seen` says that it has lasted long enough, also on a machine that has much else to do.
 */
export function watchedWay(name: string, reach: (way: 'up' | 'down') => void, seen: () => boolean): Watched {
  const downtimes: { from: number; to: number }[] = []
  let back = Promise.resolve()
  return {
    name,
    downtimes,
    ownEnds: [],
    kill(downMs) {
      if (downtimes.at(-1)?.to === Infinity) return false
      const down = { from: Date.now(), to: Infinity }
      downtimes.push(down)
      reach('down')
      const bring = async () => {
        await delay(downMs)
        while (!seen() && Date.now() < down.from + longestMs) await delay(everyMs)
        reach('up')
        down.to = Date.now()
      }
      back = bring()
      return true
    },
    usable: async () => await back,
    close: async () => await back,
  }
}

const everyMs = 100

/** What was seen of a provider's breaker while the provider was away, and until it closed. */
export interface BreakerStory {
  /** Sessions that waited were told for what, and when it is tried again. */
  readonly told: boolean
  /** `/v1/status` named the provider as down. */
  readonly named: boolean
  /** The most that were sent to the provider at once before its breaker had closed again. */
  readonly mostProbes: number
  readonly closed: boolean
  /** A session of the other provider became ready while the breaker was open. */
  readonly othersBegan: boolean
}

/** Looks at the breaker, at what users are told, and at the provider beside it, until it is stopped. */
export function watchBreaker(site: ProofSite, providerId: string, beside: string) {
  const ending = new AbortController()
  let told = false
  let named = false
  let othersBegan = false
  let mostProbes = 0
  let state = 'closed'
  const ask = async (path: string): Promise<string> =>
    await fetch(`${site.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${site.user.token}` },
      signal: AbortSignal.timeout(10_000),
    }).then(
      async (response) => await response.text(),
      () => '{}',
    )
  const look = async () => {
    const { rows } = await sql<{ state: string; probes: number; others: boolean }>`
      select h.state, exists (select 1 from session s where s.provider_id = ${beside} and s.ready_at > h.since) as others,
        (select count(*)::int from session s where s.provider_id = h.provider_id
        and s.state = 'provisioning' and s.dispatched_at > h.since + interval '1 second') as probes
      from provider_health h where h.provider_id = ${providerId}`.execute(site.db)
    state = rows[0]?.state ?? state
    if (state === 'closed') return
    othersBegan ||= rows[0]?.others === true
    mostProbes = Math.max(mostProbes, rows[0]?.probes ?? 0)
    told ||= waits(JSON.parse(await ask('/v1/sessions?state=queued&limit=200')) as Listed, providerId)
    named ||= (await ask('/v1/status')).includes(`{"name":"provider/${providerId}","state":"down"`)
  }
  const looking = (async () => {
    while (!ending.signal.aborted) {
      await look()
      await delay(everyMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  })()
  return {
    /** Whether everything was seen that there is to see while the provider is away. */
    seen: () => told && named && othersBegan,
    async stop(): Promise<BreakerStory> {
      ending.abort()
      await looking
      return { told, named, othersBegan, mostProbes, closed: state === 'closed' }
    },
  }
}
export type BreakerWatch = ReturnType<typeof watchBreaker>

interface Listed {
  readonly items?: readonly Readonly<Record<string, unknown>>[]
}
const waits = ({ items = [] }: Listed, providerId: string): boolean =>
  items.some(
    (item) =>
      item['providerId'] === providerId &&
      item['waitingFor'] === 'provider_unavailable' &&
      typeof item['retryAt'] === 'string',
  )

/** The breaker did what it is for, and the provider beside it noticed nothing. */
export async function breakerBreaches(site: ProofSite, story: BreakerStory, beside: string): Promise<string[]> {
  const { rows } = await sql<{ waited: number }>`
    select count(*)::int as waited from session s join session_event e on e.session_id = s.id
    where s.provider_id = ${beside} and e.data ->> 'waitingFor' = 'provider_unavailable'`.execute(site.db)
  return [
    ...(story.told ? [] : ['nobody who waited was told for what, and when it is tried again']),
    ...(story.named ? [] : ['the status never named the provider as down']),
    ...(story.closed ? [] : ['the breaker is still open']),
    ...(story.mostProbes <= 1 ? [] : [`${story.mostProbes} sessions probed the provider at once`]),
    ...(rows[0]?.waited === 0 ? [] : ['a session of the other provider waited too']),
    ...(story.othersBegan ? [] : ['no session of the other provider became ready meanwhile']),
  ]
}
