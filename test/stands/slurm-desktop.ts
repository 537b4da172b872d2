import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { root } from '../rules/imports.ts'
import { startGuacd } from '../support/guacd/start.ts'
import { openViewer } from '../support/guacd/viewer.ts'
import type { Viewer } from '../support/guacd/viewer.ts'
import type { RealBackend } from './backend.ts'
import { enter } from './flow.ts'
import { becomesReady, nothingLeft, stop, wish } from './sessions.ts'
import { createStandSite } from './site.ts'
import type { StandSite } from './site.ts'

const launchers = join(root, 'deploy/slurm')

/** The same cluster with the desktop that the repository ships for nodes that others use. They must have TigerVNC and xterm. */
const withDesktop = (backend: RealBackend, guacd: { readonly port: number }): RealBackend => ({
  ...backend,
  variables: { ...backend.variables, CARREL_GUACD: `127.0.0.1:${guacd.port}` },
  template: {
    ...backend.template,
    command: [`${launchers}/carrel-door`, '5901=vnc', '--', `${launchers}/carrel-desktop`, 'xterm', '-bg', '#204060'],
    sizes: { small: { cpuMilli: 1_000, memoryMib: 512, diskMib: 0, gpus: 0 } },
    doors: { desktop: { protocol: 'vnc', port: 5901, modes: ['control'] } },
    readiness: { kind: 'tcp', port: 5901 },
  },
})

/** A desktop on a node that others use, from its user's wish to its end: shown by its own certificate and by no other. */
export async function desktopOnSharedNode(backend: RealBackend): Promise<void> {
  const guacd = await startGuacd()
  const desktops = withDesktop(backend, guacd)
  const stand = await createStandSite(desktops).catch(async (error: unknown) => {
    await guacd.kill()
    throw error
  })
  try {
    const id = await wish(stand, desktops)
    await becomesReady(stand, id)
    const place = await placeOf(stand, id)
    expect(await saidPlainly(place)).toBe('')

    const owner = await viewer(stand, id)
    await owner.picture
    const other = { ...place, fingerprint: 'ab'.repeat(32) }
    await putPlace(stand, id, other)
    const joined = await viewer(stand, id)
    // Whoever joins a desktop that is open connects to nothing anew.
    await joined.picture
    for (const one of [owner, joined]) one.close()
    await Promise.all([owner.ended, joined.ended])
    expect(await (await viewer(stand, id)).ended).toEqual({ code: 1011, reason: '519 desktop_unreachable' })
    await putPlace(stand, id, place)
    const back = await viewer(stand, id)
    await back.picture
    expect(await stop(stand, id)).toBe('stopped')
    expect((await back.ended).code).toBe(1000)
    await nothingLeft(stand, desktops)
  } finally {
    await stand.close()
    await guacd.kill()
  }
}

const viewer = async (stand: StandSite, id: SessionId): Promise<Viewer> => {
  const { headers } = await enter(stand, id, 'desktop')
  return openViewer({ origin: `localhost:${stand.gatewayPort}`, host: '', headers, pictureLimitMs: 60_000 })
}

const placeOf = async ({ site }: StandSite, id: SessionId) => {
  const rows = await site.db.selectFrom('instance').select('endpoints').where('session_id', '=', id).execute()
  const [place] = rows.flatMap(({ endpoints }) => endpoints)
  if (place?.fingerprint === undefined) throw new Error('its place has no certificate')
  return place
}

const putPlace = async ({ site }: StandSite, id: SessionId, place: Awaited<ReturnType<typeof placeOf>>) =>
  await site.db
    .updateTable('instance')
    .set({ endpoints: JSON.stringify([place]) })
    .where('session_id', '=', id)
    .execute()

/** What is answered to a viewer of VNC that knows nothing of TLS. */
async function saidPlainly({ host, hostPort }: { readonly host: string; readonly hostPort: number }): Promise<string> {
  const socket = connect({ host, port: hostPort })
  let said = ''
  socket.on('data', (part: Buffer) => (said += part.toString('latin1')))
  socket.on('error', () => undefined)
  socket.write('RFB 003.008\n')
  await once(socket, 'close', { signal: AbortSignal.timeout(30_000) })
  return said.includes('RFB') ? said : ''
}
