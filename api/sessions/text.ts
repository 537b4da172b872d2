import type { z } from '@hono/zod-openapi'
import type { Page } from '../../db/paging.ts'
import type { SessionView } from '../../db/session-view.ts'
import { jsonText } from '../answers.ts'
import type { JsonText } from '../answers.ts'
import { pageText } from '../paging.ts'
import { presentSession } from './schemas.ts'
import type { SessionDocument } from './schemas.ts'

/** What operators see of it, and what all others do: each made once, for as long as the thing itself is kept. */
function once<Thing extends object, Text>(make: (thing: Thing, operator: boolean) => Text) {
  const forAll = new WeakMap<Thing, Text>()
  const forOperators = new WeakMap<Thing, Text>()
  return (thing: Thing, operator: boolean): Text => {
    const texts = operator ? forOperators : forAll
    const known = texts.get(thing)
    if (known !== undefined) return known
    const text = make(thing, operator)
    texts.set(thing, text)
    return text
  }
}

/** A session as it is answered in lists, and alone while it is not queued. */
export const sessionText = once((session: SessionView, operator): JsonText<z.infer<typeof SessionDocument>> =>
  jsonText(presentSession(session, { waiting: null, operator })),
)

/** A page of them. */
export const sessionsText = once((page: Page<SessionView>, operator) =>
  pageText('sessions', page, (session) => sessionText(session, operator)),
)
