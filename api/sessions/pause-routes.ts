import { z } from '@hono/zod-openapi'
import type { SessionId } from '../../domain/ids.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import { json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { preferenceOf } from '../prefer.ts'
import { route } from '../route.ts'
import { expectTermsAccepted } from '../terms/expected.ts'
import { readSession } from './commands.ts'
import { showSession } from './decided.ts'
import { askPause, failureOf } from './pausing.ts'
import { SessionDocument } from './schemas.ts'
import { sessionOfPath } from './subject.ts'

const params = z.object({ sessionId: idOf('session') })

/** Waits as long as the caller would until the wish is settled: 200 where it is so, 202 where it is not decided. */
async function settle(c: AppContext, id: SessionId, wish: PauseWish) {
  const { services } = c.var
  if (wish === 'resume') await expectTermsAccepted(services.db, c.var.principal.accountId)
  await askPause(services, deedOf(c), id, wish)
  const { waitMs, applied } = preferenceOf(c.req.header('prefer'))
  if (applied !== null) c.header('Preference-Applied', applied)
  if (waitMs > 0) await services.pauses.wait(id, waitMs, c.req.raw.signal)
  const session = await readSession(services.db, id)
  const failure = failureOf(wish, session)
  if (failure !== null) throw failure
  const document = await showSession(c, session)
  const isSo = session.state === (wish === 'pause' ? 'paused' : 'ready') && session.pauseWish === null
  return isSo ? c.json(document, 200) : c.json(document, 202)
}

const pause = route(
  {
    operationId: 'pauseSession',
    summary: 'Pause a session',
    description:
      'It rests: what it stored stays, what it ran with is given back, and its doors are closed until it is resumed. Where its ' +
      'provider cannot, 422 `pause_unsupported`; where it is not ready, 409. Waits as long as `Prefer: wait=N` says until it is ' +
      'paused (200), or answers 202. Where that fails while it waits, 409 `pause_failed`: it runs on. Repeats change nothing.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/pause',
    right: 'session:pause',
    subject: sessionOfPath,
    refusals: [409, 422],
    request: { params },
    responses: { 200: json(SessionDocument, 'It is paused'), 202: json(SessionDocument, 'It is to be paused') },
  },
  async (c) => await settle(c, c.req.valid('param').sessionId, 'pause'),
)

const resume = route(
  {
    operationId: 'resumeSession',
    summary: 'Resume a paused session',
    description:
      'A start: terms of use and, outside an experiment, the user office are asked as there (`terms_not_accepted`, `not_authorized`, ' +
      '`user_office_unavailable`). What it runs with is asked of the quotas again. Refused, it stays paused, and `resumeRefusal` says why; who waits for the ' +
      'decision is answered with the same problem as at a start. Admitted, it goes on where its provider has room, and is ' +
      '`queued` else. Waits as long as `Prefer: wait=N` says until it is ready (200), or answers 202. Repeats change nothing; ' +
      'after a refusal a repeat is a new try.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/resume',
    right: 'session:pause',
    subject: sessionOfPath,
    refusals: [403, 409],
    request: { params },
    responses: { 200: json(SessionDocument, 'It is ready'), 202: json(SessionDocument, 'It is to go on') },
  },
  async (c) => await settle(c, c.req.valid('param').sessionId, 'resume'),
)

export const sessionPauseRoutes = [pause, resume]
