import type { ColumnType, Generated } from 'kysely'
import type { CatalogueListing, CatalogueReport, ListGap, SyncOutcome } from '../domain/catalogue.ts'
import type { ProjectRole } from '../domain/authorization.ts'
import type { DayOrMoment, ExperimentDataset } from '../domain/experiment.ts'
import type { AccountId, ExperimentId, ProjectId, ProviderId, SyncId } from '../domain/ids.ts'
import type { Volume } from '../domain/volumes.ts'
import type { JsonDefault, NullableJson, NullableTime, TimeDefault } from './schema-columns.ts'

type Made<T> = ColumnType<T, never, never>
type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>

/** What a session's row knows of the experiment it belongs to. */
export interface ExperimentColumns {
  experiment_id: Optional<ExperimentId>
}

/** What rows know of the catalogue that they come from; `null`: people made them here. */
export interface SourceColumn {
  source: Optional<string>
}

export interface MemberSourceColumns extends SourceColumn {
  /** The catalogue that says the role; `null`: people here. */
  role_source: Optional<string>
}

export interface ProjectSourceColumns extends SourceColumn {
  external_id: Optional<string>
  search: Made<string>
}

export interface ExperimentTables {
  experiment: SourceColumn & {
    id: ExperimentId
    project_id: ProjectId
    name: string
    description: Generated<string>
    instrument: string | null
    external_id: Optional<string>
    starts: Optional<DayOrMoment>
    ends: Optional<DayOrMoment>
    /** `named`: for those alone of the project whom `experiment_member` names. */
    audience: Generated<'project' | 'named'>
    uid: Optional<number>
    gid: Optional<number>
    datasets: JsonDefault<readonly ExperimentDataset[]>
    version: Generated<number>
    created_at: TimeDefault
    /** Its catalogue names it no more. */
    withdrawn_at: NullableTime
    order_starts: Made<string>
    order_name: Made<string>
    search: Made<string>
  }
  experiment_member: SourceColumn & { experiment_id: ExperimentId; account_id: AccountId }
  /** A view. */
  experiment_access: {
    experiment_id: Made<ExperimentId>
    project_id: Made<ProjectId>
    account_id: Made<AccountId>
    role: Made<ProjectRole>
  }
  data_root: { path: string; provider_id: ProviderId; host_path: string | null; volume: NullableJson<Volume> }
  favourite: {
    account_id: AccountId
    kind: 'project' | 'experiment' | 'template'
    subject_id: string
    created_at: TimeDefault
  }
  catalogue_sync: {
    id: SyncId
    source: string
    /** `null`: everybody whom the source knows. */
    account_id: Optional<AccountId>
    /** `null`: the schedule, or a sign-in. */
    requested_by: Optional<AccountId>
    dry_run: Generated<boolean>
    allow_withdrawals: Generated<number>
    requested_at: TimeDefault
    started_at: NullableTime
    ended_at: NullableTime
    run_id: Optional<string>
    outcome: Optional<SyncOutcome>
    /** What was decided of its withdrawals before the first of them. */
    may_withdraw: Optional<boolean>
    report: NullableJson<CatalogueReport>
    next_try_at: TimeDefault
    tries: Generated<number>
    /** When a run last carried it on. */
    seen_at: NullableTime
    /** How much it has changed so far. */
    changed: Generated<number>
  }
  catalogue_listing: {
    sync_id: SyncId
    /** `''`: one list of everything. */
    account_id: Generated<string>
    /** Of a list that comes in parts. */
    part: Generated<number>
    /** Where the next part begins, as the catalogue says it; `null`: this is the last. */
    next: Optional<string>
    read_at: TimeDefault
    gap: Optional<ListGap>
    /** `null`: it could not be read, and this is why. */
    listing: NullableJson<CatalogueListing>
    why: Optional<string>
  }
  catalogue_standing: {
    source: string
    account_id: Generated<string>
    synced_at: NullableTime
    stale_since: NullableTime
    /** Of everybody's: by then it was to be read again. */
    fresh_until: NullableTime
  }
}
