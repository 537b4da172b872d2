import { queuePosition } from '../../db/dispatch.ts'
import type { SessionView } from '../../db/session-view.ts'
import { isOperator } from '../../domain/authorization.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { readSession } from './commands.ts'
import type { Requested } from './commands.ts'
import { preferenceOf } from '../prefer.ts'
import { presentSession } from './schemas.ts'

/** One session as it is answered, with its place in the queue. */
export async function showSession(c: AppContext, session: SessionView) {
  const waiting = session.state === 'queued' ? await queuePosition(c.var.services.db, session) : null
  return presentSession(session, { waiting, operator: isOperator(c.var.principal.actor) })
}

/**
 * Waits for the decision as long as the caller would, then answers what stands: 201 admitted, 202 undecided; a refusal is
 * a problem. A replay gets what the first call would get now.
 */
export async function answerDecision(c: AppContext, { id, view }: Requested) {
  const { services } = c.var
  const { waitMs, applied } = preferenceOf(c.req.header('prefer'))
  if (applied !== null) c.header('Preference-Applied', applied)
  if (waitMs > 0) await services.decisions.wait(id, waitMs, c.req.raw.signal)
  // Who waits for nothing is told what was recorded.
  const session = waitMs === 0 && view !== null ? view : await readSession(services.db, id)
  const location = `/v1/sessions/${id}`
  if (session.state === 'rejected') throw refusalOf(session, location)
  const document = await showSession(c, session)
  return session.state === 'requested' ? c.json(document, 202, { location }) : c.json(document, 201, { location })
}

function refusalOf({ refusal }: SessionView, location: string): Problem {
  const headers = { location }
  if (refusal === null) return new Problem('conflict', 'The session was refused.', { headers })
  const { code, violations } = refusal
  const detail =
    code === 'exceeds_limit'
      ? 'It asks for more than a limit allows at any time. Choose a smaller size.'
      : 'A quota is used up. Stop something else first, or ask for more.'
  return new Problem(code, detail, { violations, headers })
}
