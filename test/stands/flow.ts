import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { expect } from 'vitest'
import { clientOf } from '../setup/site.ts'
import { enterDoor } from '../support/doors/enter.ts'
import type { Entered } from '../support/doors/enter.ts'
import { leftoversAt } from '../support/leftovers/at.ts'
import type { RealBackend } from './backend.ts'
import { becomesReady, nothingLeft, stop, wish } from './sessions.ts'
import type { StandSite } from './site.ts'

/** A whole session as its user has it: asked for, ready, entered by its door, ended; and then nothing is left. */
export async function wholeFlow(stand: StandSite, backend: RealBackend): Promise<void> {
  const id = await wish(stand, backend)
  await becomesReady(stand, id)
  // Whoever asks in the end what is left does see what there is.
  expect(await leftoversAt(backend.provider, stand.site.deploymentId)).not.toEqual([])
  const door = await openDoor(stand, id)
  if (backend.answers) expect(await door()).toBe(200)
  expect(await stop(stand, id)).toBe('stopped')
  expect(await door()).not.toBe(200)
  await nothingLeft(stand, backend)
}

/** Goes in by a door, as the session's user with a browser. */
export async function enter({ api, site, gatewayPort }: StandSite, id: string, door: string): Promise<Entered> {
  const { status, body } = await clientOf(api.url, site.user.token)(
    'POST',
    `/v1/sessions/${id}/connections`,
    { door, mode: 'control' },
    { 'idempotency-key': randomBytes(12).toString('hex') },
  )
  expect(status).toBe(201)
  return await enterDoor(gatewayPort, new URL(String(body['url'])))
}

/** Goes in by the door `web`; returns what asks there, as a browser that is in: the status of the answer. */
export async function openDoor(stand: StandSite, id: string): Promise<() => Promise<number | undefined>> {
  const { headers } = await enter(stand, id, 'web')
  const { gatewayPort } = stand
  return async () =>
    await new Promise((resolve, reject) => {
      const asking = request(
        { host: '127.0.0.1', port: gatewayPort, path: '/', headers, timeout: 30_000 },
        (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        },
      )
      asking.once('timeout', () => asking.destroy(new Error('the gateway did not answer'))).once('error', reject)
      asking.end()
    })
}
