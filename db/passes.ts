import { sql } from 'kysely'
import { verdictOf } from '../domain/door-verdict.ts'
import type { VerdictKind } from '../domain/door-verdict.ts'
import { looksLikePass, portOf } from '../domain/doors.ts'
import type { DoorHost } from '../domain/doors.ts'
import type { AccountId, ProviderId, SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { DoorMode, DoorSpec } from '../domain/template.ts'
import type { Executor } from './connect.ts'
import { hashOf } from './door-secrets.ts'
import { factsOf, passRows, sessionExpiry } from './pass-facts.ts'
import type { StoredEndpoint } from './schema.ts'

/** What the gateway may do for the bearer of a pass on a host name, at this moment. */
export interface DoorAccess {
  readonly passId: string
  readonly sessionId: SessionId
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId
  /** The template's door. */
  readonly spec: DoorSpec
  readonly state: SessionState
  readonly generation: number
  readonly providerId: ProviderId
  /** CIDRs in which its endpoints may lie. */
  readonly networks: readonly string[]
  /** Where the door is reached in this mode; `null`: not now. */
  readonly endpoint: { readonly host: string; readonly port: number; readonly fingerprint?: string } | null
  /** The session's secret, sealed for its instance; `null`: there is none. */
  readonly secret: Buffer | null
  /** When the pass ends at the latest, ms. */
  readonly expiresAt: number | null
}

/** How far a session that begins has come. */
export interface DoorProgress {
  readonly message: string
  readonly percent: number | null
}

export type Verdict =
  | { readonly kind: 'open'; readonly access: DoorAccess }
  /** None, unknown, of another host, or used up: to be opened from the portal again. */
  | { readonly kind: 'no_pass' }
  /** The right was withdrawn, the account disabled, the token revoked, the collaborator removed. */
  | { readonly kind: 'no_access' }
  | { readonly kind: 'not_ready'; readonly state: SessionState; readonly progress: DoorProgress | null }
  | { readonly kind: 'ended'; readonly reason: string }

/** That a pass is in use is noted so often at most, seconds. */
const usedEverySeconds = 15

/** The row of passes that a condition names is noted as used, in the same statement that goes on to read them. */
const noting = (executor: Executor, chosen: ReturnType<typeof sql<boolean>>) =>
  executor.with('used', (db) =>
    db
      .updateTable('door_pass as p')
      .set({ used_at: sql<Date>`now()` })
      .where(chosen)
      .where('p.ended_at', 'is', null)
      .where('p.used_at', '<', sql<Date>`now() - ${usedEverySeconds}::int * interval '1 second'`)
      .returning('p.id'),
  )

/** What the bearer of a pass may do on a host name: read in one statement, so that the facts are of one moment. */
export async function checkPass(executor: Executor, pass: string | null, host: DoorHost): Promise<Verdict> {
  if (pass === null || !looksLikePass(pass)) return { kind: 'no_pass' }
  const chosen = sql<boolean>`(p.hash = ${hashOf(pass)} and p.host = ${host.name})`
  const row = await passRows(noting(executor, chosen))
    .innerJoin('provider as pv', 'pv.id', 's.provider_id')
    .leftJoin('instance as i', (join) =>
      join
        .onRef('i.session_id', '=', 's.id')
        .onRef('i.generation', '=', 's.generation')
        .on('i.tombstoned_at', 'is', null),
    )
    .select(['s.generation', 's.provider_id', 's.reason', 's.stop_reason', 'pv.networks', 'i.endpoints', 'i.secret'])
    .select(
      sql<DoorProgress | null>`case when s.state in ('provisioning', 'resuming') then (
        select e.data from session_event e where e.session_id = s.id and e.type = 'session.progress'
        order by e.seq desc limit 1) end`.as('progress'),
    )
    .where(chosen)
    .executeTakeFirst()
  if (row === undefined) return { kind: 'no_pass' }
  const kind = verdictOf(factsOf(row))
  switch (kind) {
    case 'no_pass':
    case 'no_access':
      return { kind }
    case 'ended':
      return { kind, reason: row.reason ?? row.stop_reason ?? 'expired' }
    case 'not_ready':
      return { kind, state: row.state, progress: row.progress }
    case 'open': {
      // An open door is one that the template has.
      const spec = row.spec as DoorSpec
      return {
        kind,
        access: {
          passId: row.id,
          sessionId: row.session_id,
          door: row.door,
          mode: row.mode,
          accountId: row.account_id,
          spec,
          state: row.state,
          generation: row.generation,
          providerId: row.provider_id,
          networks: row.networks,
          endpoint: endpointAt(row.endpoints ?? [], portOf(spec, row.mode)),
          secret: row.secret === null || row.secret.length === 0 ? null : row.secret,
          expiresAt: Math.min(row.expires_at.getTime(), sessionExpiry(row) ?? Number.POSITIVE_INFINITY),
        },
      }
    }
    default:
      return kind satisfies never
  }
}

function endpointAt(endpoints: readonly StoredEndpoint[], port: number): DoorAccess['endpoint'] {
  const found = endpoints.find((endpoint) => endpoint.port === port)
  if (found === undefined) return null
  const { host, hostPort, fingerprint } = found
  return { host, port: hostPort, ...(fingerprint === undefined ? {} : { fingerprint }) }
}

/** What many passes are worth now, in one statement. One that is not in the answer is none any more. */
export async function recheckPasses(
  executor: Executor,
  passIds: readonly string[],
): Promise<ReadonlyMap<string, VerdictKind>> {
  if (passIds.length === 0) return new Map()
  const chosen = sql<boolean>`p.id = any(${[...passIds]}::text[])`
  const rows = await passRows(noting(executor, chosen)).where(chosen).execute()
  return new Map(rows.map((row) => [row.id, verdictOf(factsOf(row))]))
}
