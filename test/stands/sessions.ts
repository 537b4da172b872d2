import { expect } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { clientOf } from '../setup/site.ts'
import { leftInTime } from '../support/leftovers/at.ts'
import type { RealBackend } from './backend.ts'
import type { StandSite } from './site.ts'

/** Asks for a session on the backend, and lets its guest do its part. */
export async function wish({ portal, templateId, site }: StandSite, backend: RealBackend): Promise<SessionId> {
  // The api made it.
  const id = (await portal.create(templateId)) as SessionId
  // Its session may be over before it has done anything.
  void backend.playGuest?.(site, id).catch(() => undefined)
  return id
}

/** Waits until the session is ready; another end is a failure, with what its events say. */
export async function becomesReady({ portal, site }: StandSite, id: SessionId): Promise<void> {
  const state = await portal.until(id, ['ready'])
  if (state === 'ready') return
  const told = site.db.selectFrom('session_event').select(['type', 'data']).where('session_id', '=', id)
  const events = await told.orderBy('seq').execute()
  throw new Error(`it became ${state}, not ready: ${JSON.stringify(events)}`)
}

/** Ends a session, and waits until it is over; its end. */
export async function stop({ portal }: StandSite, id: SessionId): Promise<string> {
  await portal.remove(id)
  return await portal.until(id, ['stopped'])
}

/** Asks for a session to rest, or to go on; it takes its time. */
export async function askRest({ api, site }: StandSite, id: SessionId, wanted: 'pause' | 'resume'): Promise<void> {
  const ask = clientOf(api.url, site.user.token)
  const { status } = await ask('POST', `/v1/sessions/${id}/${wanted}`, undefined, { prefer: 'respond-async' })
  expect([200, 202]).toContain(status)
}

/** Nothing of the installation is left at the backend, by the backend's own words, and no row believes that something is. */
export async function nothingLeft({ site }: StandSite, { provider }: RealBackend): Promise<void> {
  const all = await site.db.selectFrom('instance').select('name').execute()
  const names = all.map(({ name }) => name)
  expect(await leftInTime(provider, site.deploymentId, undefined, names)).toEqual([])
  const rows = await site.db.selectFrom('instance').select('name').where('removed_at', 'is', null).execute()
  expect(rows).toEqual([])
}
