import { body, json } from '../answers.ts'
import { route } from '../route.ts'
import { SessionAsk } from '../sessions/schemas.ts'
import { projectOfBody } from '../sessions/subject.ts'
import { previewSession } from './commands.ts'
import { presentPreview, PreviewDocument } from './schemas.ts'

const preview = route(
  {
    operationId: 'previewSession',
    summary: 'Ask what starting a session would come to',
    description: 'Changes nothing and promises nothing: others may ask first.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/session-previews',
    right: 'session:preview',
    subject: projectOfBody,
    request: { body: body(SessionAsk) },
    responses: { 200: json(PreviewDocument, 'What it would reserve, and whether it would be admitted') },
  },
  async (c) => {
    const { services, principal } = c.var
    return c.json(presentPreview(await previewSession(services, principal.accountId, c.req.valid('json'))), 200)
  },
)

export const previewRoutes = [preview]
