import { setTimeout as delay } from 'node:timers/promises'
import type { Deed, RoundPlan } from './kill-plan.ts'
import type { Portal } from './kill-portal.ts'
import type { ProofSite } from './site.ts'

/** A session as the portal knows it. */
export interface Wish {
  /** Where it stands among those of its round; `earlier` in later ones. */
  readonly name: string
  readonly key: string
  /** What the api answered for the key; one id, unless something is wrong. */
  readonly ids: Set<string>
  /** A stop was tried: from then on it may end. */
  stopped: boolean
  /** When that was first; ms since the epoch. */
  stopAskedAt?: number
}

export interface Round {
  readonly plan: RoundPlan
  /** Its own, and those of earlier rounds that lived when it began. */
  readonly wishes: readonly Wish[]
  /** The processes that were killed, in order. */
  readonly kills: readonly string[]
  /** How many of the wishes were asked to stop when it was over. */
  readonly stopped: number
}

export interface RoundDeps {
  readonly site: ProofSite
  readonly portal: Portal
  readonly signal: AbortSignal
}

/** Those that nobody has asked to stop. */
export const livingOf = (wishes: readonly Wish[]): readonly Wish[] => wishes.filter(({ stopped }) => !stopped)

/** Carries a plan out. Every wish is answered when it returns, and processes may still be down. */
export async function runRound(deps: RoundDeps, plan: RoundPlan, earlier: readonly Wish[]): Promise<Round> {
  const { portal, signal } = deps
  const own = Array.from({ length: plan.sessions }, (_, n) => ({
    name: `${plan.round + 1}.${n}`,
    key: portal.key(),
    ids: new Set<string>(),
    stopped: false,
  }))
  const wishOf = (session: number): Wish | undefined => (session < 0 ? earlier.at(session) : own[session])
  const kills: string[] = []
  // Who comes to stop a session waits until it is accepted.
  const accepted = own.map(() => Promise.withResolvers<void>())
  await Promise.all(
    plan.deeds.map(async (deed) => {
      await delay(deed.at, undefined, { signal }).catch(() => {})
      if (deed.do === 'kill') {
        if (!signal.aborted && processOf(deps.site, deed)?.kill(deed.downMs) === true) kills.push(deed.process)
        return
      }
      if (deed.do === 'list') return void (await portal.list())
      const wish = wishOf(deed.session)
      if (wish === undefined) return
      if (deed.do === 'create') {
        note(wish, await portal.create(wish.name, wish.key))
        return accepted[deed.session]?.resolve()
      }
      await accepted[deed.session]?.promise
      const [id] = wish.ids
      if (id === undefined) return
      if (deed.do === 'read') return void (await portal.read(wish.name, id))
      wish.stopped = true
      wish.stopAskedAt ??= Date.now()
      await portal.stop(wish.name, id)
    }),
  )
  const wishes = [...earlier, ...own]
  return { plan, wishes, kills, stopped: wishes.length - livingOf(wishes).length }
}

const processOf = (site: ProofSite, { process }: Extract<Deed, { do: 'kill' }>) =>
  site.processes.find(({ name }) => name === process)

export function note(wish: Wish, id: string | null): void {
  if (id !== null) wish.ids.add(id)
}
