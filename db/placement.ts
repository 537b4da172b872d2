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
 * The text of a query for every provider, as placement sees it now: a `Candidate` each. No lock: the choice is a hint, admission
 * and dispatch decide. An only provider is chosen whatever its load and quota: those are not read then; and what is held is summed
 * only where a limit stands.
 */
export const candidates = `
    select p.id, p.kind, p.classes, p.disabled_at is null and p.draining_at is null as open,
      coalesce(h.state, 'closed') = 'closed' as healthy, h.capabilities,
      case when (select count(*) from provider) = 1 then 0
        else (select count(*)::int from session where provider_id = p.id and ended_at is null) end as load,
      case when (select count(*) from provider) = 1 then null else (${quota}) end as quota
    from provider p left join provider_health h on h.provider_id = p.id`
