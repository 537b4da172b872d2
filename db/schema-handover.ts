import type { ColumnType, Generated } from 'kysely'
import type { HandoverFailCode, HandoverStatus } from '../domain/handover.ts'
import type { HandoverId, ProviderId, SessionId } from '../domain/ids.ts'
import type { Resources } from '../domain/resources.ts'
import type { Egress, PortRange } from '../domain/template.ts'
import type { Json, NullableTime, Time, TimeDefault } from './schema-columns.ts'

type NullableText = ColumnType<string | null, string | null | undefined, string | null>

/** What a provisioner is asked for: nothing of it is secret. */
export interface StoredHandoverSpec {
  readonly image: string
  readonly command: readonly string[] | null
  readonly size: string
  readonly resources: Omit<Resources, 'sessions'>
  /** As whom it runs; `null`: as the image says. */
  readonly user: {
    readonly uid: number
    readonly gid: number
    readonly gids: readonly number[]
    readonly name?: string
  } | null
  /** On which ports it is to answer. */
  readonly ports: readonly number[]
  /** They may be others, of this range, which are reported. */
  readonly reportedPorts: (PortRange & { readonly tls?: boolean }) | null
  readonly egress: Egress
  readonly lifetimeSeconds: number
  /** The template's own words for the provisioner. */
  readonly terms: Readonly<Record<string, string>>
}

export interface HandoverTables {
  /** Instances that a provisioner outside makes and ends. */
  handover: {
    id: HandoverId
    provider_id: ProviderId
    deployment_id: string
    name: string
    session_id: SessionId
    generation: number
    spec: Json<StoredHandoverSpec>
    /** What only its taker is given, as JSON. */
    sealed: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    made_at: TimeDefault
    take_before: Time
    status: Generated<HandoverStatus>
    /** Of what the take called itself. */
    claim_hash: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    taken_by: NullableText
    taken_at: NullableTime
    /** When its provisioner last said something of it. */
    said_at: NullableTime
    words: NullableText
    host: NullableText
    code: ColumnType<HandoverFailCode | null, HandoverFailCode | null | undefined, HandoverFailCode | null>
    exit_code: ColumnType<number | null, number | null | undefined, number | null>
    unwanted_at: NullableTime
    gone_at: NullableTime
    version: Generated<number>
  }
}
