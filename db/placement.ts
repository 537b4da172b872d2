/**
 * The text of a query for every provider, as placement sees it now: a `Candidate` each. No lock: the choice is a hint, admission
 * and dispatch decide. An only provider is chosen whatever its load: that is not counted then.
 */
export const candidates = `
    select p.id, p.kind, p.disabled_at is null and p.draining_at is null as open,
      coalesce(h.state, 'closed') = 'closed' as healthy,
      case when (select count(*) from provider) = 1 then 0
        else (select count(*)::int from session where provider_id = p.id and ended_at is null) end as load
    from provider p left join provider_health h on h.provider_id = p.id`
