import { randomBytes } from 'node:crypto'
import { doorHost } from '../../../domain/doors.ts'
import type { AccountId, ProviderId, SessionId } from '../../../domain/ids.ts'
import type { DoorSpec } from '../../../domain/template.ts'
import type { DoorAccess, DoorHost, Doors, TunnelId, TunnelKind, TunnelUse, Verdict } from '../../../gateway/doors.ts'

const secretOf = (prefix: string) => `${prefix}_${randomBytes(32).toString('base64url')}`

export interface MemoryTunnel {
  readonly id: string
  readonly passId: string
  readonly kind: TunnelKind
  closed: string | null
  bytesIn: number
  bytesOut: number
}

interface Ticket {
  readonly host: string
  readonly accountId: string
  readonly access: DoorAccess
  readonly path: string
  used: boolean
}

/** Doors that a test sets as it likes; the rules of tickets and passes as the database has them. */
export class MemoryDoors implements Doors {
  readonly passes = new Map<string, { readonly host: string; access: DoorAccess; verdict: Verdict | null }>()
  readonly tickets = new Map<string, Ticket>()
  readonly tunnels = new Map<string, MemoryTunnel>()
  readonly touched: TunnelUse[] = []
  readonly reports: string[] = []
  readonly inputs: string[] = []
  readonly wishes = new Set<string>()
  isAway = false
  rechecks = 0

  #answer<T>(work: () => T): Promise<T> {
    return this.isAway ? Promise.reject(new Error('the database is away')) : Promise.resolve(work())
  }

  issue(host: DoorHost, access: DoorAccess, path = '/'): string {
    const ticket = secretOf('ct')
    this.tickets.set(ticket, { host: host.name, accountId: access.accountId, access, path, used: false })
    return ticket
  }

  /** A pass without a ticket. */
  pass(host: DoorHost, access: DoorAccess): string {
    const pass = secretOf('cp')
    this.passes.set(pass, { host: host.name, access: { ...access, passId: pass.slice(0, 12) }, verdict: null })
    return pass
  }

  /** What a pass is worth from now on. */
  judge(pass: string, verdict: Verdict): void {
    const known = this.passes.get(pass)
    if (known !== undefined) known.verdict = verdict
  }

  redeem(ticket: string, host: DoorHost, existing: readonly string[]): ReturnType<Doors['redeem']> {
    return this.#answer(() => {
      const known = this.tickets.get(ticket)
      if (known === undefined || known.host !== host.name) return { kind: 'refused', code: 'ticket_unknown' }
      if (known.used) return { kind: 'refused', code: 'ticket_used' }
      const other = existing.map((pass) => this.passes.get(pass)).find((pass) => pass !== undefined)
      if (other !== undefined && other.access.accountId !== known.accountId)
        return { kind: 'refused', code: 'other_account', current: other.access.accountId, asked: known.accountId }
      known.used = true
      return { kind: 'pass', pass: this.pass(host, known.access), path: known.path, expiresAt: Date.now() + 60_000 }
    })
  }

  check(pass: string | null, host: DoorHost): Promise<Verdict> {
    return this.#answer(() => {
      const known = pass === null ? undefined : this.passes.get(pass)
      if (known === undefined || known.host !== host.name) return { kind: 'no_pass' }
      return known.verdict ?? { kind: 'open', access: known.access }
    })
  }

  recheck(passIds: readonly string[]): ReturnType<Doors['recheck']> {
    this.rechecks += 1
    return this.#answer(
      () =>
        new Map(
          [...this.passes.values()]
            .filter(({ access }) => passIds.includes(access.passId))
            .map(({ access, verdict }) => [access.passId, verdict?.kind ?? 'open']),
        ),
    )
  }

  openTunnel(access: DoorAccess, kind: TunnelKind): Promise<TunnelId> {
    return this.#answer(() => {
      const id = `n${this.tunnels.size + 1}` as TunnelId
      this.tunnels.set(id, { id, passId: access.passId, kind, closed: null, bytesIn: 0, bytesOut: 0 })
      return id
    })
  }

  touch(tunnels: readonly TunnelUse[]): Promise<readonly string[]> {
    return this.#answer(() => {
      this.touched.push(...tunnels)
      return []
    })
  }

  cutWishes(ids: readonly string[]): Promise<readonly string[]> {
    return this.#answer(() => ids.filter((id) => this.wishes.has(id)))
  }

  closeTunnel(id: string, reason: string, bytes: { bytesIn: number; bytesOut: number }): Promise<void> {
    return this.#answer(() => void Object.assign(this.tunnels.get(id) ?? {}, { closed: reason, ...bytes }))
  }

  noteInput(sessionId: SessionId): Promise<void> {
    return this.#answer(() => void this.inputs.push(sessionId))
  }

  beat(): Promise<void> {
    return this.#answer(() => undefined)
  }

  reportDoor(sessionId: SessionId, door: string, outcome: string): Promise<void> {
    return this.#answer(() => void this.reports.push(`${sessionId}-${door} ${outcome}`))
  }
}

export const domain = 'localhost'
export const session = (name = 's1alpha') => name as SessionId
export const hostOf = (sessionId = session(), door = 'web') => doorHost(sessionId, door, domain)

/** Access to a web door on this machine, as the database would describe it. */
export const accessTo = (
  port: number,
  more: Partial<DoorAccess> & { readonly web?: Partial<DoorSpec> } = {},
): DoorAccess => {
  const { web, ...rest } = more
  return {
    passId: 'p1',
    sessionId: session(),
    door: 'web',
    mode: 'control',
    accountId: 'a1anna' as AccountId,
    spec: { protocol: 'http', port: 8888, modes: ['control'], ...web },
    state: 'ready',
    generation: 1,
    providerId: 'docker' as ProviderId,
    networks: ['127.0.0.1/32'],
    endpoint: { host: '127.0.0.1', port },
    secret: null,
    expiresAt: Date.now() + 60_000,
    ...rest,
  }
}
