import { OpenAPIHono } from '@hono/zod-openapi'
import { alike } from '../db/alike.ts'
import { createAnnouncer } from '../db/announce.ts'
import { findBearers } from '../db/bearers.ts'
import { readGrounds } from '../db/grounds.ts'
import type { GroundsAsk } from '../db/grounds.ts'
import { answeredOf } from '../db/outside-uses.ts'
import type { OutsideAsking } from '../db/outside-uses.ts'
import { endedChecksOf } from '../db/provider-checks.ts'
import { endedOf } from '../db/reconciliation-asks.ts'
import { settledPauses } from '../db/pause-wishes.ts'
import { decidedOf, findBearersAndSessions } from '../db/session-queries.ts'
import type { BearerAsk } from '../db/session-queries.ts'
import { listSessions } from '../db/session-list.ts'
import type { SessionsAsk } from '../db/session-list.ts'
import { together } from '../db/together.ts'
import { recordWishes } from '../db/wishes.ts'
import type { RecordableWish } from '../db/wishes.ts'
import { createAwaited } from './awaited.ts'
import { mountDevicePage } from './device-authorizations/page.ts'
import { mountDocs } from './docs.ts'
import type { ApiDeps, Services } from './deps.ts'
import type { AppEnv } from './env.ts'
import { mountInvitationPage } from './invitations/page.ts'
import { createOpenStreams } from './events/open-streams.ts'
import type { OpenStreams } from './events/open-streams.ts'
import { onError, onUnknown } from './failures.ts'
import { bounded, crossOrigin, observed } from './frame.ts'
import { createGuards } from './guards.ts'
import { buildOpenApi } from './openapi.ts'
import { methodsOf, routes } from './registry.ts'
import type { App } from './route.ts'
import { createSignInCount } from './sign-in/count.ts'
import { createGauges } from './status/gauges.ts'
import { createStatus } from './status/read.ts'
import { createTurns } from './turns.ts'
import { refuseInvalid } from './validation.ts'

/** Of what most requests ask: few statements at a time, each for all who wait. */
const limits = { atOnce: 2, most: 100 }
/** Of what waits in the database for others of its kind. */
const turnLimits = { atOnce: 3, patienceMs: 10_000 }

export interface Api {
  readonly app: App
  /** The OpenAPI 3.1 document that is served. */
  readonly description: ReturnType<typeof buildOpenApi>
  readonly streams: OpenStreams
}

/** The whole api, ready to be served or asked in process. It begins nothing and opens nothing by itself. */
export function createApp(deps: ApiDeps): Api {
  const streams = createOpenStreams()
  const waits = { ...deps, closing: streams.closing }
  const services: Services = {
    ...deps,
    streams,
    findBearer: together(limits, async (secrets: readonly string[]) => await findBearers(deps.db, secrets)),
    findBearerAndSession: together(
      limits,
      async (asks: readonly BearerAsk[]) => await findBearersAndSessions(deps.db, asks),
    ),
    readGrounds: together(limits, async (asks: readonly GroundsAsk[]) => await readGrounds(deps.db, asks)),
    listSessions: alike(async (ask: SessionsAsk) => await listSessions(deps.db, ask)),
    recordWish: together(limits, async (wishes: readonly RecordableWish[]) => await recordWishes(deps.db, wishes)),
    announce: createAnnouncer(deps.db),
    decisions: createAwaited({ ...waits, channel: 'carrel_event', settledOf: (ids) => decidedOf(deps.db, ids) }),
    pauses: createAwaited({ ...waits, channel: 'carrel_event', settledOf: (ids) => settledPauses(deps.db, ids) }),
    reconciled: createAwaited({
      ...waits,
      channel: 'carrel_reconciliation',
      settledOf: (ids) => endedOf(deps.db, ids),
    }),
    checked: createAwaited({
      ...waits,
      channel: 'carrel_provider_check',
      settledOf: (ids) => endedChecksOf(deps.db, ids),
    }),
    openings: createAwaited({
      ...waits,
      channel: 'carrel_access',
      // It is told for a session; who waits for which of its doors is found by asking.
      listener: { on: (channel, heard) => deps.listener.on(channel, () => heard('')) },
      settledOf: async (ids: readonly string[]) => {
        const asked = ids.map((id): OutsideAsking => JSON.parse(id) as OutsideAsking)
        return (await answeredOf(deps.db, asked)).flatMap((place) => ids[place] ?? [])
      },
    }),
    readStatus: createStatus(deps.db),
    fillGauges: createGauges(deps.metrics),
    countSignIn: createSignInCount(deps.metrics, deps.signIn?.issuers ?? []),
    invitationTurns: createTurns({ ...turnLimits, complaint: 'Too many invitations are written at once.' }),
  }
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid })
  app.use(observed(services), crossOrigin(deps.settings), bounded())
  app.onError(onError)
  const guards = createGuards(deps.settings)
  for (const route of routes) route.mount(app, guards)
  const description = buildOpenApi(app)
  const pages = [...mountDocs(app, description), ...mountInvitationPage(app), ...mountDevicePage(app)]
  app.notFound(onUnknown((path) => (pages.includes(path) ? ['GET', 'HEAD'] : methodsOf(path))))
  return { app, description, streams }
}
