import type { App } from './route.ts'
import { tags } from './route.ts'

const about: Record<(typeof tags)[number], string> = {
  sessions: 'Running desks: start, look at, use, stop',
  events: 'What happens to sessions, as it happens',
  templates: 'What can be started',
  projects: 'Who works together on what',
  invitations: 'Who is asked to join, and what became of it',
  quotas: 'How much may be held at once',
  'sign-in': 'How people sign in',
  tokens: 'How programs sign in',
  accounts: 'People and machines',
  providers: 'Where sessions run',
  provisioner: 'For whoever makes instances that are handed over',
  status: 'How Carrel is',
  operation: 'For those who run it',
}

const description = `A researcher's own desk on demand.

Every creating POST takes an \`Idempotency-Key\`; every PUT an \`If-Match\`. Lists are paged by \`cursor\`. Refusals are
problem documents (RFC 9457) with a \`code\`. Times are RFC 3339 in UTC; units are part of a field's name. States, reasons,
event types and codes may grow: take those you do not know for what they are, not for errors. A token with the scope
\`act-as\` acts for an account that it names in \`Carrel-On-Behalf-Of\`, with at most that account's rights as a member.`

/** The API's description, from the routes that are mounted. Build it once. */
export function buildOpenApi(app: App) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of Carrel: `carrel_…`',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'reportToken', {
    type: 'http',
    scheme: 'bearer',
    description: 'What an instance was given to report its ports with: `cr_…`',
  })
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Carrel', version: '1', description, license: { name: 'Apache-2.0' } },
    tags: tags.map((name) => ({ name, description: about[name] })),
  })
}
