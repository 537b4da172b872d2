import type { z } from '@hono/zod-openapi'
import type { SessionView } from '../../db/session-view.ts'
import { jsonText } from '../answers.ts'
import type { JsonText } from '../answers.ts'
import { presentSession } from './schemas.ts'
import type { SessionDocument } from './schemas.ts'

type Text = JsonText<z.infer<typeof SessionDocument>>

const forAll = new WeakMap<SessionView, Text>()
const forOperators = new WeakMap<SessionView, Text>()

/** A session as it is answered in lists, and alone while it is not queued; made once for a view that is kept. */
export function sessionText(session: SessionView, operator: boolean): Text {
  const texts = operator ? forOperators : forAll
  const known = texts.get(session)
  if (known !== undefined) return known
  const text = jsonText(presentSession(session, { waiting: null, operator }))
  texts.set(session, text)
  return text
}
