import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { Ask, Person, TestApi } from './api.ts'

interface World {
  readonly owner: Person
  readonly templateId: string
  readonly sessionId: string
}
type Request = () => Promise<{ path: string; ask?: Ask }> | { path: string; ask?: Ask }

const why = (more: object = {}): Ask => ({ body: { reason: 'A test.', ...more } })

/** Requests of the operators' commands that nothing but rights would refuse, on fresh things where they use them up. */
export function operatorRequests(api: () => TestApi, world: () => World): Readonly<Record<string, Request>> {
  let stopping: string | null = null
  const beingStopped = async (): Promise<string> => {
    if (stopping !== null) return stopping
    const { owner, templateId } = world()
    const ask = { token: owner.token, body: { templateId }, headers: { prefer: 'respond-async' } }
    const { id } = (await api().call('POST', '/v1/sessions', ask)).body
    await api().db.updateTable('session').set({ state: 'stopping' }).where('id', '=', id).execute()
    stopping = id
    return id
  }
  return {
    eraseAccount: async () => ({ path: `/v1/accounts/${(await api().person()).id}/erase`, ask: why() }),
    retrySession: () => ({ path: `/v1/sessions/${world().sessionId}/retry`, ask: why() }),
    abandonSession: async () => ({
      path: `/v1/sessions/${await beingStopped()}/abandon`,
      ask: why({ force: true }),
    }),
    getProvider: () => ({ path: '/v1/providers/fake' }),
    drainProvider: () => ({ path: '/v1/providers/fake/drain', ask: why() }),
    undrainProvider: () => ({ path: '/v1/providers/fake/undrain', ask: why() }),
    startReconciliation: () => ({
      path: '/v1/admin/reconciliations',
      ask: { ...why({ provider: 'fake' }), headers: { prefer: 'respond-async' } },
    }),
    getReconciliation: async () => {
      const id = newId('reconciliation')
      const row = { id, provider_id: 'fake' as ProviderId, requested_by: null, dry_run: true }
      await api().db.insertInto('reconciliation').values(row).execute()
      return { path: `/v1/admin/reconciliations/${id}` }
    },
    armReconciliation: async () => {
      await api().db.updateTable('sweep').set({ disarmed_at: new Date(), withheld: 6 }).execute()
      return { path: '/v1/admin/reconciliations/arm', ask: why({ provider: 'fake' }) }
    },
    adoptInstance: async () => {
      const { owner, templateId } = world()
      const ask = { token: owner.token, body: { templateId }, headers: { prefer: 'respond-async' } }
      const { id } = (await api().call('POST', '/v1/sessions', ask)).body
      await api().db.updateTable('session').set({ state: 'queued' }).where('id', '=', id).execute()
      const instance = `carrel-${id}-1`
      const seen = { provider_id: 'fake' as ProviderId, kind: 'unknown_instance' as const, subject: instance }
      await api().db.insertInto('drift').values(seen).execute()
      return { path: '/v1/admin/reconciliations/adopt', ask: why({ provider: 'fake', instance }) }
    },
    putMaintenance: () => ({
      path: '/v1/admin/maintenance',
      ask: { ...why({ text: 'Back soon.' }), headers: { 'if-match': '*' } },
    }),
    endMaintenance: () => ({ path: '/v1/admin/maintenance/end', ask: why() }),
  }
}
