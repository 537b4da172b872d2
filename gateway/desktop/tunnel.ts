import type { WebSocket } from 'ws'
import { permissionsOf } from '../../domain/desktop-parameters.ts'
import { unpinnedProtocols } from '../../domain/report.ts'
import type { Logger } from '../../platform/logging.ts'
import type { DoorAccess, Doors, TunnelId } from '../doors.ts'
import type { Live } from '../live.ts'
import type { Target } from '../../platform/target.ts'
import { openBrowser } from './browser.ts'
import { desktopEnds } from './ends.ts'
import type { DesktopEnd } from './ends.ts'
import { createFilter } from './filter.ts'
import type { Gate } from './gate.ts'
import type { BridgeSettings } from './bridge.ts'
import type { DesktopProtocol, HandshakePlan } from './handshake.ts'
import type { Instruction } from './instructions.ts'
import { openDesktop, openingLimits } from './opening.ts'
import type { Opened, Opening, OpeningFailed, OpeningLimits } from './opening.ts'
import { connectionParameters, joiningParameters } from './parameters.ts'
import { bridgingTo } from './pinned-desk.ts'
import { isRecorded, recordingName } from './recording.ts'
import { createRelay } from './relay.ts'
import type { Relay } from './relay.ts'
import type { DesktopRequest } from './request.ts'
import type { Sharing } from './sharing.ts'

export interface TunnelDeps {
  readonly gate: Gate
  readonly sharing: Sharing
  readonly doors: Pick<Doors, 'openTunnel' | 'closeTunnel' | 'reportDoor'>
  readonly live: Pick<Live, 'add'>
  /** Where the desktop is, checked at this moment. */
  readonly target: (access: DoorAccess) => Promise<Target>
  /** Opens the session's sealed secret; `null`: it has none. @throws where the key is not there */
  readonly openSecret: (access: DoorAccess) => string | null
  /** Where guacd records to, as guacd sees it; `null`: nowhere. */
  readonly recordings: string | null
  /** How guacd comes to desktops that are pinned to a certificate. */
  readonly bridge: BridgeSettings
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly limits?: OpeningLimits
}

/** Runs one viewer's connection from its first moment to its row's end. Never rejects. */
export async function runTunnel(
  deps: TunnelDeps,
  socket: WebSocket,
  access: DoorAccess,
  from: { readonly remoteAddress: string; readonly request: DesktopRequest },
): Promise<void> {
  const { promise: over, resolve: settle } = Promise.withResolvers<{ end: DesktopEnd; detail: string }>()
  const leaving = new AbortController()
  let relay: Relay | null = null
  const live = deps.live.add({ access, kind: 'desktop', tunnelId: null, cut: (reason) => finish(reason, 'cut') })
  const browser = openBrowser(socket, {
    said: (instructions) => relay?.up(instructions),
    gone: (end) => finish(end, 'the browser'),
    received: (bytes) => live.received(bytes),
    sent: (bytes) => live.sent(bytes),
  })
  const finish = (end: DesktopEnd, detail: string) => {
    relay?.stop()
    browser.close(end)
    leaving.abort()
    settle({ end, detail })
  }

  const writeRow = async (): Promise<TunnelId> => {
    const tunnelId = await deps.doors.openTunnel(access, 'desktop', from.remoteAddress)
    live.named(tunnelId)
    return tunnelId
  }
  const row = writeRow()
  const run = async (): Promise<void> => {
    const tunnelId = await row
    if (leaving.signal.aborted) return
    const opening = await openFor(deps, access, from.request, leaving.signal)
    if (opening.kind === 'failed') return finish(opening.end, opening.detail)
    const { sessionId, door, mode } = access
    deps.log.info({ sessionId, door, mode, tunnelId, failedTries: opening.failedTries }, 'desktop opened')
    const seat = deps.sharing.enter(access, opening)
    void over.then(() => {
      seat.leave()
      opening.release()
    })
    if (leaving.signal.aborted) return opening.link.close()
    relay = createRelay({
      link: opening.link,
      browser,
      filter: createFilter(access.mode, permissionsOf(access.spec, access.mode)),
      usersNow: seat.usersNow,
      input: () => live.input(),
      ended: finish,
    })
    begin(relay, opening, () => browser.open(tunnelId))
  }
  run().catch((error: unknown) => {
    deps.log.warn({ error, sessionId: access.sessionId, door: access.door }, 'a desktop could not be opened')
    finish('unverified', 'it could not be written down')
  })

  const { end, detail } = await over
  live.remove()
  // Who leaves while it is being written leaves a row, too.
  await row.catch(() => undefined)
  await closeRow(deps, live, end, detail)
}

/** The browser gets what was said before it was told of the desktop, and then all that follows. */
function begin(relay: Relay, { link, first }: Opened, tellBrowser: () => void): void {
  tellBrowser()
  relay.down(first)
  link.take((batch: readonly Instruction[]) => relay.down(batch))
}

/** Ends its row. What can't be written is written by whoever tidies up. */
async function closeRow(
  deps: TunnelDeps,
  live: ReturnType<Live['add']>,
  end: DesktopEnd,
  detail: string,
): Promise<void> {
  const { access, tunnelId, bytesIn, bytesOut } = live
  const { sessionId, door, mode } = access
  deps.log.info(
    { sessionId, door, mode, tunnelId, end, detail: detail.slice(0, 200), bytesIn, bytesOut },
    'desktop closed',
  )
  if (tunnelId === null) return
  await deps.doors.closeTunnel(tunnelId, desktopEnds[end].row, { bytesIn, bytesOut }).catch((error: unknown) => {
    deps.log.warn({ error, tunnelId }, 'the end of a desktop could not be written down')
  })
}

/** Joins what is open, or opens anew; and says of the door whether its desktop answers. */
async function openFor(
  deps: TunnelDeps,
  access: DoorAccess,
  request: DesktopRequest,
  signal: AbortSignal,
): Promise<Opening> {
  const { spec, mode } = access
  if (spec.protocol === 'http') return failed('browser_fault', 'not a desktop')
  const plan = {
    screen: request.screen,
    timezone: request.timezone,
    name: access.accountId,
  }
  if (spec.recording !== undefined && deps.recordings === null) return failed('recording_unavailable', 'no directory')
  if (spec.recording !== undefined && !request.recordingAcknowledged)
    return failed('recording_unacknowledged', 'not told')

  const joined = await joinFor(deps, access, plan, signal)
  if (joined !== null) return joined
  // A second login would be another desktop, not a look at this one.
  if (mode === 'view' && spec.protocol !== 'vnc') return failed('nobody_to_watch', 'nobody has it open')
  const opening = await openAnew(deps, access, spec.protocol, plan, signal)
  const desktopAnswers = opening.kind === 'opened' ? 'ok' : opening.end === 'desktop_unreachable' ? 'unreachable' : null
  if (desktopAnswers !== null)
    deps.doors.reportDoor(access.sessionId, access.door, desktopAnswers).catch(() => undefined)
  return opening
}

type PlanBasis = Omit<HandshakePlan, 'select' | 'parameters'>

/** `null`: there is nothing to join, or no more. */
async function joinFor(
  { gate, sharing, log, limits = openingLimits }: TunnelDeps,
  access: DoorAccess,
  basis: PlanBasis,
  signal: AbortSignal,
): Promise<Opening | null> {
  const shared = sharing.find(access)
  if (shared === null) return null
  const plan = { ...basis, select: { join: shared.connectionId }, parameters: joiningParameters(access) }
  const opening = await openDesktop({ gate, plan, only: shared.guacd, signal, limits: { ...limits, tries: 1 } })
  if (opening.kind === 'opened' || opening.end === 'left') return opening
  const { sessionId, door } = access
  log.info({ sessionId, door, end: opening.end, detail: opening.detail.slice(0, 200) }, 'a desktop could not be joined')
  sharing.forget(shared)
  return null
}

async function openAnew(
  deps: TunnelDeps,
  access: DoorAccess,
  protocol: DesktopProtocol,
  basis: PlanBasis,
  signal: AbortSignal,
): Promise<Opening> {
  const target = await deps.target(access)
  if (target.kind !== 'address') return failed('desktop_unreachable', target.kind)
  const isPinned = target.fingerprint !== undefined
  if (isPinned && unpinnedProtocols.includes(protocol)) return failed('desktop_unreachable', `${protocol} with a pin`)
  const { spec, mode } = access
  const recording =
    spec.recording === undefined || deps.recordings === null
      ? null
      : { directory: deps.recordings, name: recordingName(access, spec.recording.retentionDays, Date.now()) }
  const secret = deps.openSecret(access)
  const parameters = connectionParameters({ protocol, spec, mode, target, secret, recording })
  const plan = { ...basis, select: { protocol }, parameters }
  const limits = deps.limits ?? openingLimits
  // RDP signs in before its first picture, which may take a while.
  const pictureMs = protocol === 'rdp' ? 2 * limits.pictureMs : limits.pictureMs
  const opening = await openDesktop({
    gate: deps.gate,
    plan,
    ...(isPinned ? { bridging: bridgingTo(() => deps.target(access), deps.bridge) } : {}),
    signal,
    limits: { ...limits, pictureMs },
  })
  if (opening.kind === 'failed' || recording === null || (await isRecorded(recording))) return opening
  opening.link.close()
  opening.bridge?.close()
  opening.release()
  return failed('recording_unavailable', 'guacd does not write it')
}

const failed = (end: DesktopEnd, detail: string): OpeningFailed => ({ kind: 'failed', end, detail })
