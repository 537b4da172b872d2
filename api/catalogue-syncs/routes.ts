import { z } from '@hono/zod-openapi'
import { getSync, listSyncs } from '../../db/catalogue-asks.ts'
import { syncOutcomes } from '../../domain/catalogue.ts'
import { idPattern } from '../../domain/ids.ts'
import type { SyncId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, slug } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { readSync, requestSync } from './commands.ts'
import { CatalogueSyncCreate, CatalogueSyncDocument, presentSync } from './schemas.ts'

const syncOfPath: RouteSubject = {
  kind: 'catalogueSync',
  param: 'syncId',
  relation: async (c) => {
    const id = c.req.param('syncId') ?? ''
    if (!idPattern.test(id)) return null
    return (await getSync(c.var.services.db, id as SyncId)) === null ? null : {}
  },
}

const create = route(
  {
    operationId: 'startCatalogueSync',
    summary: 'Look at a catalogue now',
    description:
      'Says what differs from what is here; with `dryRun: false` it is brought in. Withdrawals of more than five and more than a fifth of what the ' +
      'catalogue has brought in are withheld: look at them, then ask again with `allowWithdrawals`. Follow it at its address.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/catalogue-syncs',
    right: 'operate:write',
    about: () => ({ kind: 'catalogueSync', id: null }),
    creates: true,
    reasoned: true,
    request: { body: body(CatalogueSyncCreate) },
    responses: { 202: json(CatalogueSyncDocument, 'It is asked for') },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const sync = await requestSync(services, deedOf(c), intent, principal.accountId, c.req.valid('json'))
    return c.json(presentSync(sync), 202, { location: `/v1/admin/catalogue-syncs/${sync.id}` })
  },
)

const listAll = route(
  {
    operationId: 'listCatalogueSyncs',
    summary: 'List looks at catalogues, also the scheduled ones, the newest first',
    tags: ['operation'],
    method: 'get',
    path: '/v1/admin/catalogue-syncs',
    right: 'operate:read',
    request: {
      query: z.strictObject({
        ...pageQuery,
        source: slug(32).optional(),
        outcome: z.enum(syncOutcomes).optional(),
      }),
    },
    responses: { 200: json(pageOfItems(CatalogueSyncDocument), 'A page of them') },
  },
  async (c) => {
    const query = c.req.valid('query')
    const filter = { source: query.source ?? null, outcome: query.outcome ?? null }
    const page = await listSyncs(c.var.services.db, filter, pageAsk('catalogueSyncs', query))
    return c.json(answerPage('catalogueSyncs', page, presentSync), 200)
  },
)

const getOne = route(
  {
    operationId: 'getCatalogueSync',
    summary: 'Read what came of a look at a catalogue',
    tags: ['operation'],
    method: 'get',
    path: '/v1/admin/catalogue-syncs/{syncId}',
    right: 'operate:read',
    subject: syncOfPath,
    request: { params: z.object({ syncId: idOf('sync') }) },
    responses: { 200: json(CatalogueSyncDocument, 'The sync') },
  },
  async (c) => c.json(presentSync(await readSync(c.var.services.db, c.req.valid('param').syncId)), 200),
)

export const catalogueSyncRoutes = [create, listAll, getOne]
