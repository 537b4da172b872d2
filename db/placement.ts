import { outageAfterSeconds, providerRole } from './beats.ts'

const resources = [
  ['sessions', 'sessions'],
  ['cpu_milli', 'cpuMilli'],
  ['memory_mib', 'memoryMib'],
  ['disk_mib', 'diskMib'],
  ['gpus', 'gpus'],
] as const
const each = (of: (column: string) => string): string =>
  resources.map(([column, name]) => `'${name}', ${of(column)}`).join(', ')
const limit = (column: string): string => `coalesce(q.${column}, d.${column})`
const isLimited = `num_nonnulls(${resources.map(([column]) => limit(column)).join(', ')}) > 0`

/** Of the provider `p`: `null` where nothing limits it. */
const quota = `
        select json_build_object('limits', json_build_object(${each(limit)}), 'held', (
          select json_build_object(${each((column) => `coalesce(sum(${column}), 0)`)}) from reservation
          where provider_id = p.id and released_at is null))
        from quota_default d left join quota q on q.payer_kind = d.payer_kind and q.payer_id = p.id
        where d.payer_kind = 'provider' and ${isLimited}`

/**
 * The text of a common table expression over what templates ask for, `named (wanted)`: the providers that any of them names, and
 * whether one of them names more than one in service.
 */
export const choice = `
  choice as materialized (
    select id, bool_or(rivals > 1) as contested
    from (
      select p.id, count(*) filter (where p.disabled_at is null and p.draining_at is null)
        over (partition by n.wanted) as rivals
      from named n join provider p on p.id = n.wanted ->> 'id' or p.kind = n.wanted ->> 'kind'
        or n.wanted ->> 'class' = any(p.classes)) named_by
    group by id)`

/**
 * The text of a query for every provider of `choice`, as placement sees it now: a `Candidate` each. No lock: the choice is a hint,
 * admission and dispatch decide. One that has no rival is chosen whatever its load and quota: those are not read then, for they cost
 * a look at each of its sessions; and what is held is summed only where a limit stands.
 */
export const candidates = `
    select p.id, p.kind, p.classes, p.disabled_at is null and p.draining_at is null as open,
      coalesce(h.state, 'closed') = 'closed' and h.observe_error is null
        and coalesce(b.at > now() - ${outageAfterSeconds} * interval '1 second', true) as healthy, h.capabilities,
      case when choice.contested
        then (select count(*)::int from session where provider_id = p.id and ended_at is null) else 0 end as load,
      case when choice.contested then (${quota}) end as quota
    from choice join provider p on p.id = choice.id left join provider_health h on h.provider_id = p.id
      left join beat b on b.role = '${providerRole('')}' || p.id`
