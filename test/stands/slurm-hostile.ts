import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { eventually } from '../conformance/compute-harness.ts'
import { clientOf } from '../setup/site.ts'
import type { RealBackend } from './backend.ts'
import { openDoor } from './flow.ts'
import { becomesReady, nothingLeft, stop, wish } from './sessions.ts'
import { createStandSite } from './site.ts'
import type { StandSite } from './site.ts'
import { reportScript } from './slurm-server.ts'

/** Of a certificate that nobody has. */
const nobodys = 'ab'.repeat(32)

/**
 * Jobs that say that they listen where they do not: at the place of a session that runs, at one where a session was, and outside the
 * template's range. None of them becomes ready, and who is there is not disturbed.
 */
export async function hostileReports(backend: RealBackend): Promise<void> {
  const stand = await createStandSite(backend)
  try {
    const neighbour = await wish(stand, backend)
    await becomesReady(stand, neighbour)
    const door = await openDoor(stand, neighbour)
    const { reported } = await rowOf(stand, neighbour)
    const place = reported?.ports['8080'] ?? 0
    expect(place).toBeGreaterThan(0)

    const [besideIt, outside] = await Promise.all([
      hostile(stand, backend, 'neighbour', place),
      hostile(stand, backend, 'outside', (backend.template.reportedPorts?.to ?? 0) + 1),
    ])
    const { portal } = stand
    expect(await portal.until(besideIt, ['ready'])).toBe('failed')
    expect(await door()).toBe(200)
    expect(await stop(stand, neighbour)).toBe('stopped')

    // Nobody is there now, so the place is free; but nobody shows that certificate either.
    const afterIt = await hostile(stand, backend, 'finished', place)
    for (const id of [outside, afterIt]) expect(await portal.until(id, ['ready'])).toBe('failed')
    expect((await rowOf(stand, outside)).reported).toBeNull()
    expect(await refusedReports(stand, outside)).toBeGreaterThan(0)
    await nothingLeft(stand, backend)
  } finally {
    await stand.close()
  }
}

/** A session whose job reports a port, and a certificate, that it does not have. */
async function hostile(stand: StandSite, backend: RealBackend, name: string, port: number): Promise<SessionId> {
  const { api, site, portal } = stand
  const lie = reportScript(`{"ports":{"8080":${port}},"fingerprint":"${nobodys}"}`)
  const spec = {
    ...backend.template,
    provider: { id: backend.provider.id },
    command: ['sh', '-c', lie],
    startLimitSeconds: 30,
  }
  const headers = { 'idempotency-key': randomUUID() }
  const made = await clientOf(api.url, site.admin.token)('POST', '/v1/templates', { name, spec }, headers)
  expect(made.status).toBe(201)
  // The api made it.
  const id = (await portal.create(String(made.body['id']))) as SessionId
  const heard = async () => (await rowOf(stand, id)).reported !== null || (await refusedReports(stand, id)) > 0
  await eventually(heard, Boolean, 60_000)
  return id
}

const rowOf = async ({ site }: StandSite, id: SessionId) => {
  const row = await site.db.selectFrom('instance').select('reported').where('session_id', '=', id).executeTakeFirst()
  return { reported: row?.reported ?? null }
}

const refusedReports = async ({ site }: StandSite, id: SessionId): Promise<number> => {
  const lines = await site.db
    .selectFrom('audit_event')
    .select('outcome')
    .where('subject_id', '=', id)
    .where('outcome', '=', 'refused')
    .execute()
  return lines.length
}
