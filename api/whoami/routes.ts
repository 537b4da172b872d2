import { z } from '@hono/zod-openapi'
import { readAccount } from '../accounts/commands.ts'
import { json } from '../answers.ts'
import { id, iso, time } from '../fields.ts'
import { route } from '../route.ts'

const WhoamiDocument = z
  .object({
    account: z.object({
      id,
      displayName: z.string(),
      roles: z.array(z.string()),
      organisation: z.string().nullable(),
      personalProjectId: id,
    }),
    actedBy: id.nullable().openapi({ description: 'Whose token it is, where it acts for the account' }),
    client: z.string(),
    scopes: z.array(z.string()),
    tokenId: id,
    tokenExpiresAt: time,
  })
  .openapi('Whoami')

const whoami = route(
  {
    operationId: 'whoami',
    summary: 'Read who you are to Carrel',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/whoami',
    right: 'self:read',
    responses: { 200: json(WhoamiDocument, 'Whose rights count, and who acts') },
  },
  async (c) => {
    const { principal, services } = c.var
    const account = await readAccount(services.db, principal.accountId)
    return c.json(
      {
        account: {
          id: account.id,
          displayName: account.displayName,
          roles: [...principal.actor.roles],
          organisation: account.organisation,
          personalProjectId: account.personalProjectId,
        },
        actedBy: principal.actor.actingFor ? principal.actedBy : null,
        client: principal.client,
        scopes: [...principal.actor.scopes],
        tokenId: principal.tokenId,
        tokenExpiresAt: iso(principal.tokenExpiresAt),
      },
      200,
    )
  },
)

export const whoamiRoutes = [whoami]
