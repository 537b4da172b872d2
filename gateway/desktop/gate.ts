/** Where a guacd listens. */
export interface GuacdAddress {
  readonly host: string
  readonly port: number
}

export interface GateLimits {
  /** Handshakes with one guacd at a time. With ten, 5 to 9 % of them hang in guacd for ever. */
  readonly perGuacd: number
  /** Who waits for a place beyond these is refused at once. */
  readonly queue: number
  readonly queueMs: number
  /** A guacd that could not be reached is asked last for so long. */
  readonly restMs: number
}
export const gateLimits: GateLimits = { perGuacd: 2, queue: 100, queueMs: 30_000, restMs: 5_000 }

/** A place among those who are shaking hands with a guacd. */
export interface Place {
  readonly guacd: GuacdAddress
  /** The first picture is there: the next may come, and this connection counts as load until what is answered is called. */
  arrived(): () => void
  /** It came to nothing; `unreachable`: not even to a connection. Nothing after `arrived`. */
  gaveUp(unreachable: boolean): void
}

export type Entry =
  | { readonly kind: 'place'; readonly place: Place }
  /** Too many wait, or this one waited too long. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'withdrawn' }

export interface Gate {
  /**
   * A place at the least loaded guacd, or in the order of arrival when all are busy. `only`: at this one, as what is joined
   * lives there. `avoid`: at another one where there is another.
   */
  enter(wish: { only?: GuacdAddress; avoid?: GuacdAddress; signal?: AbortSignal }): Promise<Entry>
  /** How many shake hands, and how many connections are open, per guacd; and how many wait. */
  load(): { readonly waiting: number; readonly guacds: readonly GuacdLoad[] }
}

export interface GuacdLoad {
  readonly guacd: GuacdAddress
  readonly shaking: number
  readonly open: number
}

interface Slot {
  readonly guacd: GuacdAddress
  shaking: number
  open: number
  restingUntil: number
}
interface Waiting {
  readonly wish: { only?: GuacdAddress; avoid?: GuacdAddress }
  readonly admit: (slot: Slot) => void
}

/** Lets few shake hands with a guacd at a time, and says clearly when there is no room. */
export function createGate(
  addresses: readonly GuacdAddress[],
  limits: GateLimits = gateLimits,
  now: () => number = Date.now,
): Gate {
  const slots: Slot[] = addresses.map((guacd) => ({ guacd, shaking: 0, open: 0, restingUntil: 0 }))
  const queue = new Set<Waiting>()

  /** Some may wait for one guacd while another has room: everybody is asked, in order. */
  const admitNext = () => {
    for (const waiting of queue) {
      const slot = bestOf(slots, waiting.wish, limits, now())
      if (slot === undefined) continue
      queue.delete(waiting)
      waiting.admit(slot)
    }
  }

  const placeAt = (slot: Slot): Place => {
    slot.shaking += 1
    let left = false
    const leave = (): boolean => {
      if (left) return false
      left = true
      slot.shaking -= 1
      return true
    }
    return {
      guacd: slot.guacd,
      arrived() {
        let counts = leave()
        if (counts) slot.open += 1
        slot.restingUntil = 0
        admitNext()
        return () => {
          if (counts) slot.open -= 1
          counts = false
        }
      },
      gaveUp(unreachable) {
        if (!leave()) return
        if (unreachable) slot.restingUntil = now() + limits.restMs
        admitNext()
      },
    }
  }

  return {
    enter({ signal, ...wish }) {
      if (signal?.aborted === true) return Promise.resolve({ kind: 'withdrawn' })
      const slot = bestOf(slots, wish, limits, now())
      if (slot !== undefined) return Promise.resolve({ kind: 'place', place: placeAt(slot) })
      if (slots.length === 0 || queue.size >= limits.queue) return Promise.resolve({ kind: 'busy' })
      return new Promise<Entry>((resolve) => {
        const settle = (entry: Entry) => {
          clearTimeout(patience)
          signal?.removeEventListener('abort', withdraw)
          queue.delete(waiting)
          resolve(entry)
        }
        const waiting: Waiting = { wish, admit: (free) => settle({ kind: 'place', place: placeAt(free) }) }
        const withdraw = () => settle({ kind: 'withdrawn' })
        const patience = setTimeout(() => settle({ kind: 'busy' }), limits.queueMs)
        signal?.addEventListener('abort', withdraw, { once: true })
        queue.add(waiting)
      })
    },
    load: () => ({
      waiting: queue.size,
      guacds: slots.map(({ guacd, shaking, open }) => ({ guacd, shaking, open })),
    }),
  }
}

/** The one to go to now; `undefined`: wait. Pure. */
function bestOf(
  slots: readonly Slot[],
  { only, avoid }: Waiting['wish'],
  { perGuacd }: GateLimits,
  now: number,
): Slot | undefined {
  const free = slots.filter(({ guacd, shaking }) => shaking < perGuacd && (only === undefined || same(guacd, only)))
  const cost = ({ guacd, shaking, open, restingUntil }: Slot) =>
    (restingUntil > now ? 1e9 : 0) + (avoid !== undefined && same(guacd, avoid) ? 1e8 : 0) + shaking + open
  return free.toSorted((one, other) => cost(one) - cost(other))[0]
}

export const same = (one: GuacdAddress, other: GuacdAddress): boolean =>
  one.host === other.host && one.port === other.port
